//! Segments by the names people give them: "the last ACK", "the first FIN".

use std::fmt;
use std::str::FromStr;

use super::flows::Table;
use crate::packet::{Direction, Packet};

/// A kind of TCP segment. Those marked * need to have seen the connection before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Segment {
    /// The first of the handshake.
    Syn,
    /// The second.
    SynAck,
    /// * The third: the first acknowledgement after a SYN-ACK.
    HandshakeAck,
    /// Anything with data.
    Data,
    /// An acknowledgement and nothing else.
    PureAck,
    /// * A probe: a pure acknowledgement numbered below what has been sent already
    ///   (keepalive, zero window).
    Probe,
    /// * A FIN of the side that closes first, also when it is sent again.
    FirstFin,
    /// * A FIN of the side that closes second, also when it is sent again.
    SecondFin,
    /// Any FIN.
    Fin,
    /// * A pure acknowledgement of the second FIN, also when it is sent again: what
    ///   TIME_WAIT is for.
    LastAck,
    /// A RST.
    Rst,
}

impl Segment {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Syn,
        Self::SynAck,
        Self::HandshakeAck,
        Self::Data,
        Self::PureAck,
        Self::Probe,
        Self::FirstFin,
        Self::SecondFin,
        Self::Fin,
        Self::LastAck,
        Self::Rst,
    ];

    /// Its name in scenario files and in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Syn => "syn",
            Self::SynAck => "syn-ack",
            Self::HandshakeAck => "handshake-ack",
            Self::Data => "data",
            Self::PureAck => "pure-ack",
            Self::Probe => "probe",
            Self::FirstFin => "first-fin",
            Self::SecondFin => "second-fin",
            Self::Fin => "fin",
            Self::LastAck => "last-ack",
            Self::Rst => "rst",
        }
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl FromStr for Segment {
    type Err = UnknownSegment;

    fn from_str(text: &str) -> Result<Self, UnknownSegment> {
        let found = Self::ALL.into_iter().find(|segment| segment.name() == text);
        found.ok_or_else(|| UnknownSegment(text.to_owned()))
    }
}

/// A name that no segment has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownSegment(String);

impl fmt::Display for UnknownSegment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = Segment::ALL.iter().map(|segment| segment.name()).collect();
        write!(
            out,
            "no segment is called {:?}; there are {}",
            self.0,
            names.join(", ")
        )
    }
}

impl std::error::Error for UnknownSegment {}

/// What a segment is: it may be several kinds at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kinds(u16);

impl Kinds {
    /// It is of this kind.
    #[must_use]
    pub const fn has(self, segment: Segment) -> bool {
        self.0 >> segment as u16 & 1 == 1
    }

    const fn add(&mut self, segment: Segment, is: bool) {
        self.0 |= (is as u16) << segment as u16;
    }
}

/// Follows connections, so that it can say what a segment is in one.
#[derive(Debug, Default)]
pub struct Recogniser {
    connections: Table<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// The acknowledgement that ends the handshake, and who sends it.
    handshake: Option<(Direction, u32)>,
    /// The next sequence number of each direction.
    next: [Option<u32>; 2],
    /// What acknowledges each direction's FIN.
    fins: [Option<u32>; 2],
    /// Who closed first.
    first: Option<Direction>,
}

