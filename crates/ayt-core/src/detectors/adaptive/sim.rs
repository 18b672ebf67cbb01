//! Whole searches in simulated networks, each from a seed: NATs of all kinds, a path
//! that loses segments, servers that restart, boxes that are exchanged.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const fn s(n: u64) -> Duration {
    Duration::from_secs(n)
}

const DAY: u64 = 86_400;

/// What lies between the client and its server.
#[derive(Debug, Clone)]
struct World {
    /// Seconds after which the NAT forgets: from that time on.
    timeouts: Vec<(u64, u64)>,
    /// By how many thousandths a single mapping's timeout differs, at most.
    jitter: u64,
    /// It closes the connection towards both sides instead of forgetting it.
    closes: bool,
    /// Segments lost, in thousandths; each costs a retransmission time that doubles.
    loss: u64,
    /// Times at which the server restarts, and for how long it is away, in seconds.
    restarts: Vec<(u64, u64)>,
    seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Opened(u32),
    NotOpened(u32),
    Spoke(u32),
    Ended(u32),
    Answered(u32),
    Restart,
}

/// The program around an [`Adaptive`], and the world around both.
struct Run {
    world: World,
    now: Duration,
    events: BTreeMap<(Duration, u32), Event>,
    counter: u32,
    /// The spare in use: what happens to an older one is not reported.
    spare: u32,
    /// The real connection: replaced when it is lost.
    real: u32,
    /// Silences that were tried.
    tries: Vec<Duration>,
    /// When the real connection was lost.
    losses: Vec<Duration>,
}

impl Run {
    fn new(world: World) -> Self {
        let mut run = Self {
            now: Duration::ZERO,
            events: BTreeMap::new(),
            counter: 0,
            spare: 0,
            real: 0,
            tries: Vec::new(),
            losses: Vec::new(),
            world,
        };
        for (at, _) in run.world.restarts.clone() {
            run.at(s(at), Event::Restart);
        }
        run
    }

    fn random(&mut self, below: u64) -> u64 {
        self.world.seed = self
            .world
            .seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.world.seed >> 33) % below.max(1)
    }

    fn at(&mut self, at: Duration, event: Event) {
        self.counter += 1;
        self.events.insert((at, self.counter), event);
    }

    /// A way from one side to the other.
    fn delay(&mut self) -> Duration {
        let mut delay = Duration::from_millis(20 + self.random(60));
        let mut again = Duration::from_millis(300);
        while self.random(1_000) < self.world.loss {
            delay += again;
            again *= 2;
        }
        delay
    }

    /// How long a mapping that is used now will live.
    fn mapping(&mut self) -> Duration {
        let at = self.now.as_secs();
        let timeouts = &self.world.timeouts;
        let (_, timeout) = timeouts.iter().rfind(|(from, _)| *from <= at).unwrap();
        let timeout = s(*timeout);
        let spread = timeout * u32::try_from(self.world.jitter).unwrap() / 1_000;
        let off = spread * 2 * u32::try_from(self.random(1_001)).unwrap() / 1_000;
        timeout - spread + off
    }

    /// When the server is away at `at`, or goes away in the time after it.
    fn away(&self, at: Duration, after: Duration) -> Option<Duration> {
        let restarts = self.world.restarts.iter();
        restarts
            .map(|&(from, long)| (s(from), s(from + long)))
            .find(|&(from, to)| at < to && at + after >= from)
            .map(|(from, _)| from.max(at))
    }

    fn lose_real(&mut self, adaptive: &mut Adaptive) {
        self.real += 1;
        self.losses.push(self.now);
        adaptive.real_silent(self.now);
    }

    /// Goes on until `end`, or until it is content if that is asked for.
    fn go(&mut self, adaptive: &mut Adaptive, end: Duration, until_stable: bool) {
        // Each heartbeat of the real connection finds its mapping, or does not.
        let mut beat = (self.now, self.mapping());
        loop {
            let step = adaptive.next(self.now);
            match step {
                Step::OpenSpare => {
                    self.spare += 1;
                    let delay = self.delay() * 3;
                    let event = match self.away(self.now, delay) {
                        Some(_) => Event::NotOpened(self.spare),
                        None => Event::Opened(self.spare),
                    };
                    self.at(self.now + delay, event);
                    continue;
                }
                Step::Silence(ms) => {
                    let silence = Duration::from_millis(u64::from(ms));
                    self.tries.push(silence);
                    let lives = self.mapping();
                    let delay = self.delay();
                    if let Some(at) = self.away(self.now, silence) {
                        // Half of the servers say so with a FIN, the others are just gone.
                        if self.random(2) == 0 {
                            self.at(at, Event::Ended(self.spare));
                        }
                    } else if silence < lives {
                        self.at(self.now + silence + delay, Event::Spoke(self.spare));
                    } else if self.world.closes {
                        self.at(self.now + lives, Event::Ended(self.spare));
                    }
                    continue;
                }
                Step::AskReal => {
                    let delay = self.delay() + self.delay();
                    if self.away(self.now, delay).is_none() {
                        self.at(self.now + delay, Event::Answered(self.real));
                    }
                    continue;
                }
                Step::Stable(interval) => {
                    assert_eq!(interval, adaptive.interval());
                    if until_stable {
                        return;
                    }
                }
                Step::Wait(until) => assert!(until > self.now),
            }
            let timer = adaptive.next_deadline().unwrap_or(end);
            let next_beat = beat.0 + adaptive.interval();
            let event = self.events.keys().next().map_or(end, |&(at, _)| at);
            self.now = timer.min(next_beat).min(event).max(self.now);
            if self.now >= end {
                self.now = end;
                return;
            }
            if self.now >= next_beat {
                if self.now - beat.0 >= beat.1 {
                    self.lose_real(adaptive);
                }
                beat = (self.now, self.mapping());
            }
            while let Some(entry) = self.events.first_entry()
                && entry.key().0 <= self.now
            {
                match entry.remove() {
                    Event::Opened(spare) if spare == self.spare => adaptive.spare_opened(self.now),
                    Event::NotOpened(spare) if spare == self.spare => {
                        adaptive.spare_lost(SpareLost::NotOpened, self.now);
                    }
                    Event::Spoke(spare) if spare == self.spare => adaptive.spoke(self.now),
                    Event::Ended(spare) if spare == self.spare => {
                        adaptive.spare_lost(SpareLost::Ended, self.now);
                    }
                    // A program tells the answer of the connection that it asked on.
                    Event::Answered(real) if real == self.real => adaptive.real_answered(self.now),
                    Event::Restart => self.lose_real(adaptive),
                    _ => {}
                }
            }
        }
    }
}

