//! A session over one connection.

use std::sync::Arc;

use ayt_core::detectors::Fixed;
use ayt_core::session::codec::Decoder;
use ayt_core::session::link::{self, End};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Alone, Below, Core, Link, Notice, Place, Pump, Start, Ticket};

impl Core {
    /// Carries the session over this connection until it is closed, and says how it
    /// ended; `None` where the session was moved to another meanwhile. It must have
    /// been [resumed](Self::resume) where it is not new.
    ///
    /// Where the future is dropped, the connection is closed without BYE, and the
    /// session is parked.
    pub(crate) async fn run<S>(
        self: &Arc<Self>,
        ticket: Ticket,
        io: S,
        start: Start,
        notice: impl FnMut(Notice),
    ) -> Option<End>
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        if !self.attach(&ticket, start.terms, start.detector) {
            return None;
        }
        self.carry(ticket, io, (start.decoder, start.below), notice)
            .await
    }

    /// The first half of [`Self::run`]: from here on the session has a connection,
    /// and BYE can be said on it, although its task has not begun. `false` where the
    /// session has moved on since the ticket was given.
    pub(crate) fn attach(
        &self,
        ticket: &Ticket,
        terms: link::Terms,
        detector: Option<Fixed>,
    ) -> bool {
        {
            let mut state = self.lock();
            if state.generation != ticket.0 {
                return false;
            }
            let now = self.clock.now();
            state.place = match std::mem::replace(&mut state.place, Place::Moving) {
                Place::Parked(traffic) => {
                    Place::Live(Box::new(Link::new(now, terms, detector, traffic)))
                }
                // A ticket is used once: `part` has parked what was live.
                other => other,
            };
        }
        self.tell_room();
        true
    }

    /// The second half of [`Self::run`].
    pub(crate) fn carry<S, N>(
        self: &Arc<Self>,
        ticket: Ticket,
        io: S,
        (decoder, below): (Decoder, Below),
        notice: N,
    ) -> Pump<S, Alone<N>>
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
        N: FnMut(Notice),
    {
        let owner = Alone::new(Arc::clone(self), notice);
        Pump::new(owner, ticket, io, (decoder, below))
    }
}
