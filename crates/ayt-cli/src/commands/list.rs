//! `ayt list`.

use std::cmp::Reverse;

use ayt_core::facts::{HostFacts, Socket};
use ayt_core::tcp_state::TcpState;
use ayt_guard::collect::{Collect, collect};

use crate::args::{ListArgs, SortColumn};
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::json;
use crate::output::Output;
use crate::text::{self, cells};

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

/// Sorts by a column; what is equal there goes by namespace and endpoints.
fn sort(facts: &HostFacts, shown: &mut [u32], column: SortColumn, reverse: bool) {
    let socket = |at: u32| &facts.sockets[at as usize];
    shown.sort_by_cached_key(|&at| {
        let socket = socket(at);
        (socket.ns, socket.local, socket.remote)
    });
    macro_rules! by {
        ($key:expr) => {{
            let key = $key;
            if reverse {
                shown.sort_by_cached_key(|&at| Reverse(key(socket(at))));
            } else {
                shown.sort_by_cached_key(|&at| key(socket(at)));
            }
        }};
    }
    let account = |pick: fn(&ayt_core::facts::TcpInfo) -> u32| {
        move |socket: &Socket| cells::account(socket).map_or(u32::MAX, pick)
    };
    match column {
        SortColumn::State => by!(|socket: &Socket| {
            TcpState::ALL
                .iter()
                .position(|&state| state == socket.state)
        }),
        SortColumn::Local => by!(|socket: &Socket| socket.local),
        SortColumn::Peer => by!(|socket: &Socket| socket.remote),
        SortColumn::Owner => by!(|socket: &Socket| {
            let owner = facts.owners_of(socket).first();
            let command = owner.map(|owner| cells::command(facts, owner).to_owned());
            (command.is_none(), command, owner.copied())
        }),
        SortColumn::Pid => by!(|socket: &Socket| {
            let owner = facts.owners_of(socket).first();
            owner.map_or(u32::MAX, |owner| owner.pid)
        }),
        SortColumn::Keepalive => by!(|socket: &Socket| {
            let known = facts.keepalive.get(&socket.cookie);
            let detection = known.and_then(|fact| fact.known()?.idle_detection());
            detection.unwrap_or(std::time::Duration::MAX)
        }),
        SortColumn::Idle => by!(account(ayt_core::facts::TcpInfo::idle_ms)),
        SortColumn::Ack => by!(account(|tcp| tcp.last_ack_recv_ms)),
        SortColumn::Recv => by!(|socket: &Socket| socket.receive_queue),
        SortColumn::Send => by!(|socket: &Socket| socket.send_queue),
        SortColumn::Retrans => by!(account(|tcp| u32::from(tcp.retransmits))),
        SortColumn::Timer => by!(|socket: &Socket| socket.timer.expires_ms),
        SortColumn::Netns => by!(|socket: &Socket| socket.ns),
    }
}
