use proptest::prelude::*;

use super::*;
use crate::log::{Fate, Room};
use crate::packet::sample::segment;
use crate::stage::{Code, Cut, Delay, Loss, Pick, Reorder, Reset, Segment, Unreachable, Ways};

const A: Direction = Direction::AtoB;
const B: Direction = Direction::BtoA;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A wire in virtual time.
struct Bench {
    chain: Chain,
    log: Log,
    out: Vec<Packet>,
}

impl Bench {
    fn new() -> Self {
        Self {
            chain: Chain::new(),
            log: Log::new(Room::default()),
            out: Vec::new(),
        }
    }

    fn send(&mut self, at: Duration, way: Direction, flags: &str, seq: u32) {
        let bytes = segment(way, flags, seq, b"data");
        let packet = Packet::parse(bytes, way, at).unwrap();
        self.chain.arrive(packet, &mut self.log, &mut self.out);
    }

    fn until(&mut self, now: Duration) {
        self.chain.advance(now, &mut self.log, &mut self.out);
    }

    /// What has come out since the last call, as direction and sequence number.
    fn taken(&mut self) -> Vec<(Direction, u32)> {
        let tell = |packet: Packet| (packet.direction(), packet.tcp().unwrap().seq);
        self.out.drain(..).map(tell).collect()
    }

    fn dropped_by(&self) -> Vec<&'static str> {
        let by = |record: &crate::log::Record| match record.fate {
            Fate::Dropped { by, .. } => Some(by),
            Fate::Delivered { .. } | Fate::UnderWay => None,
        };
        self.log.records().filter_map(by).collect()
    }
}

#[test]
fn an_empty_chain_passes_everything_at_once() {
    let mut bench = Bench::new();
    bench.send(ms(1), A, ".", 1);
    bench.send(ms(2), B, ".", 2);
    assert_eq!(bench.taken(), [(A, 1), (B, 2)]);
    assert_eq!(bench.chain.due(), None);
}

#[test]
fn the_order_of_stages_is_that_of_the_path() {
    let mut bench = Bench::new();
    bench
        .chain
        .insert(Place::NextToA, Delay::fixed(Ways::Both, ms(50)));
    bench
        .chain
        .insert(Place::NextToB, Cut::one_way(Direction::AtoB));
    bench.send(ms(0), A, ".", 1);
    // It is lost where the cut is, behind the delay.
    assert_eq!(bench.dropped_by(), [""; 0]);
    bench.until(ms(50));
    assert_eq!(bench.dropped_by(), ["cut"]);
}

#[test]
fn an_answer_goes_back_through_what_the_packet_passed() {
    let mut bench = Bench::new();
    let delay = bench
        .chain
        .insert(Place::NextToA, Delay::fixed(Ways::Both, ms(50)));
    bench
        .chain
        .insert(Place::After(delay), Reset::new(Ways::Only(A)));
    bench
        .chain
        .insert(Place::NextToB, Delay::fixed(Ways::Both, ms(500)));
    bench.send(ms(0), A, "S", 7);
    bench.until(ms(99));
    assert_eq!(bench.taken(), []);
    bench.until(ms(100));
    assert_eq!(bench.taken(), [(B, 0)]);
    assert_eq!(bench.chain.counts[B.index()].made, 1);
}

#[test]
fn two_stages_do_not_answer_each_other_for_ever() {
    let mut bench = Bench::new();
    let router = [Some([10, 77, 0, 254].into()), None];
    bench.chain.insert(
        Place::NextToA,
        Unreachable::new(Ways::Only(B), Code::Host, router),
    );
    bench
        .chain
        .insert(Place::NextToB, Reset::new(Ways::Only(A)));
    bench.send(ms(0), A, "S", 7);
    assert_eq!(bench.taken(), []);
    assert_eq!(bench.dropped_by(), ["reset", "unreachable"]);
}

