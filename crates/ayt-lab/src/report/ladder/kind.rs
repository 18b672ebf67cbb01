//! What each packet of a run is for: probes, ends, repeats; and its numbers relative to
//! the beginning of its connection.

use rustc_hash::FxHashMap;

use crate::log::Record;
use crate::packet::{Direction, Flow, Tcp, Transport};

/// What a packet is for, as far as a watcher can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Kind {
    Data,
    Ack,
    Syn,
    Fin,
    Rst,
    /// A segment one below what is next: keepalive, or `ayt probe`.
    Probe,
    /// The same, while the receiver has said that its window is 0.
    WindowProbe,
    /// What acknowledges a probe.
    Answer,
    /// An acknowledgement that says that the window is 0.
    WindowClosed,
    /// What was sent before.
    Repeat,
    Icmp,
    Other,
}

impl Kind {
    /// All, in the order of the legend, each with what it is called there.
    pub(super) const LEGEND: [(Self, &'static str); 7] = [
        (Self::Data, "data, SYN, acknowledgement"),
        (Self::Repeat, "retransmission"),
        (Self::Probe, "keepalive probe (or ayt probe)"),
        (Self::WindowProbe, "zero window and its probes"),
        (Self::Fin, "FIN"),
        (Self::Rst, "RST"),
        (Self::Icmp, "ICMP"),
    ];

    /// The class of its style.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Data | Self::Syn | Self::Other => "data",
            Self::Ack => "ack",
            Self::Fin => "fin",
            Self::Rst => "rst",
            Self::Probe | Self::Answer => "probe",
            Self::WindowProbe | Self::WindowClosed => "window",
            Self::Repeat => "repeat",
            Self::Icmp => "icmp",
        }
    }

    /// What its label begins with, where the flags do not say it.
    pub(super) const fn word(self) -> Option<&'static str> {
        match self {
            Self::Probe => Some("keepalive probe"),
            Self::WindowProbe => Some("zero-window probe"),
            Self::Answer => Some("answer"),
            Self::WindowClosed => Some("window 0"),
            Self::Repeat => Some("again"),
            _ => None,
        }
    }

    /// Worth an arrow of its own before others.
    pub(super) const fn is_telling(self) -> bool {
        !matches!(self, Self::Data | Self::Ack | Self::Other)
    }
}

/// A packet, and what it is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) record: &'a Record,
    pub(super) kind: Kind,
    /// Which connection of the run, from 0; `None` for what belongs to none.
    pub(super) connection: Option<usize>,
    /// Relative to the connection's first SYN: 0 is the SYN, 1 the first byte.
    pub(super) seq: i32,
    pub(super) ack: i32,
}

/// One direction of a connection.
#[derive(Debug, Clone, Copy, Default)]
struct Way {
    /// Sequence numbers are counted from here.
    base: Option<u32>,
    /// What is next, by all that has been sent.
    next: Option<u32>,
    /// The last window it announced was 0.
    closed: bool,
    /// Its last segment was a probe.
    probed: bool,
}

/// Knows the connections of a run so far.
#[derive(Debug, Default)]
pub(super) struct Watcher {
    numbers: FxHashMap<Flow, usize>,
    connections: Vec<[Way; 2]>,
}

/// How many connections are told apart; later ones are one more.
const CONNECTIONS: usize = 4_096;

impl Watcher {
    /// How many connections there were.
    pub(super) fn connections(&self) -> usize {
        self.connections.len()
    }

