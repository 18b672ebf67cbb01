//! What a server makes of a client's wishes: docs/protocol.md, "WELCOME".

use crate::session::codec::bounds::{BEAT_MS, MAX_PAYLOAD_DEFAULT, WINDOW_DEFAULT};
use crate::session::frame::{Hello, Mode};

/// Which beats a server agrees to, in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BeatPolicy {
    floor_ms: u32,
    default_ms: u32,
    ceiling_ms: u32,
    needed: bool,
}

/// A policy that agrees to no beat, or to one that cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a beat of {default_ms} ms between {floor_ms} and {ceiling_ms} ms: \
     write 10 ms ≤ floor ≤ default ≤ ceiling ≤ 1 h"
)]
pub struct BadBeat {
    floor_ms: u32,
    default_ms: u32,
    ceiling_ms: u32,
}

impl Default for BeatPolicy {
    /// 1 s to 1 h, and 30 s where the other side has no wish.
    fn default() -> Self {
        Self {
            floor_ms: 1_000,
            default_ms: 30_000,
            ceiling_ms: *BEAT_MS.end(),
            needed: true,
        }
    }
}

impl BeatPolicy {
    /// A policy in milliseconds. With `needed`, a client that wishes no beat has
    /// `default_ms` all the same; without, it has none.
    ///
    /// # Errors
    /// Not 10 ≤ floor ≤ default ≤ ceiling ≤ 3,600,000.
    pub fn new(
        floor_ms: u32,
        default_ms: u32,
        ceiling_ms: u32,
        needed: bool,
    ) -> Result<Self, BadBeat> {
        if *BEAT_MS.start() <= floor_ms
            && floor_ms <= default_ms
            && default_ms <= ceiling_ms
            && ceiling_ms <= *BEAT_MS.end()
        {
            Ok(Self {
                floor_ms,
                default_ms,
                ceiling_ms,
                needed,
            })
        } else {
            Err(BadBeat {
                floor_ms,
                default_ms,
                ceiling_ms,
            })
        }
    }

    /// What becomes of a wish, milliseconds; 0 is no beat.
    #[must_use]
    pub const fn agree(&self, wish_ms: u32) -> u32 {
        match wish_ms {
            0 if self.needed => self.default_ms,
            0 => 0,
            wish if wish < self.floor_ms => self.floor_ms,
            wish if wish > self.ceiling_ms => self.ceiling_ms,
            wish => wish,
        }
    }
}

/// What a server offers to every client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TermsPolicy {
    /// The longest silence of the client.
    pub client_beat: BeatPolicy,
    /// The longest silence of the server.
    pub server_beat: BeatPolicy,
    /// Silences in a row before suspicion, 1 to 10; 2 by default.
    pub misses: u8,
    /// Time to answer a PING in suspicion, 100 ms to 60 s; 5 s by default.
    pub challenge_ms: u32,
    /// How long a session is kept without a connection, up to 24 h; 5 min by default.
    pub resume_ms: u32,
    /// The largest payload the server takes, 1,024 to 16,777,215; 65,544 by default.
    pub max_payload: u32,
    /// Unacknowledged bytes the server takes, 4 KiB to 1 GiB; 1 MiB by default.
    pub window: u32,
}

impl Default for TermsPolicy {
    fn default() -> Self {
        Self {
            client_beat: BeatPolicy::default(),
            server_beat: BeatPolicy::default(),
            misses: 2,
            challenge_ms: 5_000,
            resume_ms: 300_000,
            max_payload: MAX_PAYLOAD_DEFAULT,
            window: WINDOW_DEFAULT,
        }
    }
}

/// What holds for one connection: the middle part of WELCOME.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How long the session is kept without a connection, milliseconds.
    pub resume_ms: u32,
    /// The longest silence of the client, milliseconds; 0 = any.
    pub client_beat_ms: u32,
    /// The longest silence of the server, milliseconds; 0 = any.
    pub server_beat_ms: u32,
    /// Silences in a row before suspicion.
    pub misses: u8,
    /// Time to answer a PING in suspicion, milliseconds.
    pub challenge_ms: u32,
    /// The largest payload the server takes.
    pub max_payload: u32,
    /// Unacknowledged bytes the server takes.
    pub window: u32,
}

