//! `ayt lab --server COMMAND --client COMMAND`.

use std::sync::mpsc::channel;
use std::time::Duration;

use ayt_lab::faults::Fault;
use ayt_lab::report::Run;
use ayt_lab::runner::commands::{Commands, FAULTS, Trial, try_commands};
use ayt_lab::{LabError, ground, scenario};

use super::files;
use crate::args::LabArgs;
use crate::commands::stop::Stop;
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::json;
use crate::output::Output;
use crate::output::progress::Progress;
use crate::text;

/// Longer than a balancer's patience is for `--watch` to say.
const WATCH: Duration = Duration::from_secs(15);

/// Tries each fault with the two commands, all at once.
pub(super) fn run(
    args: &LabArgs,
    server: &str,
    client: &str,
    out: &mut Output,
) -> Result<ExitCode, Failure> {
    let faults = chosen(args)?;
    files::prepare(args)?;
    ground::take()?;
    let stop = Stop::watch();
    let commands = Commands {
        server: server.to_owned(),
        client: client.to_owned(),
    };
    let watch = args.watch.unwrap_or(WATCH);
    let mut line = Progress::new(out);
    let mut results: Vec<(Fault, Result<Trial, LabError>)> = Vec::new();
    std::thread::scope(|scope| {
        let (done, arriving) = channel();
        for fault in &faults {
            let (done, commands, flag) = (done.clone(), &commands, stop.flag());
            scope.spawn(move || {
                let text = format!("fault = \"{}\"\n[[run]]\ndetector = \"none\"", fault.name());
                let cell = scenario::parse("--fault", &text)
                    .ok()
                    .and_then(|mut all| all.pop());
                if let Some(cell) = cell {
                    let result = try_commands(&cell, commands, watch, flag);
                    let _ = done.send((*fault, result));
                }
            });
        }
        drop(done);
        for result in arriving {
            results.push(result);
            line.show(|| format!("{} of {} faults", results.len(), faults.len()));
        }
    });
    drop(line);
    results.sort_by_key(|(fault, _)| *fault);
    // A fault that could not be tried does not take the others with it.
    if results.iter().all(|(_, result)| result.is_err())
        && let Some((_, result)) = results.pop()
    {
        result?;
    }
    let rows = results;
    let title = format!("{server} and {client}");
    let kept = files::keep(args, &title, || {
        let runs = rows.iter();
        runs.map(|(fault, result)| match result {
            Ok(trial) => Run::of_trial(*fault, trial),
            Err(why) => Run::not_tried(*fault, why),
        })
        .collect()
    });
    out.print(|out, page| {
        if args.json.json {
            return rows.iter().try_for_each(|(fault, result)| {
                match result {
                    Ok(trial) => trial.sides.iter().for_each(|noticed| {
                        json::noticed(out.buffer(), *fault, noticed);
                    }),
                    Err(why) => json::not_tried(out.buffer(), *fault, &why.to_string()),
                }
                out.row_done()
            });
        }
        text::lab::noticed(out, page, &rows, watch)?;
        text::lab::kept(out, page, kept.as_deref().unwrap_or_default())
    })?;
    kept?;
    let partial = rows.iter().any(|(_, result)| result.is_err());
    Ok(stop
        .exit()
        .unwrap_or_else(|| ExitCode::of_look(false, partial)))
}

fn chosen(args: &LabArgs) -> Result<Vec<Fault>, Failure> {
    if args.fault.is_empty() {
        return Ok(FAULTS.to_vec());
    }
    let found = args.fault.iter().map(|name| {
        let fault = FAULTS.iter().copied().find(|fault| fault.name() == name);
        fault.ok_or_else(|| {
            let names: Vec<&str> = FAULTS.iter().map(|fault| fault.name()).collect();
            Failure::Usage(format!(
                "no fault `{name}` for your own commands; there are {}",
                names.join(", ")
            ))
        })
    });
    found.collect()
}
