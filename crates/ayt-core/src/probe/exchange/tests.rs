use proptest::prelude::*;

use super::super::segment::Timestamps;
use super::*;

const T: fn(u64) -> Duration = Duration::from_micros;

fn ack(seq: u32, ack: u32) -> Segment {
    Segment {
        flags: Flags::ACK,
        seq,
        ack,
        window: 501,
        timestamps: Some(Timestamps { value: 7, echo: 3 }),
        ..Segment::default()
    }
}

/// A peer's kernel as far as it answers segments without data: `tcp_sequence`
/// and `tcp_validate_incoming` in net/ipv4/tcp_input.c.
struct Kernel {
    rcv_nxt: u32,
    window: u32,
    snd_nxt: u32,
}

impl Kernel {
    /// The answer to a segment; `Err` when it looks at its acknowledgement, as
    /// it never must at one of ours.
    fn receive(&self, segment: &Segment) -> Result<Segment, &'static str> {
        let before = |a: u32, b: u32| (a.wrapping_sub(b) as i32) < 0;
        let outside = before(segment.seq, self.rcv_nxt)
            || before(self.rcv_nxt.wrapping_add(self.window), segment.seq);
        if outside || segment.flags.has(Flags::SYN) {
            return Ok(ack(self.snd_nxt, self.rcv_nxt));
        }
        Err("taken for an acknowledgement")
    }
}

#[test]
fn numbers_are_learnt_and_the_ask_is_what_keepalive_would_send() {
    let mut exchange = Exchange::new(1);
    assert!(!exchange.has_learnt());
    let shown = Segment {
        traffic_class: 8,
        flow_label: 99,
        ..ack(1_000, 2_000)
    };
    exchange.on_sent(T(1), &shown);
    assert!(exchange.has_learnt());
    let (ask, numbers) = exchange.ask(0);
    assert_eq!(numbers, Numbers::Learnt);
    assert_eq!(ask, Segment { seq: 999, ..shown });
    exchange.on_sent(T(5), &ask);
    exchange.on_sent(T(6), &ask);
    let reply = exchange.on_received(T(75), &ack(2_000, 1_000));
    assert_eq!(reply, Reply::Alive { rtt: Some(T(70)) });
}

#[test]
fn nothing_is_an_answer_before_the_ask() {
    let mut exchange = Exchange::new(1);
    let answer = ack(2_000, 1_000);
    assert_eq!(exchange.on_received(T(0), &answer), Reply::None);
    exchange.on_sent(T(1), &ack(1_000, 2_000));
    assert_eq!(exchange.on_received(T(2), &answer), Reply::None);
    let (ask, _) = exchange.ask(0);
    exchange.on_sent(T(10), &ask);
    assert_eq!(exchange.on_received(T(9), &answer), Reply::None);
    assert!(matches!(
        exchange.on_received(T(11), &answer),
        Reply::Alive { .. }
    ));
}

#[test]
fn what_passed_before_the_ask_itself_is_no_answer_to_it() {
    let mut exchange = Exchange::new(1);
    exchange.on_sent(T(1), &ack(1_000, 2_000));
    let (ask, _) = exchange.ask(0);
    // Waiting to be read when the ask was made.
    assert_eq!(exchange.on_received(T(2), &ack(2_000, 1_000)), Reply::None);
    exchange.on_sent(T(3), &ask);
    let reply = exchange.on_received(T(9), &ack(2_000, 1_000));
    assert_eq!(reply, Reply::Alive { rtt: Some(T(6)) });
    // What comes while it is asked once more may be the answer to the first ask.
    let _ = exchange.ask(0);
    assert_eq!(
        exchange.on_received(T(12), &ack(2_000, 1_000)),
        Reply::Alive { rtt: None }
    );
}

#[test]
fn data_is_a_sign_of_life_but_its_time_no_round_trip() {
    let mut exchange = Exchange::new(1);
    exchange.on_sent(T(1), &ack(1_000, 2_000));
    let (ask, _) = exchange.ask(0);
    exchange.on_sent(T(3), &ask);
    let data = Segment {
        payload: 100,
        ..ack(2_000, 1_000)
    };
    assert_eq!(
        exchange.on_received(T(4), &data),
        Reply::Alive { rtt: None }
    );
}

#[test]
fn a_reset_counts_where_it_answers_learnt_numbers_and_never_to_a_guess() {
    let reset = |seq| Segment {
        flags: Flags::RST,
        ..ack(seq, 0)
    };
    let mut learnt = Exchange::new(1);
    learnt.on_sent(T(0), &ack(1_000, 2_000));
    let (ask, _) = learnt.ask(0);
    learnt.on_sent(T(1), &ask);
    assert_eq!(learnt.on_received(T(2), &reset(ask.ack)), Reply::Reset);
    assert_eq!(learnt.on_received(T(2), &reset(ask.ack + 1)), Reply::None);
    let mut guessed = Exchange::new(1);
    let (ask, numbers) = guessed.ask(0);
    assert_eq!(numbers, Numbers::Guessed);
    assert_eq!(guessed.on_received(T(2), &reset(ask.ack)), Reply::None);
    // But an acknowledgement of it is life, whatever it says.
    let answer = guessed.on_received(T(2), &ack(5, 6));
    assert_eq!(answer, Reply::Alive { rtt: None });
}

/// Connection tracking as far as it judges segments without data: its bounds for
/// sequence and acknowledgement number (`tcp_in_window`).
fn is_late(segment: &Segment, snd_nxt: u32, rcv_nxt: u32) -> bool {
    let behind = |number: u32, other: u32| (number.wrapping_sub(other) as i32) <= 0;
    behind(segment.seq, snd_nxt) && behind(segment.ack, rcv_nxt)
}

