//! A program that may merely be slow, and one that has stopped accepting.

use super::*;
use crate::cause::Cause as End;

/// A queue of which nothing was taken for this long, by a thread that last ran so
/// long ago, ms.
fn seen(apart: u64, not_run: u64, state: char) -> Sample {
    let mut detail = reads(812, 6);
    detail.thread.state = state;
    detail.last_ran = Fact::Known(NOW - Duration::from_millis(not_run));
    let mut sample = ghost(waiting(3)).threads(812, vec![detail]);
    if let Some(second) = &mut sample.0.second_look {
        second.after = Duration::from_millis(apart);
    }
    sample
}

fn is_unsettled(sample: Sample) -> bool {
    let facts = sample.facts();
    let subject = found(&facts, ":7000");
    unsettled(&Case::new(&facts, &subject, &limits(), NOW))
}

#[test]
fn a_program_that_may_be_slow_is_looked_at_longer_before_it_is_accused() {
    let accused = |sample| !about(sample, ":7000").causes.is_empty();
    for (apart, not_run, state, settled) in [
        (150, 140, 'S', false),
        (150, 1_999, 'S', false),
        (1_999, 10, 'S', false),
        (150, 60_000, 'R', false),
        // The looks prove it, or the thread that has not run.
        (2_000, 10, 'S', true),
        (2_000, 10, 'R', true),
        (150, 2_000, 'S', true),
        // It does not go on by itself.
        (150, 10, 'T', true),
    ] {
        let case = || seen(apart, not_run, state);
        let told = format!("{apart} {not_run} {state}");
        assert_eq!(accused(case()), settled, "{told}");
        assert_eq!(is_unsettled(case()), !settled, "{told}");
    }
    // Nor where the peer it waits for is dead; a living one changes nothing.
    let young = || seen(150, 140, 'S');
    assert!(accused(young().dead(6, End::Unanswered)));
    assert!(!accused(young().verdict(6, Verdict::Alive { rtt: None })));
    // Another thread may have taken some, and one that was not read.
    let other = |not_run| {
        let mut sample = seen(150, 60_000, 'S');
        let mut detail = thread(813, "clock_nanosleep", None, WaitsOn::Nothing);
        detail.last_ran = Fact::Known(NOW - Duration::from_millis(not_run));
        if let Some(Fact::Known(threads)) = sample.0.inside.threads.get_mut(&812) {
            threads.seen.push(detail);
        }
        sample
    };
    assert!(!accused(other(100)));
    assert!(accused(other(2_000)));
    let mut unread = seen(150, 60_000, 'S');
    if let Some(Fact::Known(threads)) = unread.0.inside.threads.get_mut(&812) {
        threads.not_read = 1;
    }
    assert!(!accused(unread));
}

#[test]
fn what_may_be_slow_is_said_and_weighs_less() {
    let weighs = |sample| {
        let told = about(sample, ":7000");
        let severity = told.causes[0].severity;
        (
            severity.name(),
            told.sentence.contains("may merely be slow"),
        )
    };
    assert_eq!(weighs(seen(2_000, 10, 'S')), ("warning", true));
    assert_eq!(weighs(seen(150, 4_999, 'S')), ("warning", true));
    assert_eq!(weighs(seen(150, 5_000, 'S')), ("critical", false));
    assert_eq!(weighs(seen(5_000, 10, 'S')), ("critical", false));
    let dead = seen(150, 10, 'S').dead(6, End::Unanswered);
    assert_eq!(weighs(dead), ("critical", false));
}
