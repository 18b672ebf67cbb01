//! Which secrets of a session a resume may be proved with.

use crate::session::proof::{Secret, Transcript};

/// The secrets of one session, at its server.
///
/// Each WELCOME replaces the secret, and may be lost on its way. So the secret that a
/// resume was proved with, which its client certainly has, is taken as well as the new
/// one, until the first frame after WELCOME shows that the client has that.
#[derive(Debug, Clone)]
pub struct ResumeSecrets {
    current: Secret,
    proved: Option<Secret>,
}

impl ResumeSecrets {
    /// Of a new session.
    #[must_use]
    pub const fn new(current: Secret) -> Self {
        Self {
            current,
            proved: None,
        }
    }

    /// The secret that the last WELCOME brought.
    #[must_use]
    pub const fn current(&self) -> &Secret {
        &self.current
    }

    /// The session was resumed: the secret that proved it
    /// ([`Request`](super::Request) has it) and the new one are taken from now on.
    pub fn renew(&mut self, proved: Secret, new: Secret) {
        self.proved = Some(proved);
        self.current = new;
    }

    /// The first frame after WELCOME has come: only the new secret is taken.
    pub fn confirm(&mut self) {
        self.proved = None;
    }

    /// The secret that the resume in the transcript was proved with; `None` when its
    /// mac is wrong. Tries both, whichever is right.
    #[must_use]
    pub fn prove(&self, transcript: &Transcript) -> Option<Secret> {
        let by_current = transcript.resume_proved(&self.current);
        let by_proved = self
            .proved
            .as_ref()
            .filter(|secret| transcript.resume_proved(secret));
        if by_current {
            Some(self.current.clone())
        } else {
            by_proved.cloned()
        }
    }
}
