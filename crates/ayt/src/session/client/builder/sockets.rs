//! The options of the client's own sockets.

use std::io;
use std::time::Duration;

use ayt_core::keepalive::Policy;
use tokio::net::TcpStream;

use super::Builder;

/// Of the sockets that [`Builder::address`] leads to. Those of a
/// [`connector`](Builder::connector) are the program's, and are left as they are.
impl Builder {
    /// The kernel asks the server's kernel, when nothing is heard of it, whether it is
    /// there, as this policy says, from the end of the registration on.
    ///
    /// Default: what goes with the heartbeats that were agreed; the values, and why, are
    /// those of [`ServerBuilder::keepalive`](crate::session::server::ServerBuilder::keepalive).
    /// In short: 60/10/6 with a user timeout of 115 s, longer where the heartbeats are more
    /// patient; and with heartbeats that are more than 60 s apart no probes at all.
    ///
    /// A client that wishes for no beats of the server (a
    /// [`server_beat`](Self::server_beat) of zero) finds a dead server by this alone: by
    /// the probes where it is silent itself, else by the user timeout of its own
    /// heartbeats. Without both it would wait for ever, or for a quarter of an hour.
    ///
    /// A policy that is given holds whatever the heartbeats. It is not used for spare
    /// connections, on which a silence is to be one.
    pub fn keepalive(mut self, policy: Policy) -> Self {
        self.sockets.wish = self.sockets.wish.policy(policy);
        self
    }

    /// Neither probes nor a user timeout are set: heartbeats alone find a death.
    pub fn without_keepalive(mut self) -> Self {
        self.sockets.wish = self.sockets.wish.nothing();
        self
    }

    /// How long data may stay unacknowledged until the kernel ends the connection: whole
    /// milliseconds, 1 ms to nearly 25 days; `None`: as long as the system likes. It takes
    /// the place of that in [`Self::keepalive`], if it is called after that. Linux takes it for the idle path as well.
    pub fn user_timeout(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.sockets.wish = self.sockets.wish.user_timeout(time.into());
        self
    }

    /// Sets other options on each socket when it is connected. Where it fails, so does the
    /// attempt. Keepalive and the user timeout are set later, at the end of the
    /// registration: to set them here, call [`Self::without_keepalive`]; a spare
    /// connection would have them then, too.
    pub fn on_socket(
        mut self,
        set: impl Fn(&TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.sockets.on_socket(set);
        self
    }
}