#[test]
fn what_a_removed_stage_held_goes_on_at_once_and_in_order() {
    let mut bench = Bench::new();
    let delay = bench
        .chain
        .insert(Place::NextToA, Delay::fixed(Ways::Both, ms(500)));
    for (at, way) in [(0, A), (1, B), (2, A)] {
        bench.send(ms(at), way, ".", at as u32);
    }
    assert_eq!(bench.chain.held(), 3);
    assert!(bench.chain.remove(delay));
    assert!(!bench.chain.remove(delay));
    bench.until(ms(3));
    assert_eq!(bench.taken(), [(A, 0), (B, 1), (A, 2)]);
}

#[test]
fn a_stage_that_comes_later_meets_what_is_still_before_it() {
    for (place, met) in [(Place::NextToA, vec![B]), (Place::NextToB, vec![A])] {
        let mut bench = Bench::new();
        bench
            .chain
            .insert(Place::NextToA, Delay::fixed(Ways::Both, ms(10)));
        bench.send(ms(0), A, ".", 1);
        bench.send(ms(0), B, ".", 2);
        bench.chain.insert(place, Cut::both());
        bench.until(ms(20));
        let lost: Vec<Direction> = bench
            .log
            .records()
            .filter(|record| record.is_dropped())
            .map(|record| record.direction)
            .collect();
        assert_eq!(lost, met, "{place:?}");
    }
}

#[test]
fn another_stage_takes_the_place_of_one() {
    let mut bench = Bench::new();
    let id = bench.chain.insert(Place::NextToA, Cut::both());
    assert!(bench.chain.replace(id, Delay::fixed(Ways::Both, ms(1))));
    bench.send(ms(0), A, ".", 1);
    bench.until(ms(1));
    assert_eq!(bench.taken(), [(A, 1)]);
    let kinds: Vec<&str> = bench.chain.stages().map(|(_, kind)| kind).collect();
    assert_eq!(kinds, ["delay"]);
}

#[test]
fn time_that_goes_back_counts_as_the_latest() {
    let mut bench = Bench::new();
    bench
        .chain
        .insert(Place::NextToA, Delay::fixed(Ways::Both, ms(10)));
    bench.until(ms(100));
    bench.send(ms(95), A, ".", 1);
    assert_eq!(bench.chain.due(), Some(ms(110)));
}

#[derive(Debug, Clone)]
struct Step {
    gap: u64,
    back: bool,
    fin: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0u64..20, any::<bool>(), any::<bool>());
    let step = step.prop_map(|(gap, back, fin)| Step { gap, back, fin });
    proptest::collection::vec(step, 0..80)
}

/// The fates of these packets with these seeds.
fn fates(steps: &[Step], seed: u64) -> (Vec<(Direction, u32)>, Vec<&'static str>, u64) {
    let mut bench = Bench::new();
    let chain = &mut bench.chain;
    chain.insert(Place::NextToB, Loss::new(Ways::Both, 0.2, seed));
    chain.insert(
        Place::NextToB,
        Delay::jittered(Ways::Both, ms(5), ms(30), seed),
    );
    chain.insert(Place::NextToB, Reorder::new(Ways::Both, 0.2, ms(7), seed));
    chain.insert(Place::NextToB, Pick::segment(2, Segment::Fin));
    let mut now = Duration::ZERO;
    for (seq, step) in steps.iter().enumerate() {
        now += ms(step.gap);
        let way = if step.back { B } else { A };
        bench.send(now, way, if step.fin { "F" } else { "." }, seq as u32);
    }
    bench.until(now + ms(100));
    let sent: u64 = bench.chain.counts.iter().map(|count| count.sent).sum();
    assert_eq!(bench.chain.held(), 0);
    let dropped = bench.dropped_by();
    (bench.taken(), dropped, sent)
}

proptest! {
    #[test]
    fn nothing_is_lost_without_a_word_and_seeds_repeat(steps in steps(), seed: u64) {
        let (out, dropped, sent) = fates(&steps, seed);
        prop_assert_eq!((out.len() + dropped.len()) as u64, sent);
        prop_assert_eq!(fates(&steps, seed), (out, dropped, sent));
    }
}
