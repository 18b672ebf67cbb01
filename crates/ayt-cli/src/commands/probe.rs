//! `ayt probe`, and asking as other commands do it.

use std::collections::BTreeMap;

use ayt_core::fact::{Partial, Why};
use ayt_core::facts::{HostFacts, Socket};
use ayt_core::tcp_state::TcpState;
use ayt_core::verdict::Verdict;
use ayt_guard::collect::{Collect, Exact, collect};
use ayt_guard::probe::{Probe, Progress as Counts, Report, probe};

use super::stop::Stop;
use crate::args::ProbeArgs;
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::json;
use crate::output::Output;
use crate::output::progress::Progress;
use crate::text::{self, number, style};

/// Asks every connection that matches.
pub(crate) fn run(args: &ProbeArgs, out: &mut Output) -> Result<ExitCode, Failure> {
    let facts = collect(&Collect {
        filter: args.filter.filter(),
        // The probe reads what it needs, of those it asks.
        exact: Exact::Never,
        doctor: None,
    })?;
    let targets: Vec<usize> = (0..facts.sockets.len())
        .filter(|&at| facts.sockets[at].state.has_peer())
        .collect();
    let stop = Stop::watch();
    let report = ask(&facts, &targets, &args.ask.probe(), &stop, out);
    let answers: Vec<_> = targets
        .iter()
        .filter_map(|&at| facts.sockets.get(at))
        .zip(&report.answers)
        .collect();
    out.print(|out, page| {
        if args.json.json {
            return answers.iter().try_for_each(|(socket, answer)| {
                json::answer(out.buffer(), &facts, socket, answer);
                out.row_done()
            });
        }
        text::probe::write(out, page, &facts, &answers)?;
        if args.explain_engine {
            text::engines::write(out, page, &answers)?;
        }
        Ok(())
    })?;
    if report.answers.iter().any(|answer| answer.verdict.is_dead()) {
        out.hint("`ayt reap` with the same filter destroys the dead; `ayt doctor` says more");
    }
    out.partial(&facts.partial);
    out.partial(&report.partial);
    if let Some(exit) = stop.exit().filter(|_| report.interrupted) {
        return Ok(exit);
    }
    Ok(exit(&facts, &report))
}

fn exit(facts: &HostFacts, report: &Report) -> ExitCode {
    let bad = |verdict: &Verdict| matches!(verdict, Verdict::Dead(_) | Verdict::Suspect(_));
    let found = report.answers.iter().any(|answer| bad(&answer.verdict));
    ExitCode::of_look(found, is_partial(facts, report))
}

/// Something could not be seen, or not be asked.
pub(super) fn is_partial(facts: &HostFacts, report: &Report) -> bool {
    !facts.partial.is_empty() || !report.partial.is_empty() || !not_asked(report).is_empty()
}

/// The connections that could not be asked, by reason, for commands that do not
/// show each. What ended by itself while it was looked at is no gap.
pub(super) fn not_asked(report: &Report) -> Vec<Partial> {
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    for answer in &report.answers {
        match &answer.verdict {
            Verdict::Unknown(Why::Vanished) => {}
            Verdict::Unknown(why) => *counted.entry(why.to_string()).or_default() += 1,
            _ => {}
        }
    }
    let told = counted.into_iter().map(|(why, count)| Partial {
        what: format!("{} could not be asked", number::of(count, "connection")),
        why,
        remedy: "`ayt probe` shows which".to_owned(),
    });
    told.collect()
}

/// The connections that the doctor asks about. Of those that no program holds, as
/// in an accept queue, only what is ESTABLISHED: a peer that has closed and gone
/// answers RST, and whoever accepts the connection would have an error for an end.
/// Orphans that are closing end by themselves.
pub(super) fn askable(facts: &HostFacts) -> Vec<usize> {
    let can = |socket: &Socket| {
        let held = socket.inode != 0;
        socket.state == TcpState::Established || held && socket.state.can_be_asked()
    };
    (0..facts.sockets.len())
        .filter(|&at| can(&facts.sockets[at]))
        .collect()
}

/// What is shown while peers are asked.
pub(super) fn asking(counts: Counts) -> String {
    format!(
        "asking: {} of {} decided, {} dead",
        number::count(counts.decided as u64),
        number::count(counts.total as u64),
        number::count(counts.dead as u64)
    )
}

/// Says that what a killed run had left was put back.
pub(super) fn tell_undone(sockets: usize, out: &mut Output) {
    if sockets > 0 {
        let text = format!(
            "an earlier run of ayt was killed; what it had left on {} was put back",
            number::of(sockets, "socket")
        );
        out.note("note", style::QUIET, &text);
    }
}

/// Asks, with progress on a terminal.
pub(super) fn ask(
    facts: &HostFacts,
    targets: &[usize],
    how: &Probe,
    stop: &Stop,
    out: &mut Output,
) -> Report {
    let mut progress = Progress::new(out);
    let report = probe(facts, targets, how, stop.flag(), &mut |counts: Counts| {
        progress.show(|| asking(counts));
    });
    drop(progress);
    tell_undone(report.undone, out);
    report
}

#[cfg(test)]
mod tests {
    use ayt_core::cause::Cause;
    use ayt_core::facts::{Cookie, HostParts};
    use ayt_guard::probe::{Answer, Choice};

    use super::*;

    fn report(verdicts: &[Verdict]) -> Report {
        let answer = |verdict: &Verdict| Answer {
            cookie: Cookie(1),
            verdict: verdict.clone(),
            engine: None,
            choice: Choice::default(),
            numbers: None,
            account: None,
            asks: 0,
            pinned: Vec::new(),
            probes_raised: 0,
        };
        Report {
            answers: verdicts.iter().map(answer).collect(),
            ..Report::default()
        }
    }

    #[test]
    fn what_closed_meanwhile_is_no_gap_and_what_could_not_be_asked_is() {
        let facts = HostFacts::new(HostParts::default());
        let exit = |verdicts: &[Verdict]| exit(&facts, &report(verdicts)).number();
        let alive = Verdict::Alive { rtt: None };
        let gone = Verdict::Unknown(Why::Vanished);
        let hidden = Verdict::Unknown(Why::OwnerHidden);
        let dead = Verdict::Dead(Cause::Unanswered);
        assert_eq!(exit(&[alive.clone(), gone.clone()]), 0);
        assert_eq!(exit(&[alive, hidden.clone()]), 3);
        assert_eq!(exit(&[gone.clone(), hidden.clone(), dead]), 1);
        let told = not_asked(&report(&[gone, hidden.clone(), hidden]));
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].what, "2 connections could not be asked");
    }
}
