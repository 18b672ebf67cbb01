//! When a client connects again, and when it does not: docs/protocol.md,
//! "Goodbye".
//!
//! A thousand devices that lose one server must not come back in one second. So
//! each waits a random time whose bound doubles with every attempt, up to a cap.
//! The random part is drawn *after* the cap ("full jitter"): drawn before, all
//! would meet again at the cap.

use std::time::Duration;

use super::frame::{Reason, Retry};

/// The bounds of the wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The longest wait before the first attempt: 10 ms to 1 h, default 500 ms.
    pub base: Duration,
    /// The longest wait before any, and how long a session must stand to count
    /// as a success: 10 ms to 1 h, default 60 s.
    pub cap: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            base: Duration::from_millis(500),
            cap: Duration::from_secs(60),
        }
    }
}

/// Why there is no connection any more, or none yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lost {
    /// It could not be made, or it broke, or it was found dead: nobody said
    /// anything.
    Broken,
    /// The server said BYE or REFUSE.
    Told {
        /// Why.
        reason: Reason,
        /// When to come back.
        retry: Retry,
    },
    /// This side's program ended the session.
    Ended,
}

/// Why a client does not come back by itself. Its user is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stop {
    /// The session is over, as one side wanted.
    Done,
    /// A newer connection of the same identity took over: two devices with one
    /// identity would displace each other for ever.
    Superseded,
    /// The key, the certificate or the secret is wrong: it will be next time.
    NotAuthorised,
    /// The server does not speak this version.
    Version,
    /// The server's program wants this client gone.
    Kicked,
    /// The server said "do not come back" for another reason.
    ToldNever(Reason),
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Next {
    /// Connect again after so long.
    After(Duration),
    /// Do not.
    Stop(Stop),
}

/// The pace at which one client comes back.
///
/// # How to call it
///
/// The first connection is made at once. Then:
///
/// 1. [`Self::on_registered`] when WELCOME has come.
/// 2. [`Self::on_lost`] whenever an attempt fails or a connection ends, with 64
///    fresh random bits; do what it says. After [`Next::Stop`] only a person, or
///    the program, starts again, with a new `Reconnect`.
///
/// Times are offsets from one origin and never go backwards.
#[derive(Debug, Clone)]
pub struct Reconnect {
    pace: Pace,
    /// Attempts in a row without success.
    attempts: u32,
    registered: Option<Duration>,
}

impl Reconnect {
    /// A client that has not failed yet.
    #[must_use]
    pub const fn new(pace: Pace) -> Self {
        Self {
            pace,
            attempts: 0,
            registered: None,
        }
    }

    /// Attempts in a row without success.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The client is registered.
    pub const fn on_registered(&mut self, now: Duration) {
        self.registered = Some(now);
    }

    /// There is no connection: when to make the next one. `random` is 64 random
    /// bits.
    pub fn on_lost(&mut self, now: Duration, lost: Lost, random: u64) -> Next {
        // A session that falls over at once is no success, or a server that
        // accepts and drops would be asked at full speed for ever.
        if let Some(since) = self.registered.take()
            && now.saturating_sub(since) >= self.pace.cap
        {
            self.attempts = 0;
        }
        if let Some(stop) = stops(lost) {
            return Next::Stop(stop);
        }
        let floor = match lost {
            Lost::Told {
                retry: Retry::After(ms),
                ..
            } => Duration::from_millis(u64::from(ms)),
            _ => Duration::ZERO,
        };
        let bound = self.bound();
        self.attempts = self.attempts.saturating_add(1);
        Next::After(floor.saturating_add(share(bound, random)))
    }

    /// The longest random wait before the next attempt.
    fn bound(&self) -> Duration {
        let factor = 1u32.checked_shl(self.attempts).unwrap_or(u32::MAX);
        self.pace.base.saturating_mul(factor).min(self.pace.cap)
    }
}

fn stops(lost: Lost) -> Option<Stop> {
    let (reason, retry) = match lost {
        Lost::Broken => return None,
        Lost::Ended => return Some(Stop::Done),
        Lost::Told { reason, retry } => (reason, retry),
    };
    match reason {
        Reason::Done => Some(Stop::Done),
        Reason::Superseded => Some(Stop::Superseded),
        Reason::NotAuthorised => Some(Stop::NotAuthorised),
        Reason::Version => Some(Stop::Version),
        Reason::Kicked if matches!(retry, Retry::Never | Retry::After(0)) => Some(Stop::Kicked),
        _ if retry == Retry::Never => Some(Stop::ToldNever(reason)),
        Reason::ShuttingDown
        | Reason::HeartbeatMissed
        | Reason::ProtocolError
        | Reason::IdentityInUse
        | Reason::Flapping
        | Reason::Overloaded
        | Reason::TooLate
        | Reason::Kicked => None,
    }
}

