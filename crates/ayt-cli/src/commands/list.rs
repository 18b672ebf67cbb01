//! `ayt list`.

use std::io::{self, Write as _};
use std::sync::mpsc::sync_channel;
use std::thread;

use ayt_core::facts::HostFacts;
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
    out.print(|out, page| {
        if args.json.json {
            return rows(out, &facts, &shown);
        }
        text::list::write(out, page, &facts, &shown)
    })?;
    out.partial(&facts.partial);
    Ok(ExitCode::of_look(false, !facts.partial.is_empty()))
}

/// Rows put into words at a time.
const CHUNK: usize = 128;

/// So many chunks may wait to be written: a reader who is slow, or leaves, holds
/// up the writing of more.
const WAITING: usize = 4;

/// Writes a row for each socket. One thread finds the words while another hands
/// them to the kernel, which takes as long.
fn rows(out: &mut Output, facts: &HostFacts, shown: &[u32]) -> io::Result<()> {
    let words = |chunk: &[u32], buffer: &mut Vec<u8>| {
        let sockets = chunk
            .iter()
            .filter_map(|&at| facts.sockets.get(at as usize));
        sockets.for_each(|socket| json::row(buffer, facts, socket));
    };
    if shown.len() <= CHUNK {
        words(shown, out.buffer());
        return out.row_done();
    }
    thread::scope(|scope| {
        let (full, to_write) = sync_channel::<Vec<u8>>(WAITING);
        let (written, empty) = sync_channel::<Vec<u8>>(WAITING + 2);
        scope.spawn(move || {
            for chunk in shown.chunks(CHUNK) {
                let mut buffer = empty.try_recv().unwrap_or_default();
                words(chunk, &mut buffer);
                // Nobody reads any more.
                if full.send(buffer).is_err() {
                    return;
                }
            }
        });
        for mut buffer in to_write {
            out.write_all(&buffer)?;
            buffer.clear();
            let _ = written.try_send(buffer);
        }
        Ok(())
    })
}
