use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

const T: fn(u64) -> Duration = Duration::from_millis;

const SMALL: Accepts = Accepts {
    max_payload: 1_024,
    window: 4_096,
};

fn config() -> Config {
    Config {
        own: SMALL,
        peer: SMALL,
        replay_bound: 4_096,
        ack_delay: T(50),
    }
}

fn message(len: usize) -> Bytes {
    Bytes::from(vec![7; len])
}

/// Gives `count` messages of `len` bytes to a receiver.
fn receive(traffic: &mut Traffic, count: u64, len: usize) {
    let next = traffic.numbers().received + 1;
    for seq in next..next + count {
        traffic.handle_data(seq, message(len)).unwrap();
    }
}

fn accepted(traffic: &mut Traffic, len: usize) -> bool {
    matches!(traffic.offer(message(len)), Ok(Offer::Accepted(_)))
}

#[test]
fn full_gives_the_message_back_and_an_acknowledgement_makes_room() {
    let mut traffic = Traffic::new(config());
    for _ in 0..4 {
        assert!(accepted(&mut traffic, 992), "4 × (992 + 32) is the window");
    }
    let offered = message(0);
    assert_eq!(traffic.offer(offered.clone()), Ok(Offer::Full(offered)));
    assert_eq!(traffic.poll_data().unwrap().0, 1);
    traffic.handle_ack(1).unwrap();
    assert_eq!(traffic.offer(message(992)), Ok(Offer::Accepted(5)));
    assert_eq!(traffic.replay_cost(), 4_096);
}

#[test]
fn the_window_is_the_smaller_of_the_two() {
    for (replay_bound, window) in [(4_096, 1 << 20), (1 << 20, 4_096)] {
        let mut traffic = Traffic::new(Config {
            replay_bound,
            peer: Accepts { window, ..SMALL },
            ..config()
        });
        let count = std::iter::repeat_with(|| accepted(&mut traffic, 992))
            .take_while(|&taken| taken)
            .count();
        assert_eq!(count, 4);
    }
}

#[test]
fn one_message_larger_than_the_window_passes_alone() {
    let peer = Accepts {
        max_payload: 65_544,
        window: 4_096,
    };
    let config = Config {
        own: peer,
        peer,
        ..config()
    };
    let (mut a, mut b) = (Traffic::new(config), Traffic::new(config));
    assert!(accepted(&mut a, 65_536));
    assert!(!accepted(&mut a, 0), "not beside it");
    let (seq, sent) = a.poll_data().unwrap();
    b.handle_data(seq, sent).unwrap();
    assert!(b.take(T(0)).is_some());
    b.done(T(0));
    a.handle_ack(b.poll_ack().unwrap()).unwrap();
    assert!(accepted(&mut a, 1_000));
    assert!(!accepted(&mut a, 65_536), "nor after a smaller one");
}

#[test]
fn a_message_too_long_for_the_peer_is_refused_with_the_limit() {
    let mut traffic = Traffic::new(config());
    let (len, max) = (1_017, 1_016);
    assert_eq!(
        traffic.offer(message(len)),
        Err(OfferError::TooLong { len, max })
    );
    assert!(accepted(&mut traffic, max));
    assert_eq!(
        traffic.handle_data(1, message(len)),
        Err(Violation::TooLong { seq: 1, len, max })
    );
}

#[test]
fn only_an_acknowledgement_makes_a_sender_forget() {
    let mut traffic = Traffic::new(config());
    for len in 1..=3 {
        assert!(accepted(&mut traffic, len));
    }
    while traffic.poll_data().is_some() {}
    // A new connection: everything again, in order.
    traffic.resume(0, SMALL).unwrap();
    let again: Vec<_> = std::iter::from_fn(|| traffic.poll_data()).collect();
    assert_eq!(again, [(1, message(1)), (2, message(2)), (3, message(3))]);
    // The peer has two of them.
    traffic.resume(2, SMALL).unwrap();
    assert_eq!(traffic.poll_data(), Some((3, message(3))));
    assert_eq!(traffic.poll_data(), None);
}

