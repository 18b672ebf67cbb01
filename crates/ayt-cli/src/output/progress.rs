//! Progress of long work, on standard error, on a terminal only.

use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use super::Output;

/// Shorter work shows nothing.
const SHOW_AFTER: Duration = Duration::from_millis(500);
/// Between two updates.
const PERIOD: Duration = Duration::from_millis(100);

/// One line that is written over again, and wiped when dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    /// When the next update is due; `None` where nobody watches.
    due: Option<Instant>,
    shown: bool,
}

impl Progress {
    /// Begins to count the time.
    pub(crate) fn new(output: &Output) -> Self {
        Self {
            due: output
                .error_page()
                .is_terminal()
                .then(|| now() + SHOW_AFTER),
            shown: false,
        }
    }

    /// Shows the text if it is time to.
    pub(crate) fn show(&mut self, text: impl FnOnce() -> String) {
        let Some(due) = self.due else { return };
        let now = now();
        if now < due {
            return;
        }
        self.due = Some(now + PERIOD);
        self.shown = true;
        let mut stderr = io::stderr().lock();
        let _ = write!(stderr, "\r\x1b[K{}", text());
        let _ = stderr.flush();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how often a terminal line is redrawn decides nothing"
)]
fn now() -> Instant {
    Instant::now()
}
