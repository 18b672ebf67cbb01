//! What a segment from the peer says about the asks. Its answer is an
//! acknowledgement like any other: which one it is, the numbers tell.

use std::time::Duration;

use crate::probe::segment::{Flags, Segment};

/// A Linux peer answers such asks once in so long, each connection its own
/// (`net.ipv4.tcp_invalid_ratelimit`), and a little.
pub(super) const ANSWERS_APART: Duration = Duration::from_millis(510);

/// What was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// An acknowledgement of nothing new, with no data: an answer to an ask.
    Answer,
    /// An acknowledgement of new data: this side's segments reach the peer,
    /// whichever they were.
    Acknowledges,
    /// RST to an ask.
    Reset,
    /// Anything else: the way back is open, which says nothing of the way there.
    Other,
}

/// What the connection's numbers are, as far as answers are told by them.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// What the peer has acknowledged.
    acked: u32,
    /// What it has sent, as this side has acknowledged: it answers with this
    /// number or a later one, its own keepalive has an earlier one.
    sent: u32,
}

impl Peer {
    /// `like`: a segment this side has sent; `in_flight`: the bytes of it and
    /// before it that the peer may not have acknowledged yet.
    #[must_use]
    pub const fn new(like: &Segment, in_flight: u32) -> Self {
        Self {
            acked: like.seq.wrapping_sub(in_flight),
            sent: like.ack,
        }
    }

    /// This side was seen sending a segment of its kernel's.
    pub const fn on_sent(&mut self, segment: &Segment) {
        if segment.flags.has(Flags::ACK) && is_after(segment.ack, self.sent) {
            self.sent = segment.ack;
        }
    }

    /// A segment of the peer's came.
    pub const fn on_received(&mut self, segment: &Segment) -> Heard {
        let flags = segment.flags;
        if flags.has(Flags::RST) {
            // It takes its number from the acknowledgement of what it answers
            // (RFC 9293 3.10.7.1).
            return if segment.seq == self.sent {
                Heard::Reset
            } else {
                Heard::Other
            };
        }
        if !flags.has(Flags::ACK) || flags.has(Flags::SYN) {
            return Heard::Other;
        }
        if is_after(segment.ack, self.acked) {
            self.acked = segment.ack;
            return Heard::Acknowledges;
        }
        let plain = segment.payload == 0 && !flags.has(Flags::FIN);
        if plain && segment.ack == self.acked && !is_after(self.sent, segment.seq) {
            return Heard::Answer;
        }
        Heard::Other
    }
}

/// One number lies after another (RFC 9293 3.4).
const fn is_after(one: u32, other: u32) -> bool {
    let ahead = one.wrapping_sub(other);
    ahead != 0 && ahead < 1 << 31
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIKE: Segment = Segment {
        flags: Flags::ACK,
        seq: 1_000,
        ack: 5_000,
        window: 501,
        timestamps: None,
        payload: 0,
        traffic_class: 0,
        flow_label: 0,
    };

    fn from_peer(seq: u32, ack: u32) -> Segment {
        Segment { seq, ack, ..LIKE }
    }

    #[test]
    fn an_answer_acknowledges_nothing_new_and_is_no_keepalive() {
        let mut peer = Peer::new(&LIKE, 0);
        assert_eq!(peer.on_received(&from_peer(5_000, 1_000)), Heard::Answer);
        // The peer's own keepalive, or its probe of a closed window.
        assert_eq!(peer.on_received(&from_peer(4_999, 1_000)), Heard::Other);
        // Data that this side knows already, or not yet.
        for seq in [4_900, 5_000] {
            let data = Segment {
                payload: 100,
                ..from_peer(seq, 1_000)
            };
            assert_eq!(peer.on_received(&data), Heard::Other);
        }
        // Late, from before what is acknowledged.
        assert_eq!(peer.on_received(&from_peer(5_000, 999)), Heard::Other);
        let fin = Segment {
            flags: Flags::ACK.and(Flags::FIN),
            ..from_peer(5_000, 1_000)
        };
        assert_eq!(peer.on_received(&fin), Heard::Other);
        let opening = Segment {
            flags: Flags::ACK.and(Flags::SYN),
            ..from_peer(5_000, 1_000)
        };
        assert_eq!(peer.on_received(&opening), Heard::Other);
    }

    #[test]
    fn on_a_busy_connection_the_numbers_go_on() {
        let mut peer = Peer::new(&LIKE, 300);
        assert_eq!(
            peer.on_received(&from_peer(5_000, 900)),
            Heard::Acknowledges
        );
        assert_eq!(peer.on_received(&from_peer(5_000, 900)), Heard::Answer);
        peer.on_sent(&Segment { ack: 6_000, ..LIKE });
        assert_eq!(peer.on_received(&from_peer(5_999, 900)), Heard::Other);
        assert_eq!(peer.on_received(&from_peer(6_000, 900)), Heard::Answer);
        // An old segment of this side's sent again changes nothing.
        peer.on_sent(&LIKE);
        assert_eq!(peer.on_received(&from_peer(5_500, 900)), Heard::Other);
    }

    #[test]
    fn a_reset_answers_an_ask_only_with_its_number() {
        let mut peer = Peer::new(&LIKE, 0);
        let reset = |seq| Segment {
            flags: Flags::RST,
            ..from_peer(seq, 0)
        };
        assert_eq!(peer.on_received(&reset(5_000)), Heard::Reset);
        assert_eq!(peer.on_received(&reset(5_001)), Heard::Other);
    }

    #[test]
    fn numbers_that_wrap_are_no_different() {
        let like = Segment {
            seq: 10,
            ack: 3,
            ..LIKE
        };
        let mut peer = Peer::new(&like, 20);
        assert_eq!(
            peer.on_received(&from_peer(3, u32::MAX - 2)),
            Heard::Acknowledges
        );
        assert_eq!(peer.on_received(&from_peer(3, 10)), Heard::Acknowledges);
        assert_eq!(peer.on_received(&from_peer(3, 10)), Heard::Answer);
        assert_eq!(peer.on_received(&from_peer(u32::MAX, 10)), Heard::Other);
    }
}