impl Recogniser {
    /// What a packet is. Give it every packet, in order; one that is no TCP is
    /// nothing of all this.
    pub fn kinds(&mut self, packet: &Packet) -> Kinds {
        let mut kinds = Kinds::default();
        let (Some(tcp), Some(flow)) = (packet.tcp(), packet.summary().flow()) else {
            return kinds;
        };
        let direction = packet.direction();
        let (here, there) = (direction.index(), direction.back().index());
        let flags = tcp.flags;
        if flags.syn && !flags.ack {
            // A new connection, whatever these addresses were before.
            self.connections.remove(flow);
        }
        let seen = self.connections.entry(flow, packet.at());
        kinds.add(Segment::Syn, flags.syn && !flags.ack);
        kinds.add(Segment::SynAck, flags.syn && flags.ack);
        if flags.syn && flags.ack {
            seen.handshake = Some((direction.back(), tcp.end()));
        }
        let pure = tcp.is_pure_ack();
        kinds.add(Segment::PureAck, pure);
        kinds.add(Segment::Data, tcp.payload > 0);
        kinds.add(Segment::Rst, flags.rst);
        if pure && seen.handshake == Some((direction, tcp.ack)) {
            seen.handshake = None;
            kinds.add(Segment::HandshakeAck, true);
        } else if let Some(next) = seen.next[here] {
            kinds.add(Segment::Probe, pure && is_before(tcp.seq, next));
        }
        if flags.fin {
            let first = *seen.first.get_or_insert(direction);
            seen.fins[here] = Some(tcp.end());
            kinds.add(Segment::Fin, true);
            kinds.add(Segment::FirstFin, first == direction);
            kinds.add(Segment::SecondFin, first != direction);
        }
        let closes = seen.first == Some(direction) && seen.fins[there] == Some(tcp.ack);
        kinds.add(Segment::LastAck, pure && closes);
        let next = &mut seen.next[here];
        if !flags.rst && next.is_none_or(|next| is_before(next, tcp.end())) {
            *next = Some(tcp.end());
        }
        kinds
    }
}

/// In sequence space (RFC 9293 3.4).
const fn is_before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::sample::segment_ack;
    use std::time::Duration;

    const A: Direction = Direction::AtoB;
    const B: Direction = Direction::BtoA;

    #[test]
    fn a_whole_connection_is_told_by_name() {
        use Segment::{
            Data, Fin, FirstFin, HandshakeAck, LastAck, Probe, PureAck, SecondFin, Syn, SynAck,
        };
        type Step = (
            Direction,
            &'static str,
            u32,
            u32,
            &'static [u8],
            &'static [Segment],
        );
        let story: &[Step] = &[
            (A, "S", 100, 0, b"", &[Syn]),
            (B, "S.", u32::MAX, 101, b"", &[SynAck]),
            (A, ".", 101, 0, b"", &[PureAck, HandshakeAck]),
            (A, ".", 101, 0, b"hello", &[Data]),
            (B, ".", 0, 106, b"", &[PureAck]),
            (A, ".", 105, 0, b"", &[PureAck, Probe]),
            (B, ".", 0, 106, b"", &[PureAck]),
            (B, "F.", 0, 106, b"", &[Fin, FirstFin]),
            (A, ".", 106, 1, b"", &[PureAck]),
            (A, "F.", 106, 1, b"", &[Fin, SecondFin]),
            (B, ".", 1, 107, b"", &[PureAck, LastAck]),
            (A, "F.", 106, 1, b"", &[Fin, SecondFin]),
            (B, ".", 1, 107, b"", &[PureAck, LastAck]),
            (A, "S", 900, 0, b"", &[Syn]),
            (B, ".", 1, 107, b"", &[PureAck]),
        ];
        let mut recogniser = Recogniser::default();
        for (at, (direction, flags, seq, ack, data, expected)) in story.iter().enumerate() {
            let bytes = segment_ack(*direction, flags, *seq, *ack, data);
            let packet = Packet::parse(bytes, *direction, Duration::ZERO).unwrap();
            let kinds = recogniser.kinds(&packet);
            let found: Vec<Segment> = Segment::ALL
                .into_iter()
                .filter(|segment| kinds.has(*segment))
                .collect();
            let mut expected = expected.to_vec();
            expected.sort_unstable();
            assert_eq!(found, expected, "step {at}");
        }
    }

    #[test]
    fn names_are_read_back_and_unknown_ones_refused() {
        for segment in Segment::ALL {
            assert_eq!(segment.name().parse(), Ok(segment));
        }
        let error = "last".parse::<Segment>().unwrap_err().to_string();
        assert!(error.contains("last-ack"), "{error}");
    }
}
