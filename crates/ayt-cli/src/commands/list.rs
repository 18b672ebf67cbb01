//! `ayt list`.

use ayt_guard::collect::{Collect, collect};

use super::sort::sort;
use crate::args::{ListArgs, SortColumn};
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::json;
use crate::output::Output;
use crate::text;

/// Shows every socket that matches.
pub(crate) fn run(args: &ListArgs, out: &mut Output) -> Result<ExitCode, Failure> {
    let facts = collect(&Collect {
        filter: args.filter.filter(),
        exact: args.exact(),
        doctor: None,
    })?;
    let mut shown: Vec<u32> = (0..facts.sockets.len())
        .filter_map(|at| u32::try_from(at).ok())
        .collect();
    match args.sort {
        Some((column, reverse)) => sort(&facts, &mut shown, column, reverse != args.reverse),
        None if args.reverse => shown.reverse(),
        // Machines sort for themselves; people want listeners first.
        None if args.json.json => {}
        None => sort(&facts, &mut shown, SortColumn::State, false),
    }
    let printed = if args.json.json {
        shown
            .iter()
            .filter_map(|&at| facts.sockets.get(at as usize))
            .try_for_each(|socket| {
                json::row(out.buffer(), &facts, socket);
                out.row_done()
            })
    } else {
        let page = out.page();
        text::list::write(out, page, &facts, &shown)
    };
    printed?;
    out.partial(&facts.partial);
    Ok(ExitCode::of_look(false, !facts.partial.is_empty()))
}
