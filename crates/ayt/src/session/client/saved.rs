//! What a program keeps of a client over its own end.

use bytes::Bytes;

use ayt_core::session::proof::Secret;
use ayt_core::session::traffic::{Accepts, Config, Traffic};

use super::shared::Named;
use crate::session::driver::Core;

/// A session as its client keeps it over the end of its own process, to resume it
/// afterwards ([`restore`](super::Builder::restore)): plain values, to be written
/// anywhere that only this device can read.
///
/// **For a planned end** [`Client::suspend`](super::Client::suspend) gives it, and it
/// is exact.
///
/// **To survive a crash** a program keeps it up to date by itself. Messages are
/// numbered by their order, so it **writes down each message before it sends it**,
/// and restores with all of them in `messages`, from the one after `acknowledged` on,
/// in order; older ones may be in front only where `acknowledged` is as old. A
/// message that was sent and not written down would have its number given to
/// another, which the server then takes for a repetition and drops. `handed_over` is
/// raised before the message after it is asked for: where it is too low, the server
/// does not resume, or messages come again.
///
/// **Where it does not fit** what the server has seen, the server registers a new
/// session and tells what it knows: [`Event::NotResumed`](super::Event::NotResumed).
///
/// **The secret** is replaced with each registration, and the one before is wrong
/// as soon as the client has sent anything:
/// [`on_secret`](super::Builder::on_secret) stores it before that.
///
/// `Debug` shows neither the secret nor the messages.
#[derive(Clone)]
pub struct Saved {
    /// The session's name.
    pub session: [u8; 16],
    /// What proves a resume. Overwritten when dropped.
    pub secret: Secret,
    /// The epoch of its last registration.
    pub epoch: u64,
    /// The server has handed over every message up to this number.
    pub acknowledged: u64,
    /// This program is done with every message up to this number.
    pub handed_over: u64,
    /// The messages after `acknowledged`, in order.
    pub messages: Vec<Bytes>,
    /// The largest payload the server takes, bytes.
    pub peer_max_payload: u32,
    /// Unacknowledged bytes the server takes.
    pub peer_window: u32,
}

impl std::fmt::Debug for Saved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Saved")
            .field("session", &self.session)
            .field("epoch", &self.epoch)
            .field("acknowledged", &self.acknowledged)
            .field("handed_over", &self.handed_over)
            .field("messages", &self.messages.len())
            .finish_non_exhaustive()
    }
}

impl Saved {
    pub(super) fn of(named: &Named, core: &Core) -> Self {
        let handed_over = core.numbers().handed_over;
        let (first, messages) = core.unacknowledged();
        Self {
            session: named.session,
            secret: named.secret.clone(),
            epoch: named.epoch,
            acknowledged: first.saturating_sub(1),
            handed_over,
            messages,
            peer_max_payload: named.accepts.max_payload,
            peer_window: named.accepts.window,
        }
    }

    /// Its numbers leave room to count on: none of a real session comes near.
    pub(super) fn is_sound(&self) -> bool {
        const MOST: u64 = u64::MAX / 2;
        self.acknowledged < MOST && self.handed_over < MOST
    }

    fn accepts(&self) -> Accepts {
        Accepts {
            max_payload: self.peer_max_payload,
            window: self.peer_window,
        }
    }

    pub(super) fn named(&self) -> Named {
        Named {
            session: self.session,
            secret: self.secret.clone(),
            epoch: self.epoch,
            accepts: self.accepts(),
        }
    }

    pub(super) fn traffic(self, config: Config) -> Traffic {
        let config = Config {
            peer: self.accepts(),
            ..config
        };
        Traffic::restore(config, self.acknowledged, self.handed_over, self.messages)
    }
}
