use ayt_core::cause::Cause;
use ayt_core::keepalive::Span;
use ayt_lab::claims::{Claim, Shown, Verdict};
use ayt_lab::scenario;

use super::*;

const SCENARIO: &str = r#"
fault = "silent-drop"
shows = ["S1"]
[[run]]
detector = "none"
[[run]]
detector = "keepalive"
[[run]]
detector = "keepalive"
settings = "1/1/2"
[[run]]
detector = "user-timeout"
path = "in-flight"
[[run]]
detector = "heartbeat"
"#;

const WINDOW: &str = r#"
fault = "slow-reader"
[[run]]
detector = "user-timeout"
path = "in-flight"
[[run]]
detector = "none"
path = "in-flight"
"#;

/// What a run of a few cells might have brought.
pub(crate) fn outcomes() -> Vec<Outcome> {
    let cells = [SCENARIO, WINDOW].map(|text| scenario::parse("x.toml", text).unwrap());
    let cells = cells.concat();
    let ms = Duration::from_millis;
    let span = |earliest, latest| {
        Some(Span {
            earliest: ms(earliest),
            latest: ms(latest),
        })
    };
    let found = [
        (None, None, None, Standing::AsPlanned),
        (
            Some(Cause::KeepaliveTimeout),
            Some(ms(4_061)),
            span(4_028, 4_084),
            Standing::AsPlanned,
        ),
        (
            Some(Cause::KeepaliveTimeout),
            Some(ms(3_099)),
            span(3_024, 3_076),
            Standing::Differs("23.0 ms late".to_owned()),
        ),
        (
            Some(Cause::UserTimeout),
            Some(ms(2_440)),
            span(2_200, 2_460),
            Standing::AsPlanned,
        ),
        (
            Some(Cause::HeartbeatMissed),
            Some(ms(1_530)),
            span(1_500, 1_506),
            Standing::HeldUp(ms(9)),
        ),
        (
            Some(Cause::UserTimeout),
            Some(ms(2_340)),
            None,
            Standing::AsPlanned,
        ),
        (None, None, None, Standing::AsPlanned),
    ];
    let outcome = |(cell, (cause, measured, planned, standing)): (_, (Option<Cause>, _, _, _))| {
        let cell: ayt_lab::scenario::Cell = cell;
        Outcome {
            detected: cause.is_some(),
            false_deaths: u32::from(cause.is_some() && !cell.effect().is_death()),
            cell,
            cause,
            measured,
            planned,
            standing,
            over: None,
            retried: None,
            facts: vec![("it is so".to_owned(), true)],
            zero: Duration::ZERO,
            counted_from: None,
            records: Vec::new(),
            forgotten: 0,
            events: Vec::new(),
        }
    };
    cells.into_iter().zip(found).map(outcome).collect()
}

fn shown(write: impl FnOnce(&mut Vec<u8>, Page) -> io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out, Page::new(Some(80), false)).unwrap();
    let text = String::from_utf8(out).unwrap();
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    text
}

#[test]
fn the_matrix_at_80_columns() {
    let took = Duration::from_secs(38);
    let text = shown(|out, page| write(out, page, (&outcomes(), 7), false, took));
    insta::assert_snapshot!(text);
}

#[test]
fn each_cell_at_80_columns() {
    let took = Duration::from_secs(38);
    let text = shown(|out, page| write(out, page, (&outcomes(), 7), true, took));
    insta::assert_snapshot!(text);
}

#[test]
fn what_was_stopped_says_how_much_was_not_run() {
    let took = Duration::from_secs(4);
    let text = shown(|out, page| write(out, page, (&outcomes(), 9), false, took));
    assert!(text.contains("Stopped: 2 cells were not run."), "{text}");
    let text = shown(|out, page| write(out, page, (&[], 9), false, took));
    assert_eq!(text, "Stopped: none of 9 cells was run.\n");
    let few = a_few_claims();
    let text = shown(|out, page| claims(out, page, (&few, few.len() + 3), took));
    assert!(text.contains("Stopped: 3 claims were not shown."), "{text}");
    let text = shown(|out, page| claims(out, page, (&[], 3), took));
    assert_eq!(text, "Stopped: none of 3 claims was shown.\n");
}

/// What a run of a few claims might have brought.
pub(crate) fn a_few_claims() -> Vec<Shown> {
    let claim = |id, verdict, facts: &[(&str, bool)]| Shown {
        claim: Claim::named(id).unwrap(),
        facts: facts
            .iter()
            .map(|(fact, holds)| ((*fact).to_owned(), *holds))
            .collect(),
        verdict,
        retried: false,
    };
    let late = "the client with keepalive 1/1/2: ETIMEDOUT after 3.064 s, planned 3.028–3.084";
    let wrong = "TIME_WAIT's timer just after close: 60.0 s; with linger {on, 5}: 5.0 s";
    vec![
        claim(
            "S1",
            Verdict::HeldUp(Duration::from_millis(9)),
            &[(late, true)],
        ),
        claim("S2", Verdict::Refuted, &[(late, true)]),
        claim("S6", Verdict::Holds, &[(late, true), (late, true)]),
        claim(
            "S16",
            Verdict::Differs(wrong.to_owned()),
            &[(wrong, false), (late, true)],
        ),
        claim(
            "S17",
            Verdict::Failed("wire 3: it has ended".to_owned()),
            &[],
        ),
        claim("S23", Verdict::Elsewhere, &[]),
    ]
}

#[test]
fn claims_at_80_columns() {
    let took = Duration::from_secs(31);
    let text = shown(|out, page| claims(out, page, (&a_few_claims(), 6), took));
    insta::assert_snapshot!(text);
}

/// Whatever was seen, the sentences themselves fit.
#[test]
fn every_claim_fits_80_columns() {
    let all = ayt_lab::claims::ALL.iter().map(|claim| Shown {
        claim,
        facts: Vec::new(),
        verdict: Verdict::Holds,
        retried: false,
    });
    let all: Vec<Shown> = all.collect();
    let text = shown(|out, page| claims(out, page, (&all, all.len()), Duration::ZERO));
    assert!(text.contains("Told:"), "{text}");
}

#[test]
fn a_claim_as_json() {
    let mut out = Vec::new();
    for one in a_few_claims() {
        crate::json::claim(&mut out, &one);
    }
    insta::assert_snapshot!(String::from_utf8(out).unwrap());
}

#[test]
fn the_list_fits_80_columns_and_names_all() {
    let text = shown(list);
    for fault in ayt_lab::faults::Fault::ALL {
        assert!(text.contains(fault.name()), "{text}");
    }
}

#[test]
fn a_cell_as_json() {
    let mut out = Vec::new();
    for outcome in outcomes() {
        crate::json::cell(&mut out, &outcome);
    }
    insta::assert_snapshot!(String::from_utf8(out).unwrap());
}
