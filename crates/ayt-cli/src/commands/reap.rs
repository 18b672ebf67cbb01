//! `ayt reap`.

use std::collections::BTreeMap;

use ayt_core::cause::Cause;
use ayt_core::facts::{HostFacts, Socket, TcpInfo};
use ayt_core::tcp_state::TcpState;
use ayt_core::verdict::Verdict;
use ayt_guard::collect::{Collect, Exact, collect};
use ayt_guard::probe::Report;
use ayt_guard::reap::{Order, Outcome, reap};

use super::demand_filter;
use super::probe::{ask, is_partial, not_asked};
use super::stop::Stop;
use crate::args::{Named, ReapArgs};
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::json;
use crate::output::Output;
use crate::text::reap::{Reason, Row};
use crate::text::{self, number, style};

/// Finds what is dead and destroys it, if told to.
pub(crate) fn run(args: &ReapArgs, out: &mut Output) -> Result<ExitCode, Failure> {
    let filter = args.filter.filter();
    if args.connection.is_empty() {
        demand_filter(&filter, args.all)?;
    }
    let facts = collect(&Collect {
        filter,
        exact: Exact::Never,
        doctor: None,
    })?;
    let stop = Stop::watch();
    let (to_ask, mut chosen) = choose(args, &facts)?;
    let report = if to_ask.is_empty() {
        Report::default()
    } else {
        ask(&facts, &to_ask, &args.ask.probe(), &stop, out)
    };
    if let Some(exit) = stop.exit() {
        out.note("note", style::WARNING, "stopped; nothing was destroyed");
        return Ok(exit);
    }
    let mut reset = 0;
    for (&at, answer) in to_ask.iter().zip(&report.answers) {
        match answer.verdict {
            // The RST has ended it: nothing is left to destroy.
            Verdict::Dead(Cause::PeerReset) => reset += 1,
            Verdict::Dead(_) => chosen.push((at, Reason::Dead, Some(&answer.verdict))),
            _ => {}
        }
    }
    let accounts: BTreeMap<usize, TcpInfo> = to_ask
        .iter()
        .zip(&report.answers)
        .filter_map(|(&at, answer)| Some((at, answer.account?)))
        .collect();
    let orders: Vec<Order> = chosen
        .iter()
        .map(|&(at, reason, _)| Order {
            at,
            unless_heard: reason != Reason::Named,
            account: accounts.get(&at).copied(),
        })
        .collect();
    let reaped = args.yes.then(|| reap(&facts, &orders));
    let rows: Vec<Row<'_>> = chosen
        .iter()
        .enumerate()
        .map(|(nth, &(at, reason, verdict))| Row {
            socket: &facts.sockets[at],
            reason,
            verdict,
            reaped: reaped.as_ref().and_then(|reaped| reaped.get(nth)),
        })
        .collect();
    out.print(|out, page| {
        if args.json.json {
            return rows.iter().try_for_each(|row| {
                json::reaped(out.buffer(), &facts, row);
                out.row_done()
            });
        }
        text::reap::write(out, page, &facts, &rows)
    })?;
    if reset > 0 {
        let text = format!(
            "{} ended when asked: the peers did not know them any more (RST)",
            number::of(reset, "connection")
        );
        out.note("note", style::QUIET, &text);
    }
    out.partial(&facts.partial);
    out.partial(&report.partial);
    out.partial(&not_asked(&report));
    // Those that are named are looked at whatever else is hidden.
    let partial = args.connection.is_empty() && is_partial(&facts, &report);
    Ok(exit(&rows, partial))
}

/// 0 only where all was looked at and what was dead is gone.
fn exit(rows: &[Row<'_>], partial: bool) -> ExitCode {
    let failed = |row: &Row<'_>| {
        let outcome = row.outcome();
        matches!(outcome, Some(Outcome::Refused(_) | Outcome::StillThere))
    };
    if rows.iter().any(failed) {
        return ExitCode::Failure;
    }
    let waiting = rows.iter().any(|row| row.reaped.is_none());
    ExitCode::of_look(waiting, partial)
}

/// Index, reason and verdict of a candidate.
type Candidate<'v> = (usize, Reason, Option<&'v Verdict>);

/// Parts what has to be asked from what is a candidate by its age or its name.
fn choose<'v>(
    args: &ReapArgs,
    facts: &HostFacts,
) -> Result<(Vec<usize>, Vec<Candidate<'v>>), Failure> {
    let mut candidates = Vec::new();
    if !args.connection.is_empty() {
        for named in &args.connection {
            candidates.push((find(facts, named)?, Reason::Named, None));
        }
        return Ok((Vec::new(), candidates));
    }
    let old = |socket: &Socket, over: Option<std::time::Duration>| {
        over.is_some_and(|over| {
            socket
                .age_at_least_ms()
                .is_some_and(|age| u128::from(age) >= over.as_millis())
        })
    };
    let mut to_ask = Vec::new();
    for (at, socket) in facts.sockets.iter().enumerate() {
        match socket.state {
            TcpState::CloseWait if old(socket, args.close_wait_over) => {
                candidates.push((at, Reason::CloseWait, None));
            }
            TcpState::FinWait2 if old(socket, args.fin_wait_2_over) => {
                candidates.push((at, Reason::FinWait2, None));
            }
            // By age alone: asked, it would have been heard just now, and look
            // young for ever.
            TcpState::CloseWait if args.close_wait_over.is_some() => {}
            state if state.can_be_asked() => to_ask.push(at),
            _ => {}
        }
    }
    Ok((to_ask, candidates))
}

fn find(facts: &HostFacts, &(local, remote): &Named) -> Result<usize, Failure> {
    let same = |one: std::net::SocketAddr, other: std::net::SocketAddr| {
        one.port() == other.port() && one.ip().to_canonical() == other.ip().to_canonical()
    };
    let mut found = (0..facts.sockets.len()).filter(|&at| {
        let socket = &facts.sockets[at];
        same(socket.local, local) && same(socket.remote, remote)
    });
    match (found.next(), found.next()) {
        (Some(at), None) => Ok(at),
        (None, _) => Err(Failure::Usage(format!(
            "there is no connection {local},{remote}"
        ))),
        (Some(_), Some(_)) => Err(Failure::Usage(format!(
            "{local},{remote} exists in more than one network namespace: add --netns"
        ))),
    }
}