#[test]
fn an_acknowledgement_of_what_was_not_sent_again_yet_skips_it() {
    let mut traffic = Traffic::new(config());
    for len in 1..=3 {
        assert!(accepted(&mut traffic, len));
    }
    while traffic.poll_data().is_some() {}
    traffic.resume(0, SMALL).unwrap();
    assert_eq!(traffic.poll_data().unwrap().0, 1);
    // It had 2 in its queue from the connection before.
    traffic.handle_ack(2).unwrap();
    assert_eq!(traffic.poll_data().unwrap().0, 3);
}

#[test]
fn what_was_accepted_and_never_sent_cannot_be_acknowledged() {
    let mut traffic = Traffic::new(config());
    assert!(accepted(&mut traffic, 1) && accepted(&mut traffic, 1));
    traffic.poll_data();
    let error = Violation::AckOfUnsent {
        acknowledged: 2,
        sent: 1,
    };
    assert_eq!(traffic.handle_ack(2), Err(error));
    assert_eq!(traffic.handle_ack(1), Ok(()));
    assert_eq!(traffic.handle_ack(0), Ok(()), "an old one says nothing new");
    assert_eq!(traffic.numbers().acknowledged, 1);
}

#[test]
fn duplicates_are_dropped_and_gaps_are_errors() {
    let mut traffic = Traffic::new(config());
    receive(&mut traffic, 2, 10);
    for seq in [0, 1, 2] {
        assert_eq!(traffic.handle_data(seq, message(99)), Ok(()));
    }
    let gap = Violation::Gap {
        expected: 3,
        came: 4,
    };
    assert_eq!(traffic.handle_data(4, message(1)), Err(gap));
    assert_eq!(traffic.take(T(0)), Some(message(10)));
    assert_eq!(traffic.take(T(0)), Some(message(10)));
    assert_eq!(traffic.take(T(0)), None);
}

#[test]
fn a_peer_that_exceeds_the_window_is_found() {
    let mut traffic = Traffic::new(config());
    receive(&mut traffic, 4, 992);
    let exceeded = Violation::WindowExceeded {
        seq: 5,
        held: 4_128,
        window: 4_096,
    };
    assert_eq!(traffic.handle_data(5, message(0)), Err(exceeded));
    // Taken is not acknowledged: the peer does not know of it yet.
    while traffic.take(T(0)).is_some() {}
    assert_eq!(traffic.handle_data(5, message(0)), Err(exceeded));
    assert_eq!(traffic.poll_ack(), Some(4));
    assert_eq!(traffic.handle_data(5, message(0)), Ok(()));
}

#[test]
fn a_message_is_acknowledged_when_the_next_one_is_asked_for() {
    let mut traffic = Traffic::new(config());
    receive(&mut traffic, 3, 10);
    assert_eq!(traffic.poll_ack(), None, "received is not handed over");
    assert!(traffic.take(T(0)).is_some());
    assert_eq!(traffic.poll_ack(), None, "in hand is not done with");
    assert_eq!(traffic.announce(), 0, "nor for a resume");
    assert!(traffic.take(T(0)).is_some());
    assert_eq!(traffic.poll_ack(), Some(1));
    traffic.done(T(0));
    traffic.done(T(0));
    assert_eq!(traffic.poll_ack(), Some(2));
    assert_eq!(traffic.poll_ack(), None, "nothing new");
    let numbers = traffic.numbers();
    assert_eq!((numbers.received, numbers.handed_over), (3, 2));
}

#[test]
fn an_acknowledgement_waits_for_its_delay_or_a_quarter_of_the_window() {
    let mut traffic = Traffic::new(config());
    receive(&mut traffic, 3, 480);
    for at in [100, 110] {
        assert!(traffic.take(T(at)).is_some());
    }
    // The first was done with at 110.
    assert_eq!(traffic.ack_deadline(), Some(T(160)));
    assert!(!traffic.ack_due(T(159)));
    assert!(traffic.ack_due(T(160)));
    assert!(traffic.take(T(120)).is_some());
    assert!(traffic.ack_due(T(120)), "2 × 512 is a quarter of 4,096");
    assert_eq!(traffic.poll_ack(), Some(2));
    assert!(!traffic.ack_due(T(10_000)));
    assert_eq!(traffic.ack_deadline(), None);
}

