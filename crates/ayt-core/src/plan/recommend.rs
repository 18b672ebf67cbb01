//! From a wish to settings.
//!
//! The idle time I is made as long as the wish allows: it alone decides what keepalive
//! costs. What is left for probing is shared so:
//!
//! - N = 6 probes where there is room: three were seen to kill busy healthy peers, and
//!   many more only cost idle time. More where the loss demands it, fewer where whole
//!   seconds leave no room, never fewer than two: one unanswered probe is not death
//!   (RFC 1122 4.2.3.6);
//! - V so that an outage of the wished length, else of a third of the wish and at most
//!   two minutes, is survived: V·(N − 1) is the shortest that kills. It is more than
//!   two round trips, and at least a second;
//! - U between the last two probes: then the idle path ends at I + V·N as without it,
//!   and data in flight ends no later.
//!
//! Every candidate is judged by the system's own arithmetic ([`Ground::detection`]), at
//! its latest; where that is not known, by I + V·N and a tenth.

use std::time::Duration;

use super::loss::{SAFE, false_death, series};
use super::traffic::{shortest_period, times_a_month};
use super::{Binding, Refusal, Wish};
use crate::keepalive::{Effective, Found, Knob, Os, Policy, Setting};

const SECOND: Duration = Duration::from_secs(1);
/// Probes where there is room.
const PROBES: u32 = 6;
/// What is survived where nothing is asked for, at most.
const USUAL_OUTAGE: Duration = Duration::from_secs(120);
/// Longest wish that is looked through for a least one.
const LONGEST: u64 = 2 * 24 * 60 * 60;

/// The settings that fulfil a wish at the least cost.
///
/// # Errors
/// None do: names what binds, and the shortest time to be had.
pub fn recommend(wish: &Wish) -> Result<Policy, Refusal> {
    if let Some(binding) = not_per_socket(wish.ground.os) {
        return Err(Refusal {
            detect_within: wish.detect_within,
            binding,
            least: None,
        });
    }
    search(wish).ok_or_else(|| Refusal {
        detect_within: wish.detect_within,
        binding: binding(wish),
        least: least(wish),
    })
}

/// A system whose sockets have no times of their own.
fn not_per_socket(os: Os) -> Option<Binding> {
    let profile = os.profile();
    let knobs = [
        (Setting::Idle, profile.idle),
        (Setting::Interval, profile.interval),
    ];
    knobs.into_iter().find_map(|(setting, knob)| match knob {
        Knob::Socket { .. } => None,
        Knob::System { why, .. } | Knob::None { why } => {
            Some(Binding::NotPerSocket { os, setting, why })
        }
    })
}

fn search(wish: &Wish) -> Option<Policy> {
    let fixed = match wish.ground.os.profile().count {
        Knob::Socket { .. } => None,
        Knob::System { usual, .. } => Some(usual),
        Knob::None { .. } => Some(wish.ground.os.profile().defaults.count),
    };
    let most = match wish.ground.os.profile().count {
        Knob::Socket { max, .. } => max.min(127),
        _ => PROBES,
    };
    let most = most.min(enough_probes(wish));
    let counts: Vec<u32> = match fixed {
        Some(count) => vec![count],
        None => (PROBES..=most).chain((2..PROBES).rev()).collect(),
    };
    counts.into_iter().find_map(|count| with_count(wish, count))
}

/// More probes than this never help: no loss demands them.
fn enough_probes(wish: &Wish) -> u32 {
    let Some(loss) = wish.loss else { return PROBES };
    let series = (SAFE / times_a_month(SECOND)).ln() / loss.in_vain().ln();
    // Not a number and infinity become 0 and the largest.
    (series.ceil() as u32).max(PROBES)
}

fn with_count(wish: &Wish, count: u32) -> Option<Policy> {
    let gaps = count.saturating_sub(1).max(1);
    let least = SECOND.max(whole(wish.ground.trip() * 2));
    let least = least.max(whole(wish.outage.unwrap_or_default() / gaps));
    let usual = (wish.detect_within / 3).min(USUAL_OUTAGE) / gaps;
    let mut interval = least.max(whole(usual));
    // No room for even the shortest idle time.
    if least.saturating_mul(count) > wish.room() {
        return None;
    }
    loop {
        if let Some(policy) = with_interval(wish, interval, count) {
            return Some(policy);
        }
        if interval <= least {
            return None;
        }
        // A tenth less, in whole seconds.
        let step = Duration::from_secs((interval.as_secs() / 10).max(1));
        interval = interval.saturating_sub(step).max(least);
    }
}

