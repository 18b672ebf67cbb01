//! Asking the server whether it is there.

use super::super::values::Status;
use super::Shared;

impl Shared {
    /// So many questions were answered, and were not.
    fn answers(&self) -> (u64, u64, Status) {
        let state = self.lock();
        (state.answered, state.unanswered, state.snapshot.status)
    }

    /// Asks: `true` where anything comes within the challenge time, `false` where nothing
    /// does, or there is no connection.
    pub(in super::super) async fn ask(&self) -> bool {
        let (answered, unanswered, _) = self.answers();
        let core = self.current();
        if !core.is_connected() {
            return false;
        }
        core.ask();
        self.when(|shared| {
            let (yes, no, status) = shared.answers();
            let connected = matches!(status, Status::Registered | Status::Suspect);
            if yes > answered {
                Some(true)
            } else {
                (no > unanswered || !connected).then_some(false)
            }
        })
        .await
    }
}
