use ayt_core::keepalive::Span;
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
    let text = shown(|out, page| write(out, page, &outcomes(), false, took));
    insta::assert_snapshot!(text);
}

#[test]
fn each_cell_at_80_columns() {
    let took = Duration::from_secs(38);
    let text = shown(|out, page| write(out, page, &outcomes(), true, took));
    insta::assert_snapshot!(text);
}

#[test]
fn claims_at_80_columns() {
    let text = shown(|out, page| claims(out, page, &outcomes()));
    let first: Vec<&str> = text.lines().take(24).collect();
    insta::assert_snapshot!(first.join("\n"));
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
