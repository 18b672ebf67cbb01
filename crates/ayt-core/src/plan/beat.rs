//! The heartbeat that goes with a plan: what the kernel cannot see (a frozen program)
//! has to be asked of the program.

use std::time::Duration;

use super::loss::{SAFE, false_death, spare_time};
use super::traffic::traffic;
use super::{Detector, Path, Wish, expect};
use crate::detectors::Terms;
use crate::detectors::terms::MOST_INTERVAL;
use crate::keepalive::Effective;

/// Longest time for an answer that is planned: the protocol's default.
const MOST_CHALLENGE: Duration = Duration::from_secs(5);
/// Least interval that is planned: shorter ones are for programs that know why.
const LEAST_INTERVAL: Duration = Duration::from_millis(500);

/// Why no heartbeat is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NoBeat {
    /// The time is too short for two intervals and an answer.
    #[error("no heartbeat fits: the time, less polling and round trip, is too short")]
    TooShort,
    /// An outage of the wished length would make heartbeats too late.
    #[error(
        "no heartbeat fits: after such an outage TCP sends again too late, because its timeout \
         has doubled meanwhile"
    )]
    Outage,
    /// The loss makes late heartbeats too likely.
    #[error(
        "no heartbeat fits: at such a loss one too late would be likelier than one in a million a month"
    )]
    Loss,
    /// The budget of bytes is too small.
    #[error("no heartbeat fits: the budget of bytes allows none so often")]
    Budget,
    /// Only settings were given, no time to find a death in.
    #[error("settings were given, and no time to plan a heartbeat for")]
    NotAsked,
}

/// A heartbeat beside these settings that fulfils the wish: the longest interval with the fewest misses.
///
/// # Errors
/// None does, for this reason.
pub fn beat(wish: &Wish, settings: &Effective) -> Result<Terms, NoBeat> {
    let mut why = NoBeat::TooShort;
    for misses in 2..=10_u8 {
        let Some(terms) = with_misses(wish, misses) else {
            continue;
        };
        match hindrance(&terms, wish, settings) {
            None => return Ok(terms),
            Some(hindrance) => why = hindrance,
        }
    }
    Err(why)
}

fn with_misses(wish: &Wish, misses: u8) -> Option<Terms> {
    let room = wish.room().checked_sub(wish.poll.unwrap_or_default())?;
    // An answer may be lost once and sent again.
    let answer = wish.ground.trip() + wish.ground.longest_rto() * 2;
    let challenge = MOST_CHALLENGE.min(room / 5).max(answer);
    // Two timers of the watching program may be late.
    let late = Duration::from_millis(10);
    let left = room.checked_sub(challenge + late)? / u32::from(misses);
    let left = wish.behind.iter().fold(left, |left, behind| {
        // One beat may be late by as much again.
        left.min(behind.timeout() / 2)
    });
    let left = left.min(MOST_INTERVAL);
    let interval = match left.as_secs() {
        0 | 1 => Duration::from_millis(u64::try_from(left.as_millis()).ok()? / 100 * 100),
        seconds => Duration::from_secs(seconds),
    };
    if interval < LEAST_INTERVAL {
        return None;
    }
    let challenge = Duration::from_millis(u64::try_from(challenge.as_millis()).ok()?);
    let terms = Terms::new(interval, misses, challenge).ok()?;
    let found = expect(&Detector::Heartbeat(terms), Path::Idle, &wish.ground);
    found
        .span()
        .is_some_and(|span| span.latest <= room)
        .then_some(terms)
}

/// What is asked for and not had with these terms.
fn hindrance(terms: &Terms, wish: &Wish, settings: &Effective) -> Option<NoBeat> {
    if let Some(wanted) = wish.outage {
        // A beat that was due as the outage began is sent again and again; the last
        // time that is in time must be after its end.
        let spare = spare_time(terms).saturating_sub(wish.ground.longest_rto());
        let patience = Effective {
            user_timeout: Some(spare),
            ..*settings
        };
        let outage = wish.ground.outage(&patience).in_flight.known();
        let survived = outage.unwrap_or(spare / 2);
        if survived < wanted {
            return Some(NoBeat::Outage);
        }
    }
    let holds = wish.holds(settings);
    let chance = |loss| false_death(settings, Some(terms), holds, loss, &wish.ground);
    if wish.loss.is_some_and(|loss| chance(loss) >= SAFE) {
        return Some(NoBeat::Loss);
    }
    if let Some(bytes) = wish.bytes_budget {
        let cost = traffic(MOST_INTERVAL, Some(terms), wish.family).heartbeat;
        if cost.is_some_and(|cost| cost > bytes) {
            return Some(NoBeat::Budget);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keepalive::{Kernel, Os, Policy};
    use crate::plan::{Ground, Loss};

    fn wish(seconds: u64) -> Wish {
        let ground = Ground::new(Os::Linux, Kernel::default(), None);
        Wish::new(Duration::from_secs(seconds), ground)
    }

    fn beat(wish: &Wish) -> Result<Terms, NoBeat> {
        let plan = Os::Linux.plan(&Policy::default()).unwrap();
        super::beat(wish, &plan.effective())
    }

    #[test]
    fn the_longest_interval_is_taken() {
        for (seconds, interval_ms, challenge_ms) in [
            (30, 12_000, 5_000),
            (65, 29_000, 5_000),
            (5, 1_900, 1_000),
            (3_600, 1_797_000, 5_000),
        ] {
            let terms = beat(&wish(seconds)).unwrap();
            assert_eq!(terms.interval().as_millis(), interval_ms, "{seconds}");
            assert_eq!(terms.challenge().as_millis(), challenge_ms, "{seconds}");
            assert_eq!(terms.misses(), 2);
        }
    }

    #[test]
    fn what_hinders_is_told() {
        assert_eq!(beat(&wish(1)), Err(NoBeat::TooShort));
        let outage = Wish {
            outage: Some(Duration::from_secs(25)),
            ..wish(30)
        };
        assert_eq!(beat(&outage), Err(NoBeat::Outage));
        let loss = Wish {
            loss: Loss::new(0.6),
            ..wish(30)
        };
        assert_eq!(beat(&loss), Err(NoBeat::Loss));
        let budget = Wish {
            bytes_budget: Some(1_000),
            ..wish(30)
        };
        assert_eq!(beat(&budget), Err(NoBeat::Budget));
    }

    #[test]
    fn a_box_and_a_polling_server_shorten_it() {
        let behind = Wish {
            behind: vec!["240s".parse().unwrap()],
            ..wish(3_600)
        };
        assert_eq!(beat(&behind).unwrap().interval(), Duration::from_secs(120));
        let polled = Wish {
            poll: Some(Duration::from_secs(10)),
            ..wish(30)
        };
        assert!(beat(&polled).unwrap().detection() <= Duration::from_secs(20));
    }
}
