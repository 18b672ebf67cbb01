//! A connection's handle, for others than its owner.

use std::net::SocketAddr;
use std::sync::Arc;

use super::shared::Shared;
use crate::cause::Cause;

/// Ends a watched connection from elsewhere, says how it ended, registers it, and
/// holds its detector. Cheap to clone; it keeps no descriptor open.
#[derive(Debug, Clone)]
pub struct Handle {
    pub(super) shared: Arc<Shared>,
    pub(super) peer: Option<SocketAddr>,
}

impl Handle {
    /// Ends the connection with this cause: its owner's pending and later reads
    /// and writes fail with it at once. The descriptor is the owner's to close.
    /// Returns whether this call ended it; `false` when it had been ended before.
    pub fn end(&self, cause: Cause) -> bool {
        self.shared.decide(cause)
    }

    /// Why it ended; `None` while it has not. [`Cause::PeerClosed`] may come
    /// while the other direction is still open.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        self.shared.cause()
    }

    /// Waits until it has ended, and says why. For an owner that does something else than
    /// read: it is told of an end by this side ([`Handle::end`], a listener's
    /// [age](crate::listener::Bounds::age)) without polling the connection, and can drop
    /// it. What the peer does shows only to who reads.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn ended(&self) -> Cause {
        loop {
            let mut told = std::pin::pin!(self.shared.told());
            // Before looking, so that no end is missed in between.
            told.as_mut().enable();
            if let Some(cause) = self.shared.cause() {
                return cause;
            }
            told.await;
        }
    }

    /// Its owner has not said yet who the peer is.
    pub(crate) fn is_unregistered(&self) -> bool {
        self.shared.is_unregistered()
    }

    /// The peer's address, where it is known.
    #[must_use]
    pub const fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// The peer is no stranger any more: the connection leaves the listener's bounds on
    /// unregistered ones, and its deadline is off. The first byte that is read does it by
    /// itself, [unless](crate::listener::Listener::register_explicitly) the listener
    /// leaves it to this call. Returns `false` where it was registered before, has ended,
    /// or never needed to be. A peer that has only closed its own direction can still be
    /// registered.
    #[expect(
        clippy::must_use_candidate,
        reason = "registering is the point; the answer only says whether it was news"
    )]
    pub fn registered(&self) -> bool {
        self.shared.register()
    }

    /// Holds the detector: silence does not count until the returned value is
    /// dropped, and then begins anew. For the time in which the peer has nothing
    /// to say, such as while it waits for this side's answer.
    pub fn hold(&self) -> Hold {
        self.shared.hold();
        Hold {
            shared: Arc::clone(&self.shared),
        }
    }
}

/// While it lives, silence does not count.
#[derive(Debug)]
#[must_use = "the detector goes on when this is dropped"]
pub struct Hold {
    shared: Arc<Shared>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.shared.unhold();
    }
}
