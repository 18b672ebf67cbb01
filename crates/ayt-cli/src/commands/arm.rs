//! `ayt arm`.

use std::collections::HashMap;

use ayt_core::fact::Why;
use ayt_core::facts::{Cookie, HostFacts, Socket};
use ayt_core::filter::Filter;
use ayt_core::tcp_state::TcpState;
use ayt_guard::arm::{Armed, arm, disarm};
use ayt_guard::collect::{Collect, Exact, collect};

use super::demand_filter;
use crate::args::ArmArgs;
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::json;
use crate::output::Output;
use crate::text::{self, style};

/// Arms or disarms what matches.
pub(crate) fn run(args: &ArmArgs, out: &mut Output) -> Result<ExitCode, Failure> {
    let filter = args.filter.filter();
    let what = args.arm();
    if what.is_some() {
        demand_filter(&filter, args.all)?;
    }
    let facts = collect(&Collect {
        filter: filter.clone(),
        exact: Exact::Never,
        doctor: None,
    })?;
    let targets = targets(&facts, &filter, args.disarm);
    let armed = match &what {
        Some(what) => arm(&facts, &targets, what)?,
        None => disarm(&facts, &targets, args.dry_run)?,
    };
    let by_cookie: HashMap<Cookie, &Armed> = armed.iter().map(|one| (one.cookie, one)).collect();
    let rows: Vec<(&Socket, &Armed)> = facts
        .sockets
        .iter()
        .filter_map(|socket| Some((socket, *by_cookie.get(&socket.cookie)?)))
        .collect();
    if rows.is_empty() && what.is_some() {
        out.partial(&facts.partial);
        let nothing = "no connection matches the filter: nothing was armed";
        if facts.partial.is_empty() {
            return Err(Failure::Usage(nothing.to_owned()));
        }
        out.note("note", style::WARNING, nothing);
        return Ok(ExitCode::Partial);
    }
    out.print(|out, page| {
        if args.json.json {
            return rows.iter().try_for_each(|(socket, armed)| {
                json::armed(out.buffer(), &facts, socket, armed, args.dry_run);
                out.row_done()
            });
        }
        text::arm::write(out, page, &facts, &rows, args.dry_run)
    })?;
    out.partial(&facts.partial);
    // Disarming is done when what the journal names is: the rest is no matter.
    Ok(exit(&armed, what.is_some() && !facts.partial.is_empty()))
}

/// 0 only where all that matches was seen and is armed.
fn exit(armed: &[Armed], partial: bool) -> ExitCode {
    // What closed while it was looked at was not refused.
    let refused = |one: &Armed| {
        let why = one.refused.as_ref();
        why.is_some_and(|why| *why != Why::Vanished)
    };
    if armed.iter().any(refused) {
        return ExitCode::Failure;
    }
    ExitCode::of_look(false, partial)
}

/// Sockets that can carry keepalive. Listeners only when they are asked for by
/// name: that arms every later connection.
fn targets(facts: &HostFacts, filter: &Filter, disarm: bool) -> Vec<usize> {
    let wanted = |socket: &Socket| match socket.state {
        TcpState::TimeWait | TcpState::SynReceived | TcpState::Closed => false,
        TcpState::Listen => disarm || filter.states.contains(&TcpState::Listen),
        _ => socket.inode != 0,
    };
    (0..facts.sockets.len())
        .filter(|&at| wanted(&facts.sockets[at]))
        .collect()
}

#[cfg(test)]
mod tests {
    use ayt_core::fact::Fact;

    use super::*;

    #[test]
    fn only_what_was_all_seen_and_done_is_0() {
        let armed = |refused: Option<Why>| Armed {
            cookie: Cookie(1),
            owner: None,
            before: Fact::Unknown(Why::NotAsked),
            after: Fact::Unknown(Why::NotAsked),
            changed: refused.is_none(),
            refused,
        };
        let (done, closed) = (armed(None), armed(Some(Why::Vanished)));
        let hidden = armed(Some(Why::OwnerHidden));
        assert_eq!(exit(&[done.clone(), closed.clone()], false).number(), 0);
        assert_eq!(exit(&[done.clone(), closed], true).number(), 3);
        assert_eq!(exit(&[done, hidden], true).number(), 2);
    }
}
