//! What people read, as it stands on the page.

use ayt_core::doctor::{Limits, examine, rules};
use ayt_core::facts::{HostFacts, Socket};
use ayt_guard::probe::Answer;
use unicode_width::UnicodeWidthStr as _;

use super::doctor::Looked;
use super::escape::is_unsafe;
use super::reap::{Reason, Row};
use super::{arm, doctor, list, probe, reap, rules as rules_text, why};
use crate::output::page::Page;
use crate::testing;

/// What `write` writes for a page of this width, without colours.
fn page(width: Option<usize>, write: impl FnOnce(&mut Vec<u8>, Page)) -> String {
    let mut out = Vec::new();
    write(&mut out, Page::new(width, false));
    let text = String::from_utf8(out).expect("text");
    if let Some(width) = width {
        for line in text.lines() {
            // A command stays whole, so that it can be pasted.
            let words = line.trim();
            let command = words.starts_with('`') && words.matches('`').count() == 2;
            assert!(line.width() <= width || command, "{width}: {line}");
        }
    }
    assert!(!text.replace('\n', "").contains(is_unsafe), "{text:?}");
    text
}

fn listed(facts: &HostFacts, width: Option<usize>) -> String {
    let shown: Vec<u32> = (0..facts.sockets.len() as u32).collect();
    page(width, |out, page| {
        list::write(out, page, facts, &shown).expect("memory");
    })
}

#[test]
fn the_list_fits_its_terminal() {
    let facts = testing::host();
    insta::assert_snapshot!("list_80", listed(&facts, Some(80)));
    insta::assert_snapshot!("list_120", listed(&facts, Some(120)));
    insta::assert_snapshot!("list_piped", listed(&facts, None));
}

#[test]
fn no_terminal_is_too_narrow() {
    let facts = testing::host();
    for width in 40..80 {
        listed(&facts, Some(width));
    }
}

#[test]
fn an_answer_fits_its_terminal() {
    for (name, answer) in ["why_80", "why_well_80"].into_iter().zip(testing::whys()) {
        let text = page(Some(80), |out, page| {
            why::write(out, page, &answer).expect("memory");
        });
        insta::assert_snapshot!(name, text);
    }
}

#[test]
fn an_empty_list_says_so() {
    let facts = HostFacts::default();
    assert_eq!(listed(&facts, Some(80)), "No socket matches.\n");
}

#[test]
fn a_probe_shows_the_dead_first() {
    let facts = testing::host();
    let answers = testing::answers();
    let answers: Vec<(&Socket, &Answer)> = answers
        .iter()
        .map(|(at, answer)| (&facts.sockets[*at], answer))
        .collect();
    let shown = |width| {
        page(width, |out, page| {
            probe::write(out, page, &facts, &answers).expect("memory");
        })
    };
    insta::assert_snapshot!("probe_80", shown(Some(80)));
    insta::assert_snapshot!("probe_piped", shown(None));
}

#[test]
fn arm_shows_before_and_after() {
    let facts = testing::host();
    let armed = testing::armed();
    let rows: Vec<_> = armed
        .iter()
        .map(|(at, armed)| (&facts.sockets[*at], armed))
        .collect();
    let shown = |width, dry_run| {
        page(width, |out, page| {
            arm::write(out, page, &facts, &rows, dry_run).expect("memory");
        })
    };
    insta::assert_snapshot!("arm_80", shown(Some(80), false));
    insta::assert_snapshot!("arm_dry_run_piped", shown(None, true));
}

#[test]
fn reap_shows_what_it_would_do_and_what_came_of_it() {
    let facts = testing::host();
    let dead = ayt_core::verdict::Verdict::Dead(ayt_core::cause::Cause::Unanswered);
    let reaped = testing::reaped();
    let shown = |width, done: bool| {
        let reasons = [
            Reason::Dead,
            Reason::Dead,
            Reason::CloseWait,
            Reason::Named,
            Reason::Named,
        ];
        let rows: Vec<Row<'_>> = reasons
            .into_iter()
            .zip(&reaped)
            .enumerate()
            .map(|(nth, (reason, reaped))| Row {
                socket: &facts.sockets[nth + 1],
                reason,
                verdict: (reason == Reason::Dead).then_some(&dead),
                reaped: done.then_some(reaped),
            })
            .collect();
        page(width, |out, page| {
            reap::write(out, page, &facts, &rows).expect("memory");
        })
    };
    insta::assert_snapshot!("reap_80", shown(Some(80), true));
    insta::assert_snapshot!("reap_piped", shown(None, true));
    insta::assert_snapshot!("reap_dry_run_80", shown(Some(80), false));
}

fn examined(facts: &HostFacts, asked: Option<usize>) -> String {
    let diagnosis = examine(facts, &Limits::default(), rules::ALL.iter().copied());
    let looked = Looked {
        sockets: facts.sockets.len(),
        namespaces: facts.namespaces.len(),
        processes: facts.processes.len(),
        rules: rules::ALL.len(),
        asked,
    };
    page(Some(80), |out, page| {
        doctor::write(out, page, facts, &diagnosis, &looked).expect("memory");
    })
}

#[test]
fn the_doctor_says_who_and_why_and_what_to_do() {
    insta::assert_snapshot!("doctor_80", examined(&testing::host(), None));
}

#[test]
fn the_doctor_that_asked_says_what_is_certain() {
    let mut parts = testing::parts();
    for (at, answer) in testing::answers() {
        parts
            .verdicts
            .insert(parts.sockets[at].cookie, answer.verdict);
    }
    insta::assert_snapshot!("doctor_probe_80", examined(&HostFacts::new(parts), Some(7)));
}

#[test]
fn a_healthy_host_is_told_at_once() {
    let mut parts = testing::parts();
    parts.sockets.clear();
    parts.partial.clear();
    let facts = HostFacts::new(parts);
    let diagnosis = ayt_core::doctor::Diagnosis::default();
    let looked = Looked {
        sockets: 1,
        namespaces: 1,
        processes: 1,
        rules: 20,
        asked: None,
    };
    let text = page(Some(80), |out, page| {
        doctor::write(out, page, &facts, &diagnosis, &looked).expect("memory");
    });
    assert_eq!(
        text,
        "Healthy: nothing is wrong.\n\
         Looked at 1 socket of 1 process in 1 namespace, with 20 rules; asked nobody\n\
         (--probe asks).\n"
    );
}

#[test]
fn rules_are_listed_and_explained() {
    let text = page(Some(80), |out, page| {
        rules_text::list(out, page, rules::ALL).expect("memory");
    });
    insta::assert_snapshot!("rules_80", text);
    let rule = rules::by_id("close-wait-leak").expect("a rule");
    let text = page(Some(80), |out, page| {
        rules_text::explain(out, page, rule).expect("memory");
    });
    insta::assert_snapshot!("explain_80", text);
}