    /// Takes the next packet; they come in the order of the log.
    pub(super) fn see<'a>(&mut self, record: &'a Record) -> Seen<'a> {
        let mut seen = Seen {
            record,
            kind: Kind::Other,
            connection: None,
            seq: 0,
            ack: 0,
        };
        match record.summary.transport {
            Transport::Icmp { .. } => seen.kind = Kind::Icmp,
            Transport::Tcp(tcp) => {
                let number = self.number(record);
                seen.connection = Some(number);
                self.segment(&tcp, record.direction, number, &mut seen);
            }
            Transport::Udp { .. } | Transport::Other => {}
        }
        seen
    }

    fn number(&mut self, record: &Record) -> usize {
        let Some(sent) = record.summary.flow() else {
            return 0;
        };
        // Behind a NAT the two sides name the same connection differently.
        let got = record.delivered_summary().flow().unwrap_or(sent);
        let known = self.numbers.get(&sent).or_else(|| self.numbers.get(&got));
        let number = known.copied().unwrap_or(self.connections.len());
        if number < CONNECTIONS {
            if number == self.connections.len() {
                self.connections.push(Default::default());
            }
            for flow in [sent, sent.back(), got, got.back()] {
                self.numbers.insert(flow, number);
            }
        }
        number.min(self.connections.len().saturating_sub(1))
    }

    fn segment(&mut self, tcp: &Tcp, direction: Direction, number: usize, seen: &mut Seen<'_>) {
        let Some(ways) = self.connections.get_mut(number) else {
            return;
        };
        let back = ways[direction.back().index()];
        let way = &mut ways[direction.index()];
        let flags = tcp.flags;
        let other_syn = flags.syn && way.base.is_some_and(|base| base != tcp.seq);
        if other_syn {
            *way = Way::default();
        }
        if !flags.rst || way.base.is_some() {
            let first = if flags.syn {
                tcp.seq
            } else {
                tcp.seq.wrapping_sub(1)
            };
            way.base.get_or_insert(first);
        }
        seen.kind = kind(tcp, way, back);
        seen.seq = relative(tcp.seq, way.base);
        let probed = matches!(seen.kind, Kind::Probe | Kind::WindowProbe);
        if !flags.rst {
            let next = way.next.unwrap_or(tcp.end());
            way.next = Some(if after(tcp.end(), next) {
                tcp.end()
            } else {
                next
            });
            way.closed = flags.ack && tcp.window == 0;
            way.probed = probed;
        }
        let other = &mut ways[direction.back().index()];
        if flags.ack {
            // What is acknowledged has been sent, also where nobody saw it.
            let base = *other.base.get_or_insert(tcp.ack.wrapping_sub(1));
            seen.ack = relative(tcp.ack, Some(base));
            other.next.get_or_insert(tcp.ack);
        }
        if !probed {
            other.probed = false;
        }
    }
}

fn kind(tcp: &Tcp, way: &Way, back: Way) -> Kind {
    let flags = tcp.flags;
    let is_old = way.next.is_some_and(|next| !after(tcp.end(), next));
    if flags.rst {
        return Kind::Rst;
    }
    if flags.syn {
        return if is_old { Kind::Repeat } else { Kind::Syn };
    }
    let below = way.next.is_some_and(|next| tcp.seq == next.wrapping_sub(1));
    // Linux sends no byte with it, others send one (RFC 9293 3.8.4).
    if below && tcp.payload <= 1 && !flags.fin && flags.ack {
        return if back.closed {
            Kind::WindowProbe
        } else {
            Kind::Probe
        };
    }
    match (flags.fin, tcp.payload) {
        (true, _) if is_old => Kind::Repeat,
        (true, _) => Kind::Fin,
        (false, 0) if tcp.window == 0 => Kind::WindowClosed,
        (false, 0) if back.probed => Kind::Answer,
        (false, 0) => Kind::Ack,
        _ if is_old => Kind::Repeat,
        _ => Kind::Data,
    }
}

/// One sequence number is later than another (RFC 9293 3.4).
const fn after(one: u32, other: u32) -> bool {
    (one.wrapping_sub(other) as i32) > 0
}

const fn relative(number: u32, base: Option<u32>) -> i32 {
    match base {
        Some(base) => number.wrapping_sub(base) as i32,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::sample::Script;
    use super::*;
    use Direction::{AtoB, BtoA};

    fn kinds(script: &Script) -> Vec<(Kind, i32, i32)> {
        let mut watcher = Watcher::default();
        let mut kinds = Vec::new();
        for record in &script.records() {
            let seen = watcher.see(record);
            kinds.push((seen.kind, seen.seq, seen.ack));
        }
        kinds
    }

    #[test]
    fn a_connection_is_read_as_it_was() {
        let mut script = Script::connected();
        script.sent(AtoB, ".", 104, 901, b"");
        script.sent(BtoA, ".", 901, 105, b"");
        script.sent(AtoB, "F.", 105, 901, b"");
        script.sent(AtoB, "F.", 105, 901, b"");
        script.sent(BtoA, "R.", 901, 106, b"");
        assert_eq!(
            kinds(&script),
            [
                (Kind::Syn, 0, 0),
                (Kind::Syn, 0, 1),
                (Kind::Ack, 1, 1),
                (Kind::Data, 1, 1),
                (Kind::Ack, 1, 5),
                (Kind::Probe, 4, 1),
                (Kind::Answer, 1, 5),
                (Kind::Fin, 5, 1),
                (Kind::Repeat, 5, 1),
                (Kind::Rst, 1, 6),
            ]
        );
    }
}