fn world(timeout: u64) -> World {
    World {
        timeouts: vec![(0, timeout)],
        jitter: 0,
        closes: false,
        loss: 0,
        restarts: Vec::new(),
        seed: 1,
    }
}

fn terms() -> SearchTerms {
    SearchTerms::new(s(30), s(7_200)).unwrap()
}

fn fresh() -> Adaptive {
    Adaptive::new(terms(), &Memory::default(), s(0))
}

/// The interval is in use, at most a sixth below the shortest timeout there is, and
/// not above what any mapping survives.
fn near_the_truth(interval: Duration, shortest: Duration) -> bool {
    let reach = shortest.min(s(7_200));
    interval >= s(30) && interval * 6 / 5 >= reach && (interval < shortest || interval == s(30))
}

#[test]
fn every_timeout_is_found_within_the_stated_tries() {
    for timeout in (31..120).chain((120..7_500).step_by(61)) {
        for closes in [false, true] {
            let mut run = Run::new(World {
                closes,
                ..world(timeout)
            });
            let mut adaptive = fresh();
            run.go(&mut adaptive, s(10 * DAY), true);
            let interval = adaptive.interval();
            assert!(
                near_the_truth(interval, s(timeout)),
                "{timeout} s: {interval:?}"
            );
            let (tries, most) = (run.tries.len(), terms().tries() as usize);
            assert!(tries <= most, "{timeout} s: {tries} tries of {most}");
            assert_eq!(run.losses, [], "the real connection was lost");
        }
    }
}

#[test]
fn a_restart_at_any_time_lowers_nothing() {
    let quiet = {
        let mut run = Run::new(world(900));
        let mut adaptive = fresh();
        run.go(&mut adaptive, s(3 * DAY), false);
        adaptive.interval()
    };
    for at in (1..40_000).step_by(97) {
        for long in [0, 3, 90] {
            let mut run = Run::new(World {
                restarts: vec![(at, long), (at + 1_000, 0), (at + 1_300, 20)],
                seed: at,
                ..world(900)
            });
            let mut adaptive = fresh();
            run.go(&mut adaptive, s(3 * DAY), false);
            assert_eq!(adaptive.interval(), quiet, "restart at {at} s for {long} s");
        }
    }
}

#[test]
fn a_timeout_that_becomes_shorter_is_found_again() {
    let mut run = Run::new(World {
        timeouts: vec![(0, 3_600), (5 * DAY, 300)],
        ..world(0)
    });
    let mut adaptive = fresh();
    run.go(&mut adaptive, s(5 * DAY), false);
    assert!(near_the_truth(adaptive.interval(), s(3_600)));
    assert_eq!(run.losses, []);
    run.go(&mut adaptive, s(6 * DAY), false);
    assert!(near_the_truth(adaptive.interval(), s(300)), "{adaptive:?}");
    assert_eq!(run.losses.len(), 1, "one loss is enough to look again");
}

