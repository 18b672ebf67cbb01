//! The table of `ayt probe`: the dead first.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use ayt_core::facts::{HostFacts, Socket};
use ayt_core::verdict::{Suspicion, Verdict};
use ayt_guard::probe::{Answer, Numbers};

use super::table::{self, Align, Column, Cut};
use super::{cells, notes, number, style};
use crate::output::page::Page;

const COLUMNS: [Column; 8] = [
    Column::new("VERDICT", Align::Left, 10, Cut::Never),
    cells::PEER,
    cells::LOCAL,
    cells::OWNER[0],
    cells::OWNER[1],
    cells::OWNER[2],
    Column::new("HEARD", Align::Right, 7, Cut::Never),
    Column::new("ASKED", Align::Left, 1, Cut::Never),
];

/// Writes the answers, dead first, then suspect, unknown, alive; after them a
/// summary, the reasons of what is unknown, and what was left behind.
pub(crate) fn write<W: Write>(
    out: &mut W,
    page: Page,
    facts: &HostFacts,
    answers: &[(&Socket, &Answer)],
) -> io::Result<()> {
    let mut sorted: Vec<_> = answers.to_vec();
    sorted.sort_by_key(|(socket, answer)| (order(&answer.verdict), socket.remote, socket.local));
    table::write(out, page, &COLUMNS, sorted.len(), |at, row| {
        let (socket, answer) = sorted[at];
        let (text, painted) = verdict(&answer.verdict);
        row.cell(painted).push_str(&text);
        cells::address(row.cell(style::PLAIN), socket.remote);
        cells::address(row.cell(style::PLAIN), socket.local);
        cells::owners(row, facts, facts.owners_of(socket));
        heard(row.cell(style::PLAIN), socket);
        let cell = row.cell(style::QUIET);
        match answer.engine {
            Some(engine) => drop(write!(cell, "{}× {}", answer.asks, engine.name())),
            None => cell.push('-'),
        }
    })?;
    let verdicts: Vec<&Verdict> = answers.iter().map(|(_, answer)| &answer.verdict).collect();
    notes::say(out, page, style::TITLE, &summary(&verdicts))?;
    let unknown = verdicts.iter().filter_map(|verdict| match verdict {
        Verdict::Unknown(why) => Some(why),
        _ => None,
    });
    notes::reasons(out, page, "unknown", unknown)?;
    guesses(out, page, answers)?;
    unheard(out, page, answers)?;
    left_behind(out, page, answers)
}

fn heard(cell: &mut String, socket: &Socket) {
    match cells::traffic(socket) {
        Some(tcp) => {
            let _ = write!(
                cell,
                "{}",
                ayt_core::duration::Ms(u64::from(tcp.heard_ms()))
            );
        }
        None => cell.push('-'),
    }
}

const fn order(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Dead(_) => 0,
        Verdict::Suspect(_) => 1,
        Verdict::Unknown(_) => 2,
        Verdict::Quiet => 3,
        Verdict::Alive { .. } => 4,
    }
}

fn verdict(verdict: &Verdict) -> (String, anstyle::Style) {
    match verdict {
        Verdict::Alive { rtt: Some(rtt) } => (format!("alive {}", round_trip(*rtt)), style::GOOD),
        Verdict::Alive { rtt: None } => ("alive".to_owned(), style::GOOD),
        Verdict::Dead(cause) => (format!("dead: {cause}"), style::ERROR),
        Verdict::Suspect(_) => (
            format!("suspect: {}", verdict.cause_name().unwrap_or_default()),
            style::WARNING,
        ),
        Verdict::Unknown(_) | Verdict::Quiet => (verdict.name().to_owned(), style::QUIET),
    }
}

/// `0.004ms`, `0.06ms`, `12.3ms`, `2.01s`.
fn round_trip(rtt: Duration) -> String {
    let ms = rtt.as_secs_f64() * 1000.0;
    if ms < 0.01 {
        format!("{ms:.3}ms")
    } else if ms < 1.0 {
        format!("{ms:.2}ms")
    } else if ms < 1000.0 {
        format!("{ms:.1}ms")
    } else {
        format!("{:.2}s", ms / 1000.0)
    }
}