/// The longest idle time that fits.
fn with_interval(wish: &Wish, interval: Duration, count: u32) -> Option<Policy> {
    let probing = interval.saturating_mul(count);
    let most = wish.room().checked_sub(probing)?.as_secs();
    // A healthy connection is probed every max(I, V): the shorter of them is wasted.
    let least = interval.as_secs().max(1);
    let longest = Duration::from_secs(most);
    let cheap = wish
        .bytes_budget
        .is_none_or(|bytes| longest >= shortest_period(bytes, wish.family));
    let safe = wish
        .loss
        .is_none_or(|loss| series(longest, loss.in_vain(), count) < SAFE);
    if most < least || !cheap || !safe {
        return None;
    }
    let fits = |idle_s: u64| {
        let policy = policy(wish, Duration::from_secs(idle_s), interval, count)?;
        fulfils(&policy, wish).then_some(policy)
    };
    let quick = |idle_s: u64| {
        let policy = policy(wish, Duration::from_secs(idle_s), interval, count);
        policy.is_some_and(|policy| is_quick(&policy, wish) && holds(&policy, wish))
    };
    if !quick(least) {
        return None;
    }
    // What is too slow stays too slow with a longer idle time, nearly: timers round up
    // in steps, so the last few are tried one by one.
    let (mut low, mut high) = (least, most + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let policy = policy(wish, Duration::from_secs(middle), interval, count);
        if policy.is_some_and(|policy| is_quick(&policy, wish) && holds(&policy, wish)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    let longest = low.saturating_sub(1).max(least);
    (longest.saturating_sub(8).max(least)..=longest)
        .rev()
        .find_map(fits)
}

fn fulfils(policy: &Policy, wish: &Wish) -> bool {
    is_quick(policy, wish)
        && holds(policy, wish)
        && survives(policy, wish)
        && is_safe(policy, wish)
        && is_cheap(policy, wish)
}

fn is_safe(policy: &Policy, wish: &Wish) -> bool {
    let (Some(settings), Some(loss)) = (effective(policy, wish.ground.os), wish.loss) else {
        return wish.loss.is_none();
    };
    let holds = wish.holds(&settings);
    false_death(&settings, None, holds, loss, &wish.ground) < SAFE
}

/// The settings with a fitting user timeout, where the system has one: between the
/// last probe at its latest and the end. An earlier one could end the connection after
/// fewer probes when the timer of the first is late.
fn policy(wish: &Wish, idle: Duration, interval: Duration, count: u32) -> Option<Policy> {
    let bare = Policy::new(idle, interval, count).ok()?;
    let unit = match wish.ground.os.profile().user_timeout {
        Knob::Socket { unit, .. } => unit,
        Knob::System { .. } | Knob::None { .. } => return Some(bare),
    };
    let mut last = idle + interval * count.saturating_sub(1);
    if let Some(fewer) = count.checked_sub(1).filter(|fewer| *fewer > 0) {
        // A count of one less would end it just then.
        let before = Policy::new(idle, interval, fewer).ok()?;
        let settings = effective(&before, wish.ground.os)?;
        let span = wish.ground.os.detection(&settings, &wish.ground.kernel);
        last = span.idle.span().map_or(last, |span| span.latest);
    }
    // Whole seconds where they matter less than a probe.
    let grain = match interval > SECOND || unit >= SECOND {
        true => 1_000,
        false => 500,
    };
    let user_timeout = last + interval / 4;
    let millis = u64::try_from(user_timeout.as_millis()).ok()?;
    let user_timeout = Duration::from_millis(millis.next_multiple_of(grain));
    bare.with_user_timeout(user_timeout).ok()
}

/// Both paths find a death in time, at their latest.
fn is_quick(policy: &Policy, wish: &Wish) -> bool {
    let Some(settings) = effective(policy, wish.ground.os) else {
        return false;
    };
    let detection = wish.ground.detection(&settings);
    let idle = match detection.idle {
        Found::Within(span) => span.latest,
        Found::Never(_) => return false,
        Found::NotBefore { .. } | Found::Unknown(_) => {
            let exact = settings.idle + settings.interval.saturating_mul(settings.count);
            exact + exact / 10
        }
    };
    let in_flight = detection.in_flight.span().map(|span| span.latest);
    idle <= wish.room() && in_flight.is_none_or(|latest| latest <= wish.room())
}

/// Every box that counts probes sees two of them before it forgets; where segments are
/// lost, all that it takes to end the connection.
fn holds(policy: &Policy, wish: &Wish) -> bool {
    let Some(settings) = effective(policy, wish.ground.os) else {
        return false;
    };
    let needed = match wish.loss {
        Some(_) => settings.count.max(2),
        None => 2,
    };
    let held = |probes: Option<u32>| probes.is_none_or(|probes| probes >= needed);
    let mut boxes = wish.behind.iter();
    boxes.all(|behind| held(behind.probes_within(&settings, &wish.ground)))
}

fn survives(policy: &Policy, wish: &Wish) -> bool {
    let (Some(settings), Some(wanted)) = (effective(policy, wish.ground.os), wish.outage) else {
        return wish.outage.is_none();
    };
    let outage = wish.ground.outage(&settings);
    let enough = |known: Option<Duration>| known.is_none_or(|outage| outage >= wanted);
    let idle = outage.idle.known();
    let idle = idle.unwrap_or(settings.interval * settings.count.saturating_sub(1));
    idle >= wanted && enough(outage.in_flight.known())
}

fn is_cheap(policy: &Policy, wish: &Wish) -> bool {
    let period = policy.idle().max(policy.interval());
    wish.bytes_budget
        .is_none_or(|bytes| period >= shortest_period(bytes, wish.family))
}

impl Wish {
    /// The fewest probes in a row that must be lost for a box to forget.
    pub(super) fn holds(&self, settings: &Effective) -> Option<u32> {
        let boxes = self.behind.iter();
        boxes
            .filter_map(|behind| behind.probes_within(settings, &self.ground))
            .min()
    }
}

/// What the system makes of a policy.
fn effective(policy: &Policy, os: Os) -> Option<Effective> {
    Some(os.plan(policy).ok()?.effective())
}

fn whole(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs() + u64::from(time.subsec_nanos() > 0))
}

/// What, if it were not asked for, would let the wish be granted.
fn binding(wish: &Wish) -> Binding {
    let without = |change: &dyn Fn(&mut Wish)| {
        let mut easier = wish.clone();
        change(&mut easier);
        search(&easier).is_some()
    };
    let bare = |easier: &mut Wish| {
        *easier = Wish::new(wish.detect_within, wish.ground);
        easier.ground.rtt = None;
    };
    if !without(&bare) {
        return Binding::System(wish.ground.os);
    }
    if let Some(loss) = wish.loss
        && without(&|easier| easier.loss = None)
    {
        return Binding::Loss(loss);
    }
    if let Some(outage) = wish.outage
        && without(&|easier| easier.outage = None)
    {
        return Binding::Outage(outage);
    }
    if let Some(bytes) = wish.bytes_budget
        && without(&|easier| easier.bytes_budget = None)
    {
        return Binding::Budget(bytes);
    }
    let shortest = wish.behind.iter().min_by_key(|behind| behind.timeout());
    if let Some(shortest) = shortest
        && without(&|easier| easier.behind.clear())
    {
        return Binding::Box(*shortest);
    }
    if let Some(rtt) = wish.ground.rtt
        && without(&|easier| easier.ground.rtt = None)
    {
        return Binding::RoundTrip(rtt);
    }
    Binding::Together
}

/// The shortest wish, in whole seconds, that can be granted with all else as it is.
fn least(wish: &Wish) -> Option<Duration> {
    let granted = |seconds: u64| {
        let mut longer = wish.clone();
        longer.detect_within = Duration::from_secs(seconds);
        search(&longer).is_some()
    };
    let mut refused = wish.detect_within.as_secs();
    let mut high = refused.max(1);
    while !granted(high) {
        refused = high;
        high = high.checked_mul(2).filter(|high| *high <= LONGEST)?;
    }
    while high - refused > 1 {
        let middle = refused + (high - refused) / 2;
        if granted(middle) {
            high = middle;
        } else {
            refused = middle;
        }
    }
    Some(Duration::from_secs(high))
}

#[cfg(test)]
mod tests;