#[test]
fn held_back_nothing_is_given_and_nothing_is_lost() {
    let mut traffic = Traffic::new(config());
    traffic.hold();
    receive(&mut traffic, 2, 10);
    assert!(!traffic.readable());
    assert_eq!(traffic.take(T(0)), None);
    traffic.release();
    assert!(traffic.readable());
    assert_eq!(traffic.take(T(0)), Some(message(10)));
}

#[test]
fn a_peer_that_stands_where_nobody_can_go_on_from_is_told_so() {
    let mut traffic = Traffic::new(config());
    for _ in 0..3 {
        assert!(accepted(&mut traffic, 1));
    }
    traffic.poll_data();
    traffic.poll_data();
    traffic.handle_ack(1).unwrap();
    let forgotten = CannotResume::Forgotten {
        received: 0,
        acknowledged: 1,
    };
    let never = CannotResume::NeverSent {
        received: 3,
        sent: 2,
    };
    let less = Accepts {
        window: 4_095,
        ..SMALL
    };
    assert_eq!(traffic.resume(0, SMALL), Err(forgotten));
    assert_eq!(traffic.resume(3, SMALL), Err(never));
    assert_eq!(traffic.resume(1, less), Err(CannotResume::TakesLess));
    assert_eq!(traffic.numbers().acknowledged, 1, "nothing has changed");
    assert_eq!(traffic.resume(2, Accepts::default()), Ok(()));
}

#[test]
fn what_is_lost_with_a_session_is_given_back_with_its_numbers() {
    let mut traffic = Traffic::new(config());
    for len in 1..=3 {
        assert!(accepted(&mut traffic, len));
    }
    traffic.poll_data();
    traffic.handle_ack(1).unwrap();
    assert_eq!(traffic.numbers().unacknowledged(), 2);
    let (first, messages) = traffic.into_unacknowledged();
    assert_eq!(first, 2);
    assert_eq!(messages.collect::<Vec<_>>(), [message(2), message(3)]);
}

#[test]
fn a_session_that_is_ending_takes_no_more_messages() {
    let mut traffic = Traffic::new(config());
    traffic.set_ending();
    assert_eq!(traffic.offer(message(1)), Err(OfferError::Ending));
}

/// What may happen between two ends; which end is the bool.
#[derive(Debug, Clone)]
enum Step {
    Offer(bool, usize),
    Transmit(bool),
    Deliver(bool),
    Take(bool),
    Done(bool),
    Acknowledge(bool),
    /// The connection breaks: what is under way is lost.
    Break,
    /// One end's program crashes, and goes on with what it kept.
    Crash(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (any::<bool>(), 0usize..1_017).prop_map(|(end, len)| Step::Offer(end, len)),
        6 => any::<bool>().prop_map(Step::Transmit),
        6 => any::<bool>().prop_map(Step::Deliver),
        4 => any::<bool>().prop_map(Step::Take),
        1 => any::<bool>().prop_map(Step::Done),
        2 => any::<bool>().prop_map(Step::Acknowledge),
        1 => Just(Step::Break),
        1 => any::<bool>().prop_map(Step::Crash),
    ]
}

#[derive(Debug)]
enum Wire {
    Data(u64, Bytes),
    Ack(u64),
}

#[derive(Debug)]
struct End {
    traffic: Traffic,
    /// What it has given to the wire.
    wire: VecDeque<Wire>,
    /// Everything its program offered with success, ever.
    offered: Vec<Bytes>,
    /// What its program has finished.
    finished: Vec<Bytes>,
    in_hand: Option<Bytes>,
}

impl End {
    fn new() -> Self {
        Self {
            traffic: Traffic::new(config()),
            wire: VecDeque::new(),
            offered: Vec::new(),
            finished: Vec::new(),
            in_hand: None,
        }
    }

    fn check(&self, other: &Self) {
        let numbers = self.traffic.numbers();
        assert_eq!(numbers.handed_over, self.finished.len() as u64);
        assert!(
            self.finished
                .iter()
                .eq(other.offered.iter().take(self.finished.len()))
        );
        assert!(numbers.acknowledged <= numbers.sent && numbers.sent <= numbers.accepted);
        assert!(numbers.acknowledged <= other.traffic.numbers().handed_over);
        assert!(self.traffic.replay_cost() <= 4_096, "replay is bounded");
        assert!(self.traffic.queued_cost() <= 4_096, "the queue is bounded");
    }
}

