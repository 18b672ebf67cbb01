//! Whether a connection may be handed out.

use std::io::ErrorKind;
use std::mem::MaybeUninit;
use std::time::Duration;

use ayt_core::tcp_state::TcpState;
use ayt_sys::SysError;
use ayt_sys::own::Ask;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::Pooled;
use crate::cause::{Cause, EndFacts, facts, socket_at_end};

/// What to look at, and when to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Check {
    /// Throw away what was idle for longer. It must be a little less than the time
    /// after which the server, or a balancer on the way, closes idle connections:
    /// otherwise requests meet its FIN. Default 55 s, under the 60 s of many
    /// servers and balancers. `None`: idle connections may rest for ever.
    pub max_idle: Option<Duration>,
    /// Ask the peer about connections that were idle for longer. Default 1 s; less
    /// has no effect on the kernel, of which nobody needs to ask who was heard
    /// within a second. `None`: never ask.
    pub ask_after: Option<Duration>,
    /// How long the peer's kernel has for its answer. Default 500 ms; give more
    /// where the round trip is longer than that. A probe that is lost costs a
    /// connection, nothing else.
    pub patience: Duration,
}

impl Default for Check {
    fn default() -> Self {
        Self {
            max_idle: Some(Duration::from_secs(55)),
            ask_after: Some(Duration::from_secs(1)),
            patience: Duration::from_millis(500),
        }
    }
}

/// Why a connection must not be handed out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It has ended.
    #[error("it has ended: {}", .0.sentence())]
    Ended(Cause),
    /// Bytes wait that no request has asked for: what would be read as the answer
    /// to the next one.
    #[error("bytes wait that nobody asked for")]
    Unexpected,
    /// It was idle for too long.
    #[error("idle for {idle:?}, longer than {limit:?}")]
    Idle {
        /// For how long.
        idle: Duration,
        /// [`Check::max_idle`].
        limit: Duration,
    },
    /// The kernel is asking or retransmitting already, in vain so far.
    #[error("unanswered so far: {probes} probes, {retransmits} retransmissions")]
    Doubtful {
        /// Keepalive probes.
        probes: u8,
        /// Retransmissions.
        retransmits: u8,
    },
    /// The peer's kernel did not answer.
    #[error("the peer's kernel did not answer within {patience:?}")]
    Unanswered {
        /// [`Check::patience`].
        patience: Duration,
    },
    /// It would have to be asked, and cannot be.
    #[error("it cannot be asked: {0}")]
    CannotAsk(String),
    /// The server's program did not answer as it must.
    #[error("the server's program: {0}")]
    Application(String),
}

impl Check {
    /// Looks, without waiting and without reading anything: for when a connection
    /// comes back to the pool.
    ///
    /// An error that waited in the socket is taken; it is in the answer.
    ///
    /// # Errors
    /// Why the connection is not fit.
    pub fn look(&self, tcp: &TcpStream, idle: Duration) -> Result<(), Unfit> {
        // Not through the runtime, whose view of the socket is as old as its last
        // turn: the kernel itself. The socket does not block.
        let mut byte = [MaybeUninit::<u8>::uninit()];
        let peeked = SockRef::from(tcp).peek(&mut byte);
        let facts = EndFacts {
            socket: socket_at_end(tcp),
            ..facts()
        };
        match peeked {
            Ok(0) => return Err(Unfit::Ended(Cause::of_eof(&facts))),
            Ok(_) => return Err(Unfit::Unexpected),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => {
                let cause = Cause::of(&error, &facts).unwrap_or(Cause::Failed);
                return Err(Unfit::Ended(cause));
            }
        }
        if let Some(socket) = facts.socket {
            if socket.state != TcpState::Established {
                // No end and no error waits: this side has shut it down.
                return Err(Unfit::Ended(Cause::LocalClose));
            }
            let (probes, retransmits) = (socket.tcp.probes, socket.tcp.retransmits);
            if probes > 0 || retransmits > 0 {
                return Err(Unfit::Doubtful {
                    probes,
                    retransmits,
                });
            }
        }
        match self.max_idle {
            Some(limit) if idle > limit => Err(Unfit::Idle { idle, limit }),
            _ => Ok(()),
        }
    }

    /// Looks and, where it was idle for long enough, asks: for when a connection
    /// is about to be handed out.
    ///
    /// # Errors
    /// Why the connection is not fit.
    ///
    /// # Cancel safety
    /// Cancel safe: the socket's settings are put back in any case.
    pub async fn run(&self, connection: &mut impl Pooled) -> Result<(), Unfit> {
        let idle = connection.idle();
        self.look(connection.tcp(), idle)?;
        if self.ask_after.is_none_or(|after| idle <= after) {
            return Ok(());
        }
        self.ask_kernel(connection.tcp()).await?;
        connection.ask().await
    }

    /// Asks the peer's kernel whether it still knows this connection, by one
    /// keepalive probe sent now (Linux).
    ///
    /// For the time of the question keepalive is on and its idle time is 1 s.
    /// Afterwards both are as before, but an idle time that followed
    /// `tcp_keepalive_time` is pinned to its value.
    ///
    /// # Errors
    /// Why the connection is not fit.
    ///
    /// # Cancel safety
    /// Cancel safe: the settings are put back.
    pub async fn ask_kernel(&self, tcp: &TcpStream) -> Result<(), Unfit> {
        let Some(asking) = Asking::start(tcp).map_err(cannot)? else {
            return Ok(());
        };
        let started = Instant::now();
        let mut step = Duration::from_millis(1);
        // The kernel tells of no acknowledgement by itself: look again and again,
        // at growing distances, at most about ten times.
        loop {
            let left = self.patience.saturating_sub(started.elapsed());
            sleep(step.min(left)).await;
            step *= 2;
            if asking.is_answered().map_err(cannot)? {
                // A RST is an answer too, and shows as an error.
                return self.look(tcp, Duration::ZERO);
            }
            if left.is_zero() {
                return Err(Unfit::Unanswered {
                    patience: self.patience,
                });
            }
        }
    }
}

/// A question that is under way: settings are put back when it is dropped.
struct Asking<'s> {
    tcp: &'s TcpStream,
    ask: Option<Ask>,
}

impl<'s> Asking<'s> {
    fn start(tcp: &'s TcpStream) -> Result<Option<Self>, SysError> {
        let ask = Ask::send(tcp)?;
        Ok(ask.map(|ask| Self {
            tcp,
            ask: Some(ask),
        }))
    }

    fn is_answered(&self) -> Result<bool, SysError> {
        self.ask
            .as_ref()
            .map_or(Ok(true), |ask| ask.answered(self.tcp))
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if let Some(ask) = self.ask.take() {
            // On a socket that has just been reset there is nothing to put back.
            let _ = ask.restore(self.tcp);
        }
    }
}

fn cannot(error: SysError) -> Unfit {
    Unfit::CannotAsk(error.to_string())
}