proptest! {
    #[test]
    fn of_four_guesses_one_is_late_in_both_directions(
        chance in any::<u128>(),
        snd_nxt in any::<u32>(),
        rcv_nxt in any::<u32>(),
    ) {
        let mut exchange = Exchange::new(chance);
        let (guess, numbers) = exchange.ask(0);
        prop_assert_eq!(numbers, Numbers::Guessed);
        let [a, b, c] = Exchange::beside(&guess);
        let all = [guess, a, b, c];
        let late = all.iter().filter(|one| is_late(one, snd_nxt, rcv_nxt)).count();
        prop_assert!(late >= 1);
        prop_assert!(all.iter().all(|one| exchange.is_ask(one)));
    }
}

#[test]
fn what_ayt_or_another_ayt_made_is_no_answer() {
    let mut exchange = Exchange::new(0xfeed_beef_dead_cafe_0bad_f00d_1234_5678);
    exchange.on_sent(T(0), &ack(1_000, 2_000));
    let (ask, _) = exchange.ask(0);
    for how in [Knock::SynAck, Knock::Syn, Knock::Ack] {
        let knock = exchange.knock(how);
        assert!(exchange.is_knock(&knock));
        assert_eq!(exchange.on_received(T(9), &knock), Reply::None, "{how:?}");
        let others = Exchange::new(77 << 64 | 5 << 32 | 9).knock(how);
        assert_eq!(exchange.on_received(T(9), &others), Reply::None, "{how:?}");
    }
    assert!(exchange.is_ask(&ask));
    assert!(!exchange.is_ask(&ack(1_000, 2_000)));
}

#[test]
fn resets_and_openings_of_this_side_teach_nothing() {
    let mut exchange = Exchange::new(1);
    for flags in [
        Flags::RST.and(Flags::ACK),
        Flags::SYN.and(Flags::ACK),
        Flags::SYN,
        Flags::RST,
        Flags::default(),
    ] {
        exchange.on_sent(T(0), &Segment { flags, ..ack(1, 2) });
    }
    assert!(!exchange.has_learnt());
    assert_eq!(exchange.ask(0).1, Numbers::Guessed);
}

#[test]
fn numbers_are_learnt_anew_before_each_ask_and_the_old_ones_stand_meanwhile() {
    let mut exchange = Exchange::new(1);
    exchange.on_sent(T(0), &ack(1_000, 2_000));
    exchange.learn_anew();
    assert!(!exchange.has_learnt());
    assert_eq!(exchange.ask(0).0.seq, 999);
    exchange.on_sent(T(1), &ack(5_000, 2_000));
    assert!(exchange.has_learnt());
    assert_eq!(exchange.ask(100).0.seq, 4_899);
}

proptest! {
    /// Whatever of the data in flight has arrived, the peer answers the ask, and
    /// looks at none of its other numbers; and the answer is taken for one.
    #[test]
    fn a_living_peer_answers_every_learnt_ask(
        chance in any::<u128>(),
        snd_una in any::<u32>(),
        in_flight in 0..(1u32 << 29),
        arrived in 0.0..=1.0f64,
        more in 0..(1u32 << 29),
        window in 1..(1u32 << 30),
        rcv_nxt in any::<u32>(),
    ) {
        let mut exchange = Exchange::new(chance);
        let snd_nxt = snd_una.wrapping_add(in_flight);
        exchange.on_sent(T(0), &ack(snd_nxt, rcv_nxt));
        // What was known of it before may be more than there is by now.
        let (ask, _) = exchange.ask(in_flight + more);
        exchange.on_sent(T(1), &ask);
        let peer = Kernel {
            rcv_nxt: snd_una.wrapping_add((f64::from(in_flight) * arrived) as u32),
            window,
            snd_nxt: rcv_nxt,
        };
        let answer = peer.receive(&ask).unwrap();
        prop_assert_eq!(
            exchange.on_received(T(40), &answer),
            Reply::Alive { rtt: Some(T(39)) }
        );
    }

    /// A knock by SYN never gets as far as its numbers.
    #[test]
    fn this_sides_kernel_answers_every_knock(
        chance in any::<u128>(),
        rcv_nxt in any::<u32>(),
        window in 1..(1u32 << 30),
    ) {
        let exchange = Exchange::new(chance);
        let kernel = Kernel { rcv_nxt, window, snd_nxt: 1 };
        for how in [Knock::SynAck, Knock::Syn] {
            prop_assert!(kernel.receive(&exchange.knock(how)).is_ok());
        }
    }

    /// Segments of another connection on the same addresses, or made at random,
    /// pass for an answer once in 2¹⁶ times at most: here never.
    #[test]
    fn a_foreign_number_is_no_answer(seq in any::<u32>(), far in 70_000..u32::MAX - 70_000) {
        let mut exchange = Exchange::new(1);
        exchange.on_sent(T(0), &ack(seq, 1));
        let _ = exchange.ask(0);
        let foreign = ack(1, seq.wrapping_add(far));
        prop_assert_eq!(exchange.on_received(T(1), &foreign), Reply::None);
    }

    #[test]
    fn nothing_panics(
        chance in any::<u128>(),
        steps in proptest::collection::vec((any::<[u32; 4]>(), any::<u8>(), 0..4u8), 0..40),
    ) {
        let mut exchange = Exchange::new(chance);
        for ([seq, number, payload, at], flags, what) in steps {
            let segment = Segment {
                flags: Flags(flags),
                payload,
                ..ack(seq, number)
            };
            let at = T(u64::from(at));
            match what {
                0 => exchange.on_sent(at, &segment),
                1 => drop(exchange.ask(payload)),
                2 => exchange.learn_anew(),
                _ => drop(exchange.on_received(at, &segment)),
            }
        }
    }
}
