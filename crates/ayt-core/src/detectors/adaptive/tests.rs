//! Each input in each state, one story a test.

use super::memory::Network;
use super::*;

const fn s(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn terms() -> SearchTerms {
    SearchTerms::new(s(30), s(3_600)).unwrap()
}

fn fresh() -> Adaptive {
    Adaptive::new(terms(), &Memory::default(), s(0))
}

/// Settled on a silence of 345 s, with 360 s known to be too long: the interval is
/// 310.5 s.
fn settled() -> Adaptive {
    remembered("ayt networks 1\n345000 360000 0 \n")
}

fn remembered(text: &str) -> Adaptive {
    Adaptive::new(terms(), &text.parse().unwrap(), s(0))
}

/// Opens a spare and begins a silence at `now`; returns how long it is to be.
fn begin(adaptive: &mut Adaptive, now: Duration) -> Duration {
    if adaptive.state != State::Ready {
        assert_eq!(adaptive.next(now), Step::OpenSpare);
        assert_eq!(adaptive.next(now), Step::Wait(now + s(10)));
        adaptive.spare_opened(now);
    }
    let Step::Silence(ms) = adaptive.next(now) else {
        panic!("{adaptive:?}");
    };
    let silence = Duration::from_millis(u64::from(ms));
    assert_eq!(adaptive.next(now), Step::Wait(now + silence + s(5)));
    silence
}

/// A silence that kills the spare, while the real connection lives. Returns when it is
/// known.
fn fail(adaptive: &mut Adaptive, now: Duration) -> Duration {
    let until = now + begin(adaptive, now) + s(5);
    assert_eq!(adaptive.next_deadline(), Some(until));
    assert_eq!(adaptive.next(until), Step::AskReal);
    assert_eq!(adaptive.next(until), Step::Wait(until + s(5)));
    adaptive.real_answered(until + s(1));
    until + s(1)
}

fn stored(adaptive: &Adaptive, now: Duration) -> Network {
    adaptive.memory(now).networks[0].clone()
}

#[test]
fn one_failure_is_not_believed() {
    let mut adaptive = fresh();
    let now = begin(&mut adaptive, s(0));
    adaptive.spoke(now);
    assert_eq!(begin(&mut adaptive, now), s(60));
    adaptive.spoke(now + s(60));
    let now = fail(&mut adaptive, s(100));
    assert_eq!(
        begin(&mut adaptive, now),
        s(120),
        "the same again, on a new spare"
    );
    adaptive.spoke(now + s(120));
    assert_eq!(begin(&mut adaptive, now + s(120)), s(240));
}

#[test]
fn two_failures_are() {
    let mut adaptive = fresh();
    let now = begin(&mut adaptive, s(0));
    adaptive.spoke(now);
    let now = fail(&mut adaptive, now);
    let now = fail(&mut adaptive, now);
    assert_eq!(begin(&mut adaptive, now), s(45));
    assert_eq!(stored(&adaptive, now).bad_ms, Some(60_000));
}

#[test]
fn a_silence_that_the_real_connection_shares_proves_nothing() {
    for lost_meanwhile in [false, true] {
        let mut adaptive = fresh();
        for round in 0..5 {
            let now = s(round * 10_000);
            let silence = begin(&mut adaptive, now);
            assert_eq!(silence, s(30));
            let until = now + silence + s(5);
            if lost_meanwhile {
                adaptive.real_silent(now + s(3));
            } else {
                assert_eq!(adaptive.next(until), Step::AskReal);
                // Nobody says anything: after the time to answer it was silent too.
                assert!(matches!(adaptive.next(until + s(5)), Step::Wait(_)));
            }
            let rest = adaptive.next_deadline().unwrap();
            assert_eq!(adaptive.next(rest), Step::AskReal);
            adaptive.real_answered(rest);
        }
        assert_eq!(stored(&adaptive, s(99_999)), Network::default());
    }
}

#[test]
fn rests_grow_to_an_hour() {
    let mut adaptive = fresh();
    let mut now = s(0);
    let mut rests = Vec::new();
    for _ in 0..12 {
        assert_eq!(adaptive.next(now), Step::OpenSpare);
        adaptive.spare_lost(SpareLost::NotOpened, now);
        let at = adaptive.next_deadline().unwrap();
        rests.push((at - now).as_secs());
        assert_eq!(adaptive.next(at), Step::AskReal);
        adaptive.real_answered(at);
        now = at;
    }
    assert_eq!(
        rests,
        [
            10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 3_600, 3_600, 3_600
        ]
    );
    // The server's hint counts where it is longer.
    assert_eq!(adaptive.next(now), Step::OpenSpare);
    adaptive.spare_lost(SpareLost::Refused(s(7_200)), now);
    assert_eq!(adaptive.next(now), Step::Wait(now + s(7_200)));
}

#[test]
fn a_spare_that_does_not_open_is_given_up_in_time() {
    let mut adaptive = fresh();
    assert_eq!(adaptive.next(s(0)), Step::OpenSpare);
    assert_eq!(adaptive.next(s(10)), Step::Wait(s(20)));
    adaptive.spare_opened(s(11));
    assert_eq!(adaptive.next(s(12)), Step::Wait(s(20)), "too late");
}

#[test]
fn an_end_sooner_than_what_is_known_to_be_survived_is_not_blamed_on_silence() {
    let mut adaptive = remembered("ayt networks 1\n345000 720000 - \n");
    let silence = begin(&mut adaptive, s(0));
    assert!(silence > s(345));
    adaptive.spare_lost(SpareLost::Ended, s(310));
    assert!(matches!(adaptive.next(s(310)), Step::Wait(_)), "no blame");
    let mut adaptive = remembered("ayt networks 1\n345000 720000 - \n");
    begin(&mut adaptive, s(0));
    adaptive.spare_lost(SpareLost::Ended, s(311));
    assert_eq!(adaptive.next(s(311)), Step::AskReal);
}

#[test]
fn when_ends_that_silence_does_not_explain_go_on_the_search_begins_anew() {
    let mut adaptive = remembered("ayt networks 1\n345000 720000 - \n");
    let mut now = s(0);
    for _ in 0..4 {
        assert!(begin(&mut adaptive, now) > s(345));
        adaptive.spare_lost(SpareLost::Ended, now + s(60));
        now = adaptive.next_deadline().unwrap();
        assert_eq!(adaptive.next(now), Step::AskReal);
        adaptive.real_answered(now);
    }
    assert_eq!(begin(&mut adaptive, now), s(30));
}

#[test]
fn ends_that_have_a_reason_of_their_own_are_not_blamed_on_silence() {
    for why in [
        SpareLost::Refused(s(0)),
        SpareLost::NotOpened,
        SpareLost::Local,
    ] {
        let mut adaptive = fresh();
        begin(&mut adaptive, s(0));
        adaptive.spare_lost(why, s(20));
        assert!(matches!(adaptive.next(s(20)), Step::Wait(_)), "{why:?}");
    }
}

#[test]
fn a_late_word_still_counts() {
    let mut adaptive = fresh();
    begin(&mut adaptive, s(0));
    assert_eq!(adaptive.next(s(35)), Step::AskReal);
    adaptive.spoke(s(36));
    assert_eq!(begin(&mut adaptive, s(36)), s(60));
    // The answer to the question that is moot by now is ignored.
    adaptive.real_answered(s(37));
    assert_eq!(adaptive.next(s(37)), Step::Wait(s(101)));
}

#[test]
fn a_word_that_comes_much_too_early_proves_nothing() {
    let mut adaptive = fresh();
    begin(&mut adaptive, s(0));
    adaptive.spoke(s(29));
    assert!(matches!(adaptive.next(s(29)), Step::Wait(_)));
    assert_eq!(stored(&adaptive, s(29)).good_ms, None);
    // A clock that is a hundredth fast is not too early.
    let mut adaptive = fresh();
    begin(&mut adaptive, s(0));
    adaptive.spoke(Duration::from_millis(29_700));
    assert_eq!(stored(&adaptive, s(30)).good_ms, Some(30_000));
}

#[test]
fn not_spoken_may_be_said_and_not_too_soon() {
    let mut adaptive = fresh();
    begin(&mut adaptive, s(0));
    adaptive.not_spoken(s(29));
    assert_eq!(adaptive.next(s(29)), Step::Wait(s(35)));
    adaptive.not_spoken(s(31));
    assert_eq!(adaptive.next(s(31)), Step::AskReal);
}

#[test]
fn an_own_late_timer_proves_nothing() {
    let mut adaptive = fresh();
    begin(&mut adaptive, s(0));
    // It was to be called at 35 s; the machine slept.
    assert_eq!(adaptive.next(s(9_000)), Step::OpenSpare);
    adaptive.spare_opened(s(9_000));
    begin(&mut adaptive, s(9_000));
    assert_eq!(adaptive.next(s(9_035)), Step::AskReal);
    // And again while it was waiting for the answer: it asks once more.
    assert_eq!(adaptive.next(s(20_000)), Step::AskReal);
    adaptive.real_answered(s(20_000));
    assert_eq!(adaptive.failures, 1);
}

#[test]
fn a_result_is_checked_before_it_is_blamed() {
    let mut adaptive = settled();
    let interval = Duration::from_millis(310_500);
    assert_eq!(adaptive.next(s(0)), Step::Stable(interval));
    adaptive.real_silent(s(100));
    assert_eq!(adaptive.interval(), s(30), "the witness is kept alive");
    let rest = adaptive.next_deadline().unwrap();
    assert_eq!(adaptive.next(rest), Step::AskReal);
    adaptive.real_answered(rest);
    assert_eq!(begin(&mut adaptive, rest), interval);
    adaptive.spoke(rest + interval);
    assert_eq!(adaptive.next(rest + interval), Step::Stable(interval));
    let now = rest + interval;
    assert_eq!(
        stored(&adaptive, now).settled_s,
        Some(now.as_secs()),
        "as old as before"
    );
}

#[test]
fn a_result_that_has_become_wrong_is_replaced_by_one_nearby() {
    let mut adaptive = settled();
    adaptive.next(s(0));
    adaptive.real_silent(s(100));
    adaptive.real_answered(s(101));
    let now = fail(&mut adaptive, s(101));
    let now = fail(&mut adaptive, now);
    assert_eq!(adaptive.interval(), s(30));
    assert_eq!(stored(&adaptive, now).settled_s, None);
    let first = begin(&mut adaptive, now);
    assert!(
        first < Duration::from_millis(310_500) && first > s(280),
        "{first:?}"
    );
}

#[test]
fn at_the_floor_there_is_nothing_to_check() {
    let mut adaptive = remembered("ayt networks 1\n- 30000 0 \n");
    assert_eq!(adaptive.next(s(0)), Step::Stable(s(30)));
    adaptive.real_silent(s(1));
    assert_eq!(adaptive.next(s(1)), Step::Stable(s(30)));
    assert_eq!(adaptive.proven(), None);
}

#[test]
fn after_a_week_a_longer_one_is_tried_and_saving_does_not_put_that_off() {
    let week = s(7 * 86_400);
    let mut adaptive = settled();
    assert_eq!(adaptive.next_deadline(), Some(week));
    // Stored and restored each day, and every minute of the last hour.
    for day in 1..=6u64 {
        let text = adaptive.memory(s(86_400)).to_string();
        adaptive = remembered(&text);
        assert_eq!(stored(&adaptive, s(0)).settled_s, Some(day * 86_400));
    }
    for minute in 0..60 {
        let _ = adaptive.memory(s(minute * 60));
    }
    assert_eq!(adaptive.next_deadline(), Some(s(86_400)));
    let interval = adaptive.interval();
    assert_eq!(adaptive.next(s(86_399)), Step::Stable(interval));
    let silence = begin(&mut adaptive, s(86_400));
    assert_eq!((silence, adaptive.interval()), (s(360), interval));
}

#[test]
fn what_is_still_too_long_leaves_the_result_as_it_was() {
    let mut adaptive = remembered("ayt networks 1\n345000 360000 604800 \n");
    let interval = adaptive.interval();
    let now = fail(&mut adaptive, s(0));
    let now = fail(&mut adaptive, now);
    assert_eq!(adaptive.next(now), Step::Stable(interval));
    assert_eq!(stored(&adaptive, now).settled_s, Some(0), "a week from now");
    assert_eq!(adaptive.next_deadline(), Some(now + s(604_800)));
}

#[test]
fn what_is_not_too_long_any_more_is_the_beginning_of_a_search() {
    let mut adaptive = remembered("ayt networks 1\n345000 360000 604800 \n");
    let interval = adaptive.interval();
    let mut now = s(0);
    for expected in [360, 720, 1_440] {
        let silence = begin(&mut adaptive, now);
        assert_eq!((silence, adaptive.interval()), (s(expected), interval));
        now += silence;
        adaptive.spoke(now);
    }
    // A loss of the real connection meanwhile: the old result is checked first.
    begin(&mut adaptive, now);
    adaptive.real_silent(now + s(1));
    adaptive.real_answered(now + s(2));
    assert_eq!(begin(&mut adaptive, now + s(2)), interval);
}

#[test]
fn each_network_has_a_result_of_its_own() {
    let mut adaptive = remembered("ayt networks 1\n345000 360000 5 home\n900000 950000 7 cell\n");
    assert_eq!(
        adaptive.interval(),
        s(30),
        "nothing is known without a name"
    );
    begin(&mut adaptive, s(0));
    adaptive.network_changed("cell").unwrap();
    assert_eq!(adaptive.next(s(1)), Step::Stable(s(810)));
    // What is still heard from the other network is ignored.
    adaptive.spoke(s(31));
    adaptive.real_answered(s(31));
    adaptive.spare_lost(SpareLost::Ended, s(31));
    assert_eq!(adaptive.next(s(31)), Step::Stable(s(810)));
    adaptive.network_changed("home").unwrap();
    assert_eq!(adaptive.interval(), Duration::from_millis(310_500));
    let labels: Vec<_> = adaptive
        .memory(s(40))
        .networks
        .into_iter()
        .map(|n| n.label)
        .collect();
    assert_eq!(labels, ["home", "cell", ""]);
}

#[test]
fn what_was_not_in_use_for_longest_is_forgotten() {
    let mut adaptive = Adaptive::new(
        terms().with_networks(3).unwrap(),
        &"ayt networks 1\n345000 360000 5 home\n".parse().unwrap(),
        s(0),
    );
    for label in ["a", "b", "c", "a"] {
        adaptive.network_changed(label).unwrap();
    }
    let labels: Vec<_> = adaptive
        .memory(s(0))
        .networks
        .into_iter()
        .map(|n| n.label)
        .collect();
    assert_eq!(labels, ["a", "c", "b"]);
    assert_eq!(
        adaptive.network_changed(&"x".repeat(129)),
        Err(BadSearch::Label(129))
    );
}

#[test]
fn a_memory_that_makes_no_sense_does_no_harm() {
    for (line, good, bad, settled) in [
        ("1 2 3", None, Some(30_000), Some(3)),
        ("99999999 100 3", Some(3_600_000), None, Some(3)),
        ("400000 300000 3", Some(400_000), None, Some(3)),
        ("- 9999999999 3", None, None, None),
        ("- 400000 3", None, Some(400_000), None),
        (
            "18446744073709551615 18446744073709551615 18446744073709551615",
            Some(3_600_000),
            None,
            Some(u64::MAX),
        ),
    ] {
        let mut adaptive = remembered(&format!("ayt networks 1\n{line} \n"));
        let network = stored(&adaptive, s(0));
        assert_eq!(
            (network.good_ms, network.bad_ms, network.settled_s),
            (good, bad, settled),
            "{line}"
        );
        assert!((s(30)..=s(3_600)).contains(&adaptive.interval()));
        adaptive.next(s(0));
    }
}

#[test]
fn terms_are_checked() {
    for (floor, ceiling) in [(0, 10), (10, 7_201), (60, 30)] {
        assert!(SearchTerms::new(s(floor), s(ceiling)).is_err());
    }
    assert!(terms().with_margin(51).is_err());
    assert!(terms().with_networks(0).is_err() && terms().with_networks(1_001).is_err());
    assert_eq!(terms().tries(), 1 + 7 + 2 + 8 + 1);
    let text = SearchTerms::new(s(60), s(30)).unwrap_err().to_string();
    assert_eq!(
        text,
        "ceiling 30s is below floor 60s; give the smaller one first"
    );
}
