//! The options of the listener's sockets.

use std::io;
use std::time::Duration;

use ayt_core::keepalive::Policy;
use tokio::net::TcpStream;

use super::ServerBuilder;

/// Of the sockets that this server's listener accepts. Those of
/// [`Server::serve_connection`](super::Server::serve_connection) and its like are the
/// program's, and are left as they are.
impl ServerBuilder {
    /// The kernel asks an idle client's kernel whether it is there, as this policy says,
    /// from the end of its registration on.
    ///
    /// Default: what goes with the heartbeats that were agreed.
    ///
    /// | | | why |
    /// |---|---|---|
    /// | I | 60 s | below the shortest usual time after which a NAT or a balancer forgets |
    /// | V | 10 s | an outage of less than N − 1 probes is survived |
    /// | U | B · M + C, of the longer beat of both sides; at least 115 s, at most 15 min | the kernel is never less patient than the heartbeats; without it Linux retransmits for a quarter of an hour |
    /// | N | as many as fit: 6 with U = 115 s | both ways of dying take the same time |
    ///
    /// (B beat, M misses, C challenge time: [`Limits`](super::Limits).) With beats of up
    /// to 60 s probes are on and never sent: something is heard sooner. Where both sides
    /// are meant to be silent for longer than that, **probes are off**, and only U is
    /// set: they would wake a device's radio between its heartbeats, and hold open a NAT
    /// mapping that the heartbeat was chosen for.
    ///
    /// What this finds that heartbeats do not: the silent death of a client that has
    /// promised none ([`Beats::needed`](super::Beats::needed)), and data that nobody
    /// acknowledges.
    ///
    /// A policy that is given holds whatever the heartbeats. It is not used for spare
    /// connections, on which a silence is to be one. What this system cannot do of it is
    /// no failure; what was set is read back and told at `debug` (feature `tracing`).
    #[must_use]
    pub fn keepalive(mut self, policy: Policy) -> Self {
        self.sockets.wish = self.sockets.wish.policy(policy);
        self
    }

    /// Neither probes nor a user timeout are set: heartbeats alone find a death, and
    /// data in flight takes as long as the system's own bound to fail.
    #[must_use]
    pub fn without_keepalive(mut self) -> Self {
        self.sockets.wish = self.sockets.wish.nothing();
        self
    }

    /// How long data may stay unacknowledged until the kernel ends the connection: whole
    /// milliseconds, 1 ms to nearly 25 days; `None`: as long as the system likes. It takes
    /// the place of U in [`Self::keepalive`], if it is called after that.
    /// Linux takes it for the idle path as well.
    #[must_use]
    pub fn user_timeout(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.sockets.wish = self.sockets.wish.user_timeout(time.into());
        self
    }

    /// Sets other options on each socket when it is accepted. Where it fails the
    /// connection is closed at once by RST, and counted in
    /// [`Stats::accept_errors`](super::Stats::accept_errors); return `Ok(())` for what may
    /// be missing. Keepalive and the user timeout are set later, at the end of the
    /// registration: to set them here, call [`Self::without_keepalive`]; a spare
    /// connection would have them then, too.
    #[must_use]
    pub fn on_socket(
        mut self,
        set: impl Fn(&TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.sockets.on_socket(set);
        self
    }
}
