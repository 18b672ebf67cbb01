//! `ayt lab claims`.

use std::path::Path;

use ayt_lab::claims::{self, Claim, Shown, Verdict};
use ayt_lab::runner::Tools;
use ayt_lab::{clock, ground};

use super::own_probe::OwnProbe;
use crate::args::LabArgs;
use crate::commands::stop::Stop;
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::json;
use crate::output::Output;
use crate::output::progress::Progress;
use crate::text;

/// Shows claims, all or those that are named.
pub(super) fn run(
    args: &LabArgs,
    rows: &[String],
    json: bool,
    out: &mut Output,
) -> Result<ExitCode, Failure> {
    let chosen = chosen(rows)?;
    // Before anything starts a thread.
    ground::take()?;
    let stop = Stop::watch();
    let began = clock::now();
    let tools = Tools {
        program: Path::new("/proc/self/exe"),
        prober: Some(&OwnProbe),
    };
    let mut line = Progress::new(out);
    let shown = claims::run(&chosen, args.slow, tools, stop.flag(), |progress| {
        line.show(|| {
            let again = match progress.again {
                true => ", some once more: the machine was busy",
                false => "",
            };
            format!("{} of {} runs{again}", progress.done, progress.all)
        });
    })?;
    drop(line);
    let took = clock::now().saturating_sub(began);
    out.print(|out, page| {
        if json {
            return shown.iter().try_for_each(|one| {
                json::claim(out.buffer(), one);
                out.row_done()
            });
        }
        text::lab::claims(out, page, (&shown, chosen.len()), took)
    })?;
    if let Some(exit) = stop.exit() {
        return Ok(exit);
    }
    let unseen = |one: &Shown| matches!(one.verdict, Verdict::HeldUp(_));
    let differs = |one: &Shown| !one.verdict.is_well() && !unseen(one);
    let (found, partial) = (shown.iter().any(differs), shown.iter().any(unseen));
    Ok(ExitCode::of_look(found, partial))
}

fn chosen(rows: &[String]) -> Result<Vec<&'static Claim>, Failure> {
    let named = rows.iter().map(|row| {
        Claim::named(row).ok_or_else(|| {
            let last = claims::ALL.last().map_or("", |claim| claim.id);
            let why = format!("no row is called `{row}`; there are S1 to {last}");
            Failure::Usage(why)
        })
    });
    let named: Vec<&Claim> = named.collect::<Result<_, _>>()?;
    let wanted = |claim: &&&Claim| rows.is_empty() || named.iter().any(|one| one.id == claim.id);
    // In their own order, each once.
    Ok(claims::ALL.iter().filter(wanted).copied().collect())
}
