//! `ayt plan`.

use std::io::Write as _;

use ayt_core::middleboxes::MIDDLEBOXES;
use ayt_core::plan::{Report, emit};

use crate::args::PlanArgs;
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::json;
use crate::output::Output;
use crate::text;

/// Plans, or explains, or lists.
pub(crate) fn run(args: &PlanArgs, out: &mut Output) -> Result<ExitCode, Failure> {
    if args.list_middleboxes {
        return list(args, out);
    }
    let usage = |error: &dyn std::fmt::Display| Failure::Usage(error.to_string());
    let (wish, given) = (args.wish(), args.given().map_err(Failure::Usage)?);
    let report = match given {
        None => Report::recommended(wish),
        Some(policy) => Report::explained(wish, policy),
    };
    let report = report.map_err(|error| usage(&error))?;
    let emitted = match args.emit {
        None => None,
        Some(target) => {
            let emitted = emit(target, &report).map_err(|error| usage(&error))?;
            Some((target, emitted))
        }
    };
    out.print(|out, page| match (&emitted, args.json.json) {
        (emitted, true) => {
            let emitted = emitted.as_ref().map(|(target, emitted)| (*target, emitted));
            json::plan(out.buffer(), &report, emitted);
            out.row_done()
        }
        (Some((_, emitted)), false) => out.write_all(emitted.text.as_bytes()),
        (None, false) => text::plan::write(out, page, &report, given.is_some()),
    })?;
    let found = given.is_some() && !report.does_all();
    Ok(ExitCode::of_look(found, false))
}

fn list(args: &PlanArgs, out: &mut Output) -> Result<ExitCode, Failure> {
    out.print(|out, page| {
        if args.json.json {
            return MIDDLEBOXES.iter().try_for_each(|row| {
                json::middlebox(out.buffer(), row);
                out.row_done()
            });
        }
        text::middleboxes::write(out, page, MIDDLEBOXES)
    })?;
    Ok(ExitCode::Healthy)
}
