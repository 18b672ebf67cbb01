//! What a connection is bound by, and what its driver is told.

use std::time::Duration;

use super::End;
use crate::compact::Micros;

/// What was agreed for a connection, and the bounds this side keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The longest silence this side has promised; `None`: as long as it likes.
    pub own_beat: Option<Duration>,
    /// How long the peer has to answer a question: 100 ms to 60 s, default 5 s.
    pub challenge: Duration,
    /// The peer never answers PING.
    pub peer_is_one_way: bool,
    /// How long what the peer had in flight is read after the end was decided: 0
    /// to 60 s, default 5 s.
    pub drain: Duration,
    /// How long [`Link::end`](super::Link::end) waits for acknowledgements: 0 to
    /// 1 h, default 30 s.
    pub finish: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            own_beat: Some(Duration::from_secs(30)),
            challenge: Duration::from_secs(5),
            peer_is_one_way: false,
            drain: Duration::from_secs(5),
            finish: Duration::from_secs(30),
        }
    }
}

/// The same as a link keeps it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packed {
    pub(super) own_beat: Option<Micros>,
    pub(super) challenge: Micros,
    pub(super) drain: Micros,
    pub(super) finish: Micros,
    pub(super) peer_is_one_way: bool,
}

impl From<Terms> for Packed {
    fn from(terms: Terms) -> Self {
        Self {
            own_beat: terms.own_beat.map(Micros::new),
            challenge: Micros::new(terms.challenge),
            drain: Micros::new(terms.drain),
            finish: Micros::new(terms.finish),
            peer_is_one_way: terms.peer_is_one_way,
        }
    }
}

/// What the driver is told, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The peer is overdue, and has been asked where it answers.
    Suspect,
    /// It was heard again after all: a late heartbeat.
    Recovered,
    /// This side's own timer was late by so much: nothing was judged.
    Late(Duration),
    /// A PING was answered after so long.
    RoundTrip(Duration),
    /// What [`Link::ask`](super::Link::ask) asked is answered: the peer is there.
    Answered,
    /// It is not answered within the challenge time. The peer may still be there:
    /// whether it is dead is for the detector to say.
    Unanswered,
    /// The end is decided: from now on the connection is no longer live, though
    /// it may still be read. Told once.
    Ending(End),
    /// Everything that [`Link::poll_transmit`](super::Link::poll_transmit) gave is to be written, then the
    /// write direction closed (FIN), and reading goes on.
    HalfClose,
    /// Close the socket, whatever is left. The last event; told once.
    Closed(End),
}
