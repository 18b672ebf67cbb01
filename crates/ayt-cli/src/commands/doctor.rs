//! `ayt doctor`.

use std::io;

use ayt_core::doctor::{examine, rules};
use ayt_core::facts::HostFacts;
use ayt_core::verdict::Verdict;
use ayt_guard::collect::{Collect, Exact, collect};
use ayt_guard::probe::{Answer, Report};

use super::probe::{ask, askable, not_asked};
use super::stop::Stop;
use crate::args::DoctorArgs;
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::json;
use crate::output::Output;
use crate::output::page::Page;
use crate::text;
use crate::text::doctor::Looked;

/// Looks, asks if told to, and says what is wrong.
pub(crate) fn run(args: &DoctorArgs, out: &mut Output) -> Result<ExitCode, Failure> {
    if args.explain.is_some() || args.rules {
        out.print(|out, page| tell_rules(args, out, page))?;
        return Ok(ExitCode::Healthy);
    }
    let chosen = args.chosen();
    if chosen.is_empty() {
        return Err(Failure::Usage(
            "--only and --skip leave no rule to run".to_owned(),
        ));
    }
    let mut facts = collect(&Collect {
        filter: args.filter.filter(),
        exact: Exact::Always,
        doctor: Some(args.look_apart()),
    })?;
    let mut asked = None;
    let mut exit = None;
    if args.probe {
        let targets = askable(&facts);
        let stop = Stop::watch();
        let report = ask(&facts, &targets, &args.ask.probe(), &stop, out);
        let was_asked = |answer: &&Answer| answer.asks > 0;
        asked = Some(report.answers.iter().filter(was_asked).count());
        exit = stop.exit().filter(|_| report.interrupted);
        facts = with_verdicts(facts, report);
    }
    let diagnosis = examine(&facts, &args.limits(), chosen.iter().copied());
    let looked = Looked {
        sockets: facts.sockets.len(),
        namespaces: facts.namespaces.len(),
        processes: facts.processes.len(),
        rules: chosen.len(),
        asked,
    };
    out.print(|out, page| {
        if args.json.json {
            json::diagnosis(out.buffer(), &facts, &diagnosis, &looked);
            return Ok(());
        }
        text::doctor::write(out, page, &facts, &diagnosis, &looked)
    })?;
    Ok(exit.unwrap_or_else(|| {
        ExitCode::of_look(
            !diagnosis.findings.is_empty(),
            !diagnosis.partial.is_empty(),
        )
    }))
}

/// Explains one rule, or lists them all.
fn tell_rules(args: &DoctorArgs, out: &mut Output, page: Page) -> io::Result<()> {
    match (args.explain, args.json.json) {
        (Some(rule), true) => json::rule(out.buffer(), rule),
        (Some(rule), false) => text::rules::explain(out, page, rule)?,
        (None, true) => {
            let all = rules::ALL.iter();
            all.for_each(|rule| json::rule(out.buffer(), rule));
        }
        (None, false) => text::rules::list(out, page, rules::ALL)?,
    }
    Ok(())
}

/// Puts what the probe said into the facts; what it could not say is a gap.
fn with_verdicts(facts: HostFacts, report: Report) -> HostFacts {
    let mut parts = facts.into_parts();
    parts.partial.extend(not_asked(&report));
    parts.partial.extend(report.partial);
    for answer in report.answers {
        if !matches!(answer.verdict, Verdict::Unknown(_)) {
            parts.verdicts.insert(answer.cookie, answer.verdict);
        }
    }
    HostFacts::new(parts)
}
