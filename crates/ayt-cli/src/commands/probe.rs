//! `ayt probe`, and asking as other commands do it.

use ayt_core::facts::{HostFacts, Socket};
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
    let targets = askable(&facts);
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
        text::probe::write(out, page, &facts, &answers)
    })?;
    if report.answers.iter().any(|answer| answer.verdict.is_dead()) {
        out.hint("`ayt reap` with the same filter destroys the dead; `ayt doctor` says more");
    }
    out.partial(&facts.partial);
    out.partial(&report.partial);
    if let Some(exit) = stop.exit().filter(|_| report.interrupted) {
        return Ok(exit);
    }
    let of_kind =
        |kind: fn(&Verdict) -> bool| report.answers.iter().any(|answer| kind(&answer.verdict));
    let found = of_kind(|verdict| matches!(verdict, Verdict::Dead(_) | Verdict::Suspect(_)));
    let partial = !facts.partial.is_empty()
        || !report.partial.is_empty()
        || of_kind(|verdict| matches!(verdict, Verdict::Unknown(_)));
    Ok(ExitCode::of_look(found, partial))
}

/// The connections whose peers can be asked.
pub(super) fn askable(facts: &HostFacts) -> Vec<usize> {
    let can = |socket: &Socket| socket.state.can_be_asked();
    (0..facts.sockets.len())
        .filter(|&at| can(&facts.sockets[at]))
        .collect()
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
        progress.show(|| {
            format!(
                "asking: {} of {} decided, {} dead",
                number::count(counts.decided as u64),
                number::count(counts.total as u64),
                number::count(counts.dead as u64)
            )
        });
    });
    drop(progress);
    if report.undone > 0 {
        let text = format!(
            "an earlier run of ayt was killed; what it had left on {} was put back",
            number::of(report.undone, "socket")
        );
        out.note("note", style::QUIET, &text);
    }
    report
}
