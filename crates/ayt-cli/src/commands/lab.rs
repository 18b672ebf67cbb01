//! `ayt lab`.

mod claims;
mod commands;
mod files;
mod own_probe;

use std::path::Path;

use ayt_lab::detectors::Detector;
use ayt_lab::faults::Fault;
use ayt_lab::report::Run;
use ayt_lab::runner::{self, Outcome, Standing, Tools};
use ayt_lab::scenario::{self, Cell};
use ayt_lab::{clock, ground};

use super::stop::Stop;
use crate::args::{LabArgs, LabCommand};
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::json;
use crate::output::Output;
use crate::output::progress::Progress;
use crate::text;
use own_probe::OwnProbe;

/// Runs, or lists, or shows claims.
pub(crate) fn run(args: &LabArgs, out: &mut Output) -> Result<ExitCode, Failure> {
    args.command
        .as_ref()
        .map_or(Ok(()), |command| alone(args, command))?;
    if let Some(LabCommand::List { files }) = args.command {
        out.print(|out, page| match files {
            true => text::lab::files(out),
            false => text::lab::list(out, page),
        })?;
        return Ok(ExitCode::Healthy);
    }
    if let Some(LabCommand::Claims { rows, json }) = &args.command {
        return claims::run(args, rows, json.json || args.json.json, out);
    }
    if let (Some(server), Some(client)) = (&args.server, &args.client) {
        return commands::run(args, server, client, out);
    }
    let cells = chosen(args)?;
    files::prepare(args)?;
    // Before anything starts a thread.
    ground::take()?;
    let stop = Stop::watch();
    let began = clock::now();
    let outcomes = measure(&cells, &stop, out)?;
    let took = clock::now().saturating_sub(began);
    let title = match outcomes.len() == cells.len() {
        true => "ayt lab".to_owned(),
        false => format!(
            "ayt lab, stopped: {} of {} cells",
            outcomes.len(),
            cells.len()
        ),
    };
    let kept = files::keep(args, &title, || outcomes.iter().map(Run::from).collect());
    out.print(|out, page| {
        if args.json.json {
            return outcomes.iter().try_for_each(|outcome| {
                json::cell(out.buffer(), outcome);
                out.row_done()
            });
        }
        text::lab::write(out, page, (&outcomes, cells.len()), args.cells, took)?;
        text::lab::kept(out, page, kept.as_deref().unwrap_or_default())
    })?;
    // What was measured is told in any case.
    kept?;
    if let Some(exit) = stop.exit() {
        return Ok(exit);
    }
    let differs = |outcome: &Outcome| outcome.standing != Standing::AsPlanned;
    Ok(ExitCode::of_look(outcomes.iter().any(differs), false))
}

/// What chooses, runs or writes cells means nothing to `list` and `claims`.
fn alone(args: &LabArgs, command: &LabCommand) -> Result<(), Failure> {
    let name = match command {
        LabCommand::List { .. } => "list",
        LabCommand::Claims { .. } => "claims",
    };
    let given = [
        ("--fault", !args.fault.is_empty()),
        ("--detector", !args.detector.is_empty()),
        ("--seed", args.seed.is_some()),
        ("--server", args.server.is_some()),
        ("--cells", args.cells),
        ("--report", args.report.is_some()),
        ("--pcap", args.pcap.is_some()),
        (
            "--json",
            args.json.json && matches!(command, LabCommand::List { .. }),
        ),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((option, _)) => Err(Failure::Usage(format!(
            "`ayt lab {name}` takes no {option}: leave it out, or `{name}`"
        ))),
    }
}

/// Characters of the bar.
const BAR: usize = 24;

fn chosen(args: &LabArgs) -> Result<Vec<Cell>, Failure> {
    let known = |what: &str, name: &String, names: Vec<&str>| match names.contains(&name.as_str()) {
        true => Ok(()),
        false => Err(Failure::Usage(format!(
            "no {what} is called `{name}`; there are {}",
            names.join(", ")
        ))),
    };
    for name in &args.fault {
        let names = Fault::ALL.iter().map(|fault| fault.name()).collect();
        known("fault", name, names)?;
    }
    for name in &args.detector {
        let names = Detector::ALL.into_iter().map(Detector::name).collect();
        known("detector", name, names)?;
    }
    let mut cells = Vec::new();
    for file in &args.files {
        let path = file.display().to_string();
        let text = std::fs::read_to_string(file).map_err(|error| Failure::File {
            path: path.clone(),
            error,
        })?;
        cells.extend(scenario::parse(&path, &text)?);
    }
    if args.files.is_empty() {
        cells = scenario::standard()?;
        cells.retain(|cell| args.slow || !cell.slow);
    }
    let wanted = |names: &[String], name: &str| names.is_empty() || names.iter().any(|n| n == name);
    cells.retain(|cell| {
        wanted(&args.fault, cell.fault.name()) && wanted(&args.detector, cell.detector.name())
    });
    if let Some(seed) = args.seed {
        cells.iter_mut().for_each(|cell| cell.seed = seed);
    }
    if cells.is_empty() {
        let why = "no cell of the set is of that fault and detector; `ayt lab list` shows all";
        return Err(Failure::Usage(why.to_owned()));
    }
    Ok(cells)
}

fn measure(cells: &[Cell], stop: &Stop, out: &Output) -> Result<Vec<Outcome>, Failure> {
    let mut line = Progress::new(out);
    let began = clock::now();
    let outcomes = runner::run(
        cells,
        Tools {
            program: Path::new("/proc/self/exe"),
            prober: Some(&OwnProbe),
        },
        stop.flag(),
        |progress| {
            line.show(|| {
                let again = match progress.again {
                    true => "; some once more: the machine was busy",
                    false => "",
                };
                let took = clock::now().saturating_sub(began).as_secs();
                let (done, all) = (progress.done, progress.all);
                let bar = "█".repeat(done * BAR / all.max(1));
                format!("{bar:░<BAR$} {done} of {all} cells, {took} s{again}")
            });
        },
    )?;
    Ok(outcomes)
}
