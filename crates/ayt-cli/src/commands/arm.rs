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
use crate::text;

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
    if rows.is_empty() && what.is_some() {
        return Err(Failure::Usage(
            "no connection matches the filter: nothing was armed".to_owned(),
        ));
    }
    // What closed while it was looked at was not refused.
    let mut refused = armed.iter().filter_map(|one| one.refused.as_ref());
    if refused.any(|why| *why != Why::Vanished) {
        return Ok(ExitCode::Failure);
    }
    Ok(ExitCode::Healthy)
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
