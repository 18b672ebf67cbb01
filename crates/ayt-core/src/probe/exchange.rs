//! What the raw engine knows of one connection, and what each segment seen says
//! of it.
//!
//! sock_diag shows no sequence numbers. They are learnt from the connection's
//! own kernel: a segment in the peer's name, which never leaves the host, draws
//! an acknowledgement from it that carries the right numbers (a challenge ACK,
//! RFC 5961 4.2, or the answer to a segment outside the window, RFC 9293
//! 3.10.7.4), and goes out to the peer for all to see. An ask with those numbers
//! is what the kernel's own keepalive would send: firewalls with connection
//! tracking let it pass, NATs translate it, and whoever answers means this
//! connection. Where nothing can be learnt the numbers are guessed, four ways at
//! once ([`Exchange::beside`]). Then only an acknowledgement says something: a
//! firewall may have eaten the guesses, and a NAT may have let some of them pass
//! untranslated, to somebody who answers RST.

use std::time::Duration;

use super::segment::{Flags, Segment};

/// What this side may have sent beyond the last segment of it that was seen: an
/// answer acknowledges no more than that.
const UNSEEN: u32 = 1 << 16;

/// Half of all numbers: of a number and the one so far from it, one lies behind
/// any third and one before it (RFC 9293 3.4).
const HALF: u32 = 1 << 31;

/// How the connection's own kernel is made to show its numbers. None of them can
/// be taken for data or an acknowledgement, whatever its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knock {
    /// SYN and ACK: a challenge ACK answers, before any number is looked at. No
    /// listener would take it for a new connection. Connection tracking on this
    /// host lets it pass where this side had connected.
    SynAck,
    /// SYN: the same; connection tracking on this host lets it pass where the
    /// peer had connected.
    Syn,
    /// ACK: for what is left of a connection in FIN_WAIT_2, where a SYN inside
    /// the window would be answered with RST, and an acknowledgement changes
    /// nothing.
    Ack,
}

/// Where an ask's numbers come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// From the connection's own kernel.
    Learnt,
    /// Guessed: silence and RST prove nothing.
    Guessed,
}

impl Numbers {
    /// The word for people and machines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Learnt => "learnt",
            Self::Guessed => "guessed",
        }
    }
}

/// What a segment from the peer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// Nothing: it is no answer to an ask of ours.
    None,
    /// The peer's kernel knows the connection.
    Alive {
        /// From the latest ask to this segment, by the kernel's clock.
        rtt: Option<Duration>,
    },
    /// It does not.
    Reset,
}

/// Asking one connection by segments made by hand.
///
/// Before each ask: send [`Self::knock`] to this side's own address in the
/// peer's name, tell [`Self::on_sent`] what is seen going out, then send
/// [`Self::ask`]. From the first ask on, tell [`Self::on_received`] what comes
/// from the peer. Of both, leave out what [`Self::is_knock`] and
/// [`Self::is_ask`] know for ayt's own, of this connection or, where both ends
/// are on this host, of the other end's. Times are those of the kernel that saw
/// the packets.
#[derive(Debug, Clone)]
pub struct Exchange {
    knock: Segment,
    guess: Segment,
    /// The last segment of this side: its own kernel's numbers.
    learnt: Option<Segment>,
    /// It was seen since [`Self::learn_anew`].
    fresh: bool,
    asked: Option<Asked>,
    /// When the first ask was seen going out.
    since: Option<Duration>,
}

/// The latest ask.
#[derive(Debug, Clone, Copy)]
struct Asked {
    segment: Segment,
    numbers: Numbers,
    at: Option<Duration>,
}

impl Exchange {
    /// A connection about to be asked; `chance` is any number that nobody can
    /// foresee, another one for each connection.
    #[must_use]
    pub const fn new(chance: u128) -> Self {
        let parts = [
            chance as u32,
            (chance >> 32) as u32,
            (chance >> 64) as u32,
            (chance >> 96) as u32,
        ];
        Self {
            knock: made(parts[0], parts[1]),
            guess: made(parts[2], parts[3]),
            learnt: None,
            fresh: false,
            asked: None,
            since: None,
        }
    }

    /// The segment to be sent to this side's own address in the peer's name.
    #[must_use]
    pub const fn knock(&self, how: Knock) -> Segment {
        let flags = match how {
            Knock::SynAck => Flags::SYN.and(Flags::ACK),
            Knock::Syn => Flags::SYN,
            Knock::Ack => Flags::ACK,
        };
        Segment {
            flags,
            ack: match how {
                Knock::Syn => 0,
                Knock::SynAck | Knock::Ack => self.knock.ack,
            },
            ..self.knock
        }
    }

    /// A segment from the peer's address is our own knock.
    #[must_use]
    pub const fn is_knock(&self, segment: &Segment) -> bool {
        segment.seq == self.knock.seq && segment.payload == 0
    }

    /// A segment from this side's address is our own ask.
    #[must_use]
    pub fn is_ask(&self, segment: &Segment) -> bool {
        self.asked.is_some_and(|asked| {
            let known = match asked.numbers {
                Numbers::Learnt => u32::MAX,
                // All four of them.
                Numbers::Guessed => !HALF,
            };
            let same = |one: u32, other: u32| (one ^ other) & known == 0;
            same(segment.seq, asked.segment.seq)
                && same(segment.ack, asked.segment.ack)
                && segment.timestamps == asked.segment.timestamps
                && segment.payload == 0
        })
    }