/// A uniform share of `bound`: from 0 to `bound`, both included.
fn share(bound: Duration, random: u64) -> Duration {
    let nanos = (bound.as_nanos() + 1).saturating_mul(u128::from(random)) >> 64;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn told(reason: Reason, ms: u32) -> Lost {
        let retry = Retry::After(ms);
        Lost::Told { reason, retry }
    }

    fn after(next: Next) -> Duration {
        match next {
            Next::After(wait) => wait,
            Next::Stop(stop) => panic!("stopped: {stop:?}"),
        }
    }

    #[test]
    fn the_bound_doubles_up_to_the_cap_and_the_random_part_is_drawn_after_it() {
        let mut client = Reconnect::new(Pace::default());
        let mut half = client.clone();
        for longest in [
            500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000,
        ] {
            let longest = Duration::from_millis(longest);
            assert_eq!(after(client.on_lost(S(0), Lost::Broken, u64::MAX)), longest);
            let wait = after(half.on_lost(S(0), Lost::Broken, 1 << 63));
            assert_eq!(wait, longest / 2, "drawn after the cap");
        }
        assert_eq!(after(client.on_lost(S(0), Lost::Broken, 0)), S(0));
    }

    #[test]
    fn only_a_session_that_stood_for_the_cap_is_a_success() {
        let mut client = Reconnect::new(Pace::default());
        for _ in 0..9 {
            client.on_lost(S(0), Lost::Broken, 0);
        }
        client.on_registered(S(10));
        let short = client.on_lost(S(69), Lost::Broken, u64::MAX);
        assert_eq!(after(short), S(60));
        client.on_registered(S(100));
        let long = client.on_lost(S(160), Lost::Broken, u64::MAX);
        assert_eq!(after(long), Duration::from_millis(500));
    }

    #[test]
    fn the_servers_hint_is_a_floor_and_the_random_part_comes_on_top() {
        let mut client = Reconnect::new(Pace::default());
        let lost = told(Reason::ShuttingDown, 5_000);
        assert_eq!(after(client.on_lost(S(0), lost, 0)), S(5));
        assert_eq!(after(client.on_lost(S(0), lost, u64::MAX)), S(6));
    }

    #[test]
    fn what_cannot_get_better_by_itself_stops() {
        let next = |lost| Reconnect::new(Pace::default()).on_lost(S(0), lost, 0);
        for (reason, stop) in [
            (Reason::Done, Some(Stop::Done)),
            (Reason::ShuttingDown, None),
            (Reason::Superseded, Some(Stop::Superseded)),
            (Reason::HeartbeatMissed, None),
            (Reason::ProtocolError, None),
            (Reason::NotAuthorised, Some(Stop::NotAuthorised)),
            (Reason::IdentityInUse, None),
            (Reason::Flapping, None),
            (Reason::Overloaded, None),
            (Reason::TooLate, None),
            (Reason::Version, Some(Stop::Version)),
            (Reason::Kicked, None),
        ] {
            let expected = stop.map_or(Next::After(S(1)), Next::Stop);
            assert_eq!(next(told(reason, 1_000)), expected, "{reason:?}");
            let retry = Retry::Never;
            assert!(matches!(next(Lost::Told { reason, retry }), Next::Stop(_)));
        }
        assert_eq!(next(told(Reason::Kicked, 0)), Next::Stop(Stop::Kicked));
        assert_eq!(next(Lost::Ended), Next::Stop(Stop::Done));
    }

    proptest! {
        #[test]
        fn no_wait_is_outside_its_bounds(
            base in 10u64..3_600_000, cap in 10u64..3_600_000, hint: u32,
            attempts in 0u32..200, random: u64,
        ) {
            let ms = Duration::from_millis;
            let pace = Pace { base: ms(base), cap: ms(cap) };
            let mut client = Reconnect { pace, attempts, registered: None };
            let hint = hint.min(u32::MAX - 1);
            let wait = after(client.on_lost(S(0), told(Reason::Overloaded, hint), random));
            let floor = ms(u64::from(hint));
            prop_assert!(floor <= wait && wait <= floor + ms(cap));
        }
    }
}