#[test]
fn a_timeout_that_becomes_longer_is_found_after_a_week() {
    let mut run = Run::new(World {
        timeouts: vec![(0, 300), (DAY, 3_600)],
        ..world(0)
    });
    let mut adaptive = fresh();
    run.go(&mut adaptive, s(7 * DAY), false);
    assert!(near_the_truth(adaptive.interval(), s(300)));
    run.go(&mut adaptive, s(8 * DAY), false);
    assert!(
        near_the_truth(adaptive.interval(), s(3_600)),
        "{adaptive:?}"
    );
    assert_eq!(run.losses, []);
}

#[test]
fn a_box_exchanged_in_the_midst_of_a_search_does_not_confuse_it() {
    for at in (0..8_000).step_by(113) {
        for (first, then) in [(3_600, 300), (300, 3_600), (7_200, 45)] {
            for closes in [false, true] {
                let mut run = Run::new(World {
                    timeouts: vec![(0, first), (at, then)],
                    closes,
                    ..world(0)
                });
                let mut adaptive = fresh();
                run.go(&mut adaptive, s(20 * DAY), false);
                let interval = adaptive.interval();
                assert!(
                    near_the_truth(interval, s(then)),
                    "at {at} s to {then} s: {adaptive:?}"
                );
            }
        }
    }
}

#[test]
fn a_box_that_forgets_below_the_floor_is_not_hammered() {
    let mut run = Run::new(world(20));
    let mut adaptive = fresh();
    run.go(&mut adaptive, s(10 * DAY), false);
    assert_eq!((adaptive.interval(), adaptive.proven()), (s(30), None));
    // Tries prove nothing while the real connection dies as well.
    assert!(run.tries.len() < 1_000, "{}", run.tries.len());
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 200, ..ProptestConfig::default() })]

    /// Jitter of up to 5 % is within the margin; losses of up to a fifth and restarts
    /// at any time make the search longer and not wrong.
    #[test]
    fn rough_networks_only_take_longer(
        timeout in 35..7_200u64,
        jitter in 0..=50u64,
        loss in 0..=200u64,
        closes in any::<bool>(),
        restarts in prop::collection::vec((0..3 * DAY, 0..200u64), 0..6),
        seed in any::<u64>(),
    ) {
        let mut restarts = restarts;
        restarts.sort_unstable();
        let world = World { timeouts: vec![(0, timeout)], jitter, closes, loss, restarts, seed };
        let mut run = Run::new(world);
        let mut adaptive = fresh();
        // After the last restart, and content.
        run.go(&mut adaptive, s(3 * DAY), false);
        run.go(&mut adaptive, s(6 * DAY), true);
        prop_assert!(run.now < s(6 * DAY), "not content after six days: {adaptive:?}");
        let interval = adaptive.interval();
        let shortest = s(timeout) * (1_000 - u32::try_from(jitter).unwrap()) / 1_000;
        prop_assert!(
            near_the_truth(interval, shortest),
            "{interval:?} of {shortest:?}, {:?}", run.tries
        );
    }

    /// Any inputs in any order, and any times: no panic, and never outside of the terms.
    #[test]
    fn whatever_is_said_the_interval_stays_within_the_terms(
        inputs in prop::collection::vec((0..12u8, 0..4_000_000u64), 0..300),
        memory in "ayt networks 1\n(([0-9]{1,8}|-) ([0-9]{1,8}|-) ([0-9]{1,7}|-) [ab]{0,1}\n){0,3}",
    ) {
        let mut adaptive = Adaptive::new(terms(), &memory.parse().unwrap(), s(0));
        let mut now = s(0);
        for (input, step) in inputs {
            now += Duration::from_millis(step);
            match input {
                0 => adaptive.spare_opened(now),
                1 => adaptive.spoke(now),
                2 => adaptive.not_spoken(now),
                3 => adaptive.spare_lost(SpareLost::Ended, now),
                4 => adaptive.spare_lost(SpareLost::Refused(Duration::from_millis(step)), now),
                5 => adaptive.real_answered(now),
                6 => adaptive.real_silent(now),
                7 => adaptive.network_changed(if step % 2 == 0 { "a" } else { "b" }).unwrap(),
                8 => {
                    let memory = adaptive.memory(now);
                    prop_assert_eq!(memory.to_string().parse::<Memory>(), Ok(memory.clone()));
                    let again = Adaptive::new(terms(), &memory, now);
                    prop_assert_eq!(&again.memory(now).networks.len(), &memory.networks.len());
                }
                _ => {
                    if let Some(at) = adaptive.next_deadline() && input > 9 {
                        now = now.max(at);
                    }
                    match adaptive.next(now) {
                        Step::Silence(ms) => prop_assert!((30_000..=7_200_000).contains(&ms)),
                        Step::Wait(until) => prop_assert!(until > now),
                        Step::Stable(interval) => prop_assert_eq!(interval, adaptive.interval()),
                        Step::OpenSpare | Step::AskReal => {}
                    }
                }
            }
            prop_assert!((s(30)..=s(7_200)).contains(&adaptive.interval()));
            prop_assert!(adaptive.proven().is_none_or(|good| (s(30)..=s(7_200)).contains(&good)));
        }
    }
}
