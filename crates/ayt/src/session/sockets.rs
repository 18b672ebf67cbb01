//! The options of the sockets that a server accepts and a client opens.

use std::fmt;
use std::io;
use std::sync::Arc;

use ayt_core::keepalive::BadPolicy;
#[cfg(any(unix, windows))]
use ayt_core::keepalive::SubSecond;
use ayt_core::session::frame::Welcome;
use ayt_core::session::kernel::{Agreed, Wish};
use tokio::net::TcpStream;

use super::driver::beat;
use crate::setup::OnSocket;

/// Keepalive settings that cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadSockets {
    /// A time out of range.
    #[error(transparent)]
    Policy(#[from] BadPolicy),
    /// A time below a second where the system counts whole seconds.
    #[cfg(any(unix, windows))]
    #[error(transparent)]
    SubSecond(#[from] SubSecond),
}

/// What is set on each socket.
#[derive(Clone, Default)]
pub(crate) struct Sockets {
    pub(crate) wish: Wish,
    on_socket: Option<OnSocket>,
}

impl Sockets {
    pub(crate) fn on_socket(
        &mut self,
        set: impl Fn(&TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) {
        self.on_socket = Some(Arc::new(set));
    }

    /// Nothing in it will fail for being wrong.
    pub(crate) fn check(&self) -> Result<(), BadSockets> {
        let policy = self.wish.check()?;
        #[cfg(any(unix, windows))]
        if let Some(os) = crate::keepalive::this_os() {
            os.plan(&policy)?;
        }
        #[cfg(not(any(unix, windows)))]
        drop(policy);
        Ok(())
    }

    /// On a socket that was just accepted or connected.
    pub(crate) fn prepare(&self, socket: &TcpStream) -> io::Result<()> {
        // Heartbeats and acknowledgements are small and must not wait for each other.
        // Where it fails the connection is gone, and reading says so.
        let _ = socket.set_nodelay(true);
        match &self.on_socket {
            Some(set) => set(socket),
            None => Ok(()),
        }
    }

    /// On the socket of a session that is registered: not before, since until then a
    /// deadline watches; and never on that of a spare connection, on which a silence is
    /// to be one.
    pub(crate) fn watch(&self, socket: &TcpStream, welcome: &Welcome) {
        let Some(watch) = self.wish.of(&agreed(welcome)) else {
            return;
        };
        #[cfg(any(unix, windows))]
        {
            let set = crate::keepalive::apply(socket, &watch.policy).map_err(io::Error::other);
            let set = set.and_then(|applied| {
                if !watch.probes {
                    socket2::SockRef::from(socket).set_keepalive(false)?;
                }
                Ok(applied)
            });
            // The settings were checked: where it fails the connection is gone, and
            // reading says so.
            crate::trace::kernel_watch(socket.peer_addr().ok(), watch.probes, set);
        }
        #[cfg(not(any(unix, windows)))]
        let _ = (socket, watch);
    }
}

fn agreed(welcome: &Welcome) -> Agreed {
    Agreed {
        beats: [beat(welcome.client_beat_ms), beat(welcome.server_beat_ms)],
        misses: welcome.misses,
        challenge: std::time::Duration::from_millis(welcome.challenge_ms.into()),
    }
}

impl fmt::Debug for Sockets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sockets")
            .field("wish", &self.wish)
            .finish_non_exhaustive()
    }
}