/// The terms for a client with these wishes. A spare connection has no session and
/// no beats.
#[must_use]
pub const fn negotiate(policy: &TermsPolicy, hello: &Hello) -> Terms {
    let spare = matches!(hello.mode, Mode::Spare);
    Terms {
        resume_ms: if spare { 0 } else { policy.resume_ms },
        client_beat_ms: if spare {
            0
        } else {
            policy.client_beat.agree(hello.client_beat_ms)
        },
        server_beat_ms: if spare {
            0
        } else {
            policy.server_beat.agree(hello.server_beat_ms)
        },
        misses: policy.misses,
        challenge_ms: policy.challenge_ms,
        max_payload: policy.max_payload,
        window: policy.window,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn what_becomes_of_a_wish() {
        let needed = BeatPolicy::new(1_000, 30_000, 600_000, true).unwrap();
        let free = BeatPolicy::new(1_000, 30_000, 600_000, false).unwrap();
        let fixed = BeatPolicy::new(5_000, 5_000, 5_000, true).unwrap();
        //         wish,     needed,  free,    fixed
        let table = [
            (0, 30_000, 0, 5_000),
            (1, 1_000, 1_000, 5_000),
            (999, 1_000, 1_000, 5_000),
            (1_000, 1_000, 1_000, 5_000),
            (1_001, 1_001, 1_001, 5_000),
            (30_000, 30_000, 30_000, 5_000),
            (599_999, 599_999, 599_999, 5_000),
            (600_000, 600_000, 600_000, 5_000),
            (600_001, 600_000, 600_000, 5_000),
            (u32::MAX, 600_000, 600_000, 5_000),
        ];
        for (wish, with_need, without, always) in table {
            assert_eq!(needed.agree(wish), with_need, "{wish}");
            assert_eq!(free.agree(wish), without, "{wish}");
            assert_eq!(fixed.agree(wish), always, "{wish}");
        }
    }

    #[test]
    fn a_policy_has_an_order_and_ends() {
        for (floor, default, ceiling, fine) in [
            (10, 10, 10, true),
            (10, 20, 3_600_000, true),
            (9, 20, 30, false),
            (0, 0, 0, false),
            (21, 20, 30, false),
            (10, 31, 30, false),
            (10, 20, 3_600_001, false),
        ] {
            let policy = BeatPolicy::new(floor, default, ceiling, true);
            assert_eq!(policy.is_ok(), fine, "{floor} {default} {ceiling}");
        }
    }

    fn hello(mode: Mode) -> Hello {
        Hello {
            mode,
            one_way: false,
            nonce: [0; 16],
            client_beat_ms: 2_000,
            server_beat_ms: 0,
            max_payload: 1_024,
            window: 4_096,
            identity: Bytes::from_static(b"a"),
        }
    }

    #[test]
    fn each_direction_has_its_own_policy() {
        let policy = TermsPolicy {
            server_beat: BeatPolicy::new(10, 7_000, 9_000, true).unwrap(),
            ..TermsPolicy::default()
        };
        let terms = negotiate(&policy, &hello(Mode::Register));
        assert_eq!((terms.client_beat_ms, terms.server_beat_ms), (2_000, 7_000));
        assert_eq!(terms, negotiate(&policy, &hello(Mode::Resume)));
        assert_eq!((terms.max_payload, terms.window), (65_544, 1 << 20));
        assert_eq!((terms.misses, terms.challenge_ms), (2, 5_000));
        assert_eq!(terms.resume_ms, 300_000);
    }

    #[test]
    fn a_spare_has_no_session_and_no_beats() {
        let terms = negotiate(&TermsPolicy::default(), &hello(Mode::Spare));
        let none = (terms.resume_ms, terms.client_beat_ms, terms.server_beat_ms);
        assert_eq!(none, (0, 0, 0));
        assert_eq!(terms.challenge_ms, 5_000);
    }
}