fn reconnect(ends: &mut [End; 2]) {
    let announced = [0, 1].map(|i: usize| ends[i].traffic.announce());
    for (i, end) in ends.iter_mut().enumerate() {
        end.wire.clear();
        end.traffic.resume(announced[1 - i], SMALL).unwrap();
    }
}

fn run(ends: &mut [End; 2], now: Duration, step: Step) {
    let index = |end: bool| usize::from(end);
    match step {
        Step::Offer(end, len) => {
            let end = &mut ends[index(end)];
            let mut bytes = vec![0; len];
            let stamp = (end.offered.len() as u64).to_be_bytes();
            bytes.extend_from_slice(&stamp[..stamp.len().min(1_016 - len.min(1_016))]);
            let message = Bytes::from(bytes);
            if let Ok(Offer::Accepted(number)) = end.traffic.offer(message.clone()) {
                end.offered.push(message);
                assert_eq!(number, end.offered.len() as u64);
            }
        }
        Step::Transmit(end) => {
            let end = &mut ends[index(end)];
            if let Some((seq, message)) = end.traffic.poll_data() {
                end.wire.push_back(Wire::Data(seq, message));
            }
        }
        Step::Acknowledge(end) => {
            let end = &mut ends[index(end)];
            end.wire.extend(end.traffic.poll_ack().map(Wire::Ack));
        }
        Step::Deliver(end) => {
            let came = ends[index(!end)].wire.pop_front();
            let traffic = &mut ends[index(end)].traffic;
            match came {
                Some(Wire::Data(seq, message)) => traffic.handle_data(seq, message).unwrap(),
                Some(Wire::Ack(number)) => traffic.handle_ack(number).unwrap(),
                None => {}
            }
        }
        Step::Take(end) => {
            let end = &mut ends[index(end)];
            end.finished.extend(end.in_hand.take());
            end.in_hand = end.traffic.take(now);
        }
        Step::Done(end) => {
            let end = &mut ends[index(end)];
            end.finished.extend(end.in_hand.take());
            end.traffic.done(now);
        }
        Step::Break => reconnect(ends),
        Step::Crash(end) => {
            let end = &mut ends[index(end)];
            let numbers = end.traffic.numbers();
            // What it had in hand dies with it, and must come again.
            end.in_hand = None;
            let (first, kept) = end.traffic.clone().into_unacknowledged();
            end.traffic = Traffic::restore(config(), first - 1, numbers.handed_over, kept);
            reconnect(ends);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn whatever_happens_each_message_is_finished_once_and_in_order(
        steps in prop::collection::vec(step(), 1..400)
    ) {
        let mut ends = [End::new(), End::new()];
        for (n, step) in steps.into_iter().enumerate() {
            run(&mut ends, T(n as u64), step);
            ends[0].check(&ends[1]);
            ends[1].check(&ends[0]);
        }
        // And what is still under way arrives in the end.
        for _ in 0..2_000 {
            for end in [false, true] {
                for step in [Step::Transmit(end), Step::Take(end), Step::Acknowledge(end)] {
                    run(&mut ends, T(1_000_000), step);
                }
                run(&mut ends, T(1_000_000), Step::Deliver(!end));
            }
            if ends.iter().all(|end| end.traffic.all_acknowledged()) {
                break;
            }
        }
        for (i, end) in ends.iter().enumerate() {
            prop_assert!(end.traffic.all_acknowledged());
            prop_assert_eq!(&end.offered, &ends[1 - i].finished);
        }
    }

    #[test]
    fn nothing_a_peer_says_makes_it_panic_or_grow(
        frames in prop::collection::vec((any::<bool>(), 0u64..12, 0usize..1_200), 0..200)
    ) {
        let mut traffic = Traffic::new(config());
        for (data, number, len) in frames {
            let _ = traffic.offer(message(100));
            let _ = traffic.poll_data();
            let _ = if data {
                traffic.handle_data(number, message(len))
            } else {
                traffic.handle_ack(number)
            };
            prop_assert!(traffic.queued_cost() <= 4_096);
        }
        for number in [0, 1, u64::MAX] {
            let _ = traffic.handle_data(number, message(1));
            let _ = traffic.handle_ack(number);
            let _ = traffic.resume(number, SMALL);
        }
    }
}
