//! Pools that never hand out a dead connection.
//!
//! A connection that rests in a pool dies unseen: the server closes what is idle,
//! a balancer forgets it, a cable is pulled. The next request then fails, or hangs.
//! A [`Check`] looks and asks before a connection is handed out:
//!
//! | how it died | what finds it |
//! |---|---|
//! | the server closed, or reset it | a look at what waits in the socket: end, error, or bytes that nobody asked for |
//! | the kernel has noticed, or begins to | TCP's own account: state, unanswered probes, retransmissions |
//! | the server is about to close it | idle longer than [`Check::max_idle`] |
//! | it vanished without a word | the peer's kernel is **asked**: one keepalive probe, answered in a round trip ([`Check::ask_after`]) |
//! | its program hangs | your own ping, in [`Pooled::ask`] |
//!
//! The look reads nothing: bytes stay, by `MSG_PEEK`. Asking needs no right and no
//! co-operation of the server, sends no data, and works on Linux; elsewhere a
//! connection that would have to be asked is thrown away, so nobody gets a dead one
//! for want of an answer.
//!
//! What no check can do: a server may still die between the check and the request.
//! The time for that is now one round trip, not the time since the last request.
//!
//! [`Manager`] plugs into bb8 and deadpool (features of these names); for another
//! pool call [`Check::look`] and [`Check::run`]. hyper's, reqwest's and tonic's
//! clients keep pools of their own that cannot be asked to check: there a short
//! `pool_idle_timeout` and keepalive on the sockets do what can be done.

#[cfg(feature = "bb8")]
mod bb8;
mod check;
#[cfg(feature = "deadpool")]
mod deadpool;

use std::future::Future;
use std::time::Duration;

use ayt_core::detectors::Detector;
use tokio::net::TcpStream;

pub use check::{Check, Unfit};

use crate::watched::Watched;

/// What rests in a pool: a connection, or a client around one.
pub trait Pooled: Send + 'static {
    /// The TCP socket below.
    fn tcp(&self) -> &TcpStream;

    /// How long ago bytes last went over it.
    fn idle(&self) -> Duration;

    /// Asks the server's program, in its own protocol: for servers that may hang
    /// while their kernel lives. Called last, only for connections that were not
    /// used within [`Check::ask_after`]; bounded by the pool's own time-out. By
    /// default nobody is asked.
    ///
    /// # Errors
    /// Why the connection is not fit.
    fn ask(&mut self) -> impl Future<Output = Result<(), Unfit>> + Send {
        async { Ok(()) }
    }
}

impl<D: Detector + Send + 'static> Pooled for Watched<TcpStream, D> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref()
    }

    fn idle(&self) -> Duration {
        Self::idle(self)
    }
}

/// Connects by a closure, and checks before handing out: a manager for bb8's and
/// deadpool's pools.
#[derive(Debug)]
pub struct Manager<F> {
    connect: F,
    check: Check,
}

impl<F> Manager<F> {
    /// `connect` is an async closure, or a function that gives a future, that
    /// connects and does whatever the protocol demands first (log in, select a
    /// database).
    pub const fn new(connect: F, check: Check) -> Self {
        Self { connect, check }
    }

    /// A new connection: what a pool calls when it has none to hand out.
    ///
    /// # Errors
    /// [`PoolError::Connect`].
    ///
    /// # Cancel safety
    /// That of the closure.
    pub async fn make<Fut, C, E>(&self) -> Result<C, PoolError<E>>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<C, E>>,
    {
        (self.connect)().await.map_err(PoolError::Connect)
    }

    /// The check that connections go through.
    pub const fn check(&self) -> &Check {
        &self.check
    }
}

/// What a pool with a [`Manager`] may answer.
#[derive(Debug, thiserror::Error)]
pub enum PoolError<E> {
    /// Connecting failed.
    #[error(transparent)]
    Connect(E),
    /// A connection was found unfit; the pool makes another.
    #[error(transparent)]
    Unfit(Unfit),
}