/// `412 connections: 400 alive, 10 dead, 2 unknown`.
pub(crate) fn summary(verdicts: &[&Verdict]) -> String {
    let mut text = number::of(verdicts.len(), "connection");
    let mut separator = ": ";
    for name in ["alive", "dead", "suspect", "unknown"] {
        let count = verdicts
            .iter()
            .filter(|verdict| verdict.name() == name)
            .count();
        if count > 0 {
            let _ = write!(text, "{separator}{} {name}", number::count(count as u64));
            separator = ", ";
        }
    }
    text
}

/// What drops the answers of peers that live.
fn unheard<W: Write>(out: &mut W, page: Page, answers: &[(&Socket, &Answer)]) -> io::Result<()> {
    let dropped = Verdict::Suspect(Suspicion::Unheard);
    let count = answers
        .iter()
        .filter(|(_, answer)| answer.verdict == dropped)
        .count();
    if count == 0 {
        return Ok(());
    }
    let text = format!(
        "{} answered by the peer, and this host drops the answer before TCP has it: see its \
         firewall (`nft list ruleset`) and its source check (`sysctl net.ipv4.conf.all.rp_filter`)",
        number::count(count as u64)
    );
    notes::item(out, page, &text)
}

/// What was left unsaid of those asked by guesses.
fn guesses<W: Write>(out: &mut W, page: Page, answers: &[(&Socket, &Answer)]) -> io::Result<()> {
    let only_guessed = |(_, answer): &&(&Socket, &Answer)| {
        answer.numbers == Some(Numbers::Guessed)
            && matches!(
                answer.verdict,
                Verdict::Suspect(Suspicion::Silent | Suspicion::Unreachable)
            )
    };
    let count = answers.iter().filter(only_guessed).count();
    if count == 0 {
        return Ok(());
    }
    let text = format!(
        "{} silent to guesses: their sequence numbers could not be learnt from this host's \
         kernel, and a firewall or NAT that tracks connections lets no guess pass",
        number::count(count as u64)
    );
    notes::item(out, page, &text)
}

fn left_behind<W: Write>(
    out: &mut W,
    page: Page,
    answers: &[(&Socket, &Answer)],
) -> io::Result<()> {
    let pinned = answers
        .iter()
        .filter(|(_, answer)| !answer.pinned.is_empty())
        .count();
    if pinned > 0 {
        let text = format!(
            "{} pinned: TCP_KEEPIDLE followed the sysctl and now keeps its value, even if \
             net.ipv4.tcp_keepalive_time is changed later",
            number::count(pinned as u64)
        );
        notes::item(out, page, &text)?;
    }
    let raised = answers
        .iter()
        .filter(|(_, answer)| answer.probes_raised > 0)
        .count();
    if raised > 0 {
        let text = format!(
            "{} asked in vain by keepalive: the kernel counts the asks as unanswered probes until \
             the peer is heard again",
            number::count(raised as u64)
        );
        notes::item(out, page, &text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ayt_core::cause::Cause;
    use ayt_core::fact::Why;

    #[test]
    fn the_summary_counts_what_there_is() {
        let alive = Verdict::Alive { rtt: None };
        let dead = Verdict::Dead(Cause::Unanswered);
        let unknown = Verdict::Unknown(Why::NotAsked);
        assert_eq!(
            summary(&[&alive, &dead, &dead, &unknown]),
            "4 connections: 1 alive, 2 dead, 1 unknown"
        );
        assert_eq!(summary(&[]), "0 connections");
    }

    #[test]
    fn round_trips_read_well_at_every_size() {
        for (micros, text) in [
            (4, "0.004ms"),
            (60, "0.06ms"),
            (12_340, "12.3ms"),
            (2_013_000, "2.01s"),
        ] {
            assert_eq!(round_trip(Duration::from_micros(micros)), text);
        }
    }
}
