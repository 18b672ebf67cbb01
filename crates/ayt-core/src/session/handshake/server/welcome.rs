//! An admission as WELCOME.

use super::{Admission, Misuse, ResumeRequest};
use crate::session::frame::{Bits128, Mode, Welcome};
use crate::session::handshake::Terms;

/// WELCOME without its mac; only what the client has proved a right to.
pub(super) fn welcome(
    admission: &Admission,
    terms: &Terms,
    mode: Mode,
    resume: &ResumeRequest,
) -> Result<Welcome, Misuse> {
    let mut welcome = Welcome {
        resumed: false,
        known: false,
        epoch: 0,
        session: Bits128::default(),
        secret: Bits128::default(),
        resume_ms: terms.resume_ms,
        client_beat_ms: terms.client_beat_ms,
        server_beat_ms: terms.server_beat_ms,
        misses: terms.misses,
        challenge_ms: terms.challenge_ms,
        max_payload: terms.max_payload,
        window: terms.window,
        received: 0,
        mac: None,
    };
    if matches!(admission, Admission::Spare) != (mode == Mode::Spare) {
        return Err(Misuse::Mode);
    }
    match (admission, resume) {
        (
            Admission::New {
                epoch,
                session,
                secret,
                known,
            },
            resume,
        ) => {
            let proved = matches!(resume, ResumeRequest::Proved { .. });
            if known.is_some() && !proved {
                return Err(Misuse::NotProved);
            }
            welcome.known = known.is_some();
            welcome.received = known.unwrap_or(0);
            (welcome.epoch, welcome.session) = (*epoch, *session);
            welcome.secret = *secret.bits();
        }
        (
            Admission::Resumed {
                epoch,
                secret,
                received,
            },
            ResumeRequest::Proved { session, .. },
        ) => {
            welcome.resumed = true;
            welcome.received = *received;
            (welcome.epoch, welcome.session) = (*epoch, *session);
            welcome.secret = *secret.bits();
        }
        (Admission::Resumed { .. }, _) => return Err(Misuse::NotProved),
        (Admission::Spare, _) => {
            welcome.resume_ms = 0;
            (welcome.client_beat_ms, welcome.server_beat_ms) = (0, 0);
        }
    }
    Ok(welcome)
}