    /// The guesses to be sent beside this one. Of the four, the numbers of one lie
    /// behind the connection's in both directions: that one Linux' connection
    /// tracking takes for a late segment of the connection, lets it pass and
    /// translates it (`tcp_in_window`, `nf_conntrack_proto_tcp.c`; measured on
    /// 6.18), whatever it makes of the others.
    #[must_use]
    pub const fn beside(guess: &Segment) -> [Segment; 3] {
        [
            moved(guess, HALF, 0),
            moved(guess, 0, HALF),
            moved(guess, HALF, HALF),
        ]
    }

    /// Numbers have been learnt since [`Self::learn_anew`].
    #[must_use]
    pub const fn has_learnt(&self) -> bool {
        self.fresh
    }

    /// The next ask has learnt numbers, if old ones.
    #[must_use]
    pub const fn can_ask_learnt(&self) -> bool {
        self.learnt.is_some()
    }

    /// The numbers are to be learnt anew, as before each ask: the connection may
    /// have gone on. Until they are, the old ones stand.
    pub const fn learn_anew(&mut self) {
        self.fresh = false;
    }

    /// A segment of this side was seen going out at `at`.
    pub fn on_sent(&mut self, at: Duration, segment: &Segment) {
        if self.is_ask(segment) {
            if let Some(asked) = &mut self.asked {
                // The first sight: the same packet may pass several devices.
                asked.at.get_or_insert(at);
            }
            self.since.get_or_insert(at);
            return;
        }
        let flags = segment.flags;
        if flags.has(Flags::ACK) && !flags.has(Flags::SYN) && !flags.has(Flags::RST) {
            self.learnt = Some(*segment);
            self.fresh = true;
        }
    }

    /// The next ask, and where its numbers are from. `in_flight`: bytes that
    /// this side has sent and the peer not acknowledged, or more. The segment's
    /// number comes before them, so that it lies outside the peer's window and
    /// must be answered, however much of them has arrived.
    pub const fn ask(&mut self, in_flight: u32) -> (Segment, Numbers) {
        let (segment, numbers) = match self.learnt {
            Some(like) => {
                let back = in_flight.wrapping_add(1);
                let segment = Segment {
                    flags: Flags::ACK,
                    seq: like.seq.wrapping_sub(back),
                    payload: 0,
                    ..like
                };
                (segment, Numbers::Learnt)
            }
            None => (self.guess, Numbers::Guessed),
        };
        self.asked = Some(Asked {
            segment,
            numbers,
            at: None,
        });
        (segment, numbers)
    }

    /// A segment from the peer was seen coming in at `at`.
    #[must_use]
    pub fn on_received(&self, at: Duration, segment: &Segment) -> Reply {
        let Some(asked) = &self.asked else {
            return Reply::None;
        };
        // Where this side's segments are seen, which is how numbers are learnt, the
        // first ask will be seen as well: until then all that came, came before it.
        let before = match self.since {
            Some(since) => at < since,
            None => asked.numbers == Numbers::Learnt,
        };
        if before || self.is_knock(segment) {
            return Reply::None;
        }
        let flags = segment.flags;
        if flags.has(Flags::RST) {
            // A RST takes its number from the acknowledgement of what it
            // answers (RFC 9293 3.10.7.1). To a guess it proves nothing.
            let ours = asked.numbers == Numbers::Learnt && segment.seq == asked.segment.ack;
            return if ours { Reply::Reset } else { Reply::None };
        }
        if !flags.has(Flags::ACK) || flags.has(Flags::SYN) {
            return Reply::None;
        }
        // It acknowledges what this side has sent, or it is none of this
        // connection: what another ayt has made, or somebody's guess.
        if let (Numbers::Learnt, Some(latest)) = (asked.numbers, &self.learnt) {
            let sent = latest.seq.wrapping_add(latest.payload).wrapping_add(UNSEEN);
            let (least, most) = (asked.segment.seq, sent);
            if segment.ack.wrapping_sub(least) > most.wrapping_sub(least) {
                return Reply::None;
            }
        }
        // An ask is answered without data. What has some is a sign of life as good,
        // but was sent for reasons of its own.
        let answered = asked.at.filter(|_| segment.payload == 0);
        Reply::Alive {
            rtt: answered.and_then(|asked_at| at.checked_sub(asked_at)),
        }
    }
}

/// A guess in another part of the numbers' circle.
const fn moved(guess: &Segment, seq: u32, ack: u32) -> Segment {
    Segment {
        seq: guess.seq ^ seq,
        ack: guess.ack ^ ack,
        ..*guess
    }
}

/// An acknowledgement without data, of no connection in particular.
const fn made(seq: u32, ack: u32) -> Segment {
    Segment {
        flags: Flags::ACK,
        seq,
        ack,
        window: 1_024,
        timestamps: None,
        payload: 0,
        traffic_class: 0,
        flow_label: 0,
    }
}

#[cfg(test)]
mod tests;
