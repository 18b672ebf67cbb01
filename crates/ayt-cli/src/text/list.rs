//! The table of `ayt list`.

use std::fmt::Write as _;
use std::io::{self, Write};

use ayt_core::facts::{HostFacts, Socket};
use ayt_core::tcp_state::TcpState;

use super::table::{self, Align, Column, Cut, Row};
use super::{cells, notes, number, style};
use crate::output::page::Page;

const COLUMNS: [Column; 12] = [
    Column::new("STATE", Align::Left, 10, Cut::Never),
    Column::new("LOCAL", Align::Left, 9, Cut::ToPort),
    Column::new("PEER", Align::Left, 11, Cut::To(15)),
    cells::OWNER[0],
    cells::OWNER[1],
    cells::OWNER[2],
    Column::new("KEEPALIVE", Align::Left, 6, Cut::Never),
    Column::new("IDLE/ACK", Align::Right, 7, Cut::Never),
    Column::new("RECV/SEND", Align::Right, 5, Cut::Never),
    Column::new("RETR", Align::Right, 2, Cut::Never),
    Column::new("TIMER", Align::Left, 3, Cut::Never),
    Column::new("NETNS", Align::Left, 1, Cut::To(8)),
];

/// Writes the sockets `shown` (indexes) as a table, and on a terminal a summary.
pub(crate) fn write<W: Write>(
    out: &mut W,
    page: Page,
    facts: &HostFacts,
    shown: &[u32],
) -> io::Result<()> {
    let several = facts.namespaces.len() > 1;
    let columns = &COLUMNS[..COLUMNS.len() - usize::from(!several)];
    let sockets = || {
        shown
            .iter()
            .filter_map(|&at| facts.sockets.get(at as usize))
    };
    let nth: Vec<&Socket> = sockets().collect();
    if nth.is_empty() && page.is_terminal() {
        return notes::say(out, page, style::QUIET, "No socket matches.");
    }
    table::write(out, page, columns, nth.len(), |at, row| {
        fill(facts, nth[at], row);
    })?;
    if page.is_terminal() {
        let listening = nth
            .iter()
            .filter(|socket| socket.state == TcpState::Listen)
            .count();
        let text = format!(
            "{} ({} listening) in {}",
            number::of(nth.len(), "socket"),
            number::count(listening as u64),
            number::of(facts.namespaces.len(), "namespace"),
        );
        notes::say(out, page, style::QUIET, &text)?;
    }
    Ok(())
}

fn fill(facts: &HostFacts, socket: &Socket, row: &mut Row) {
    let state = match socket.state {
        TcpState::CloseWait => style::WARNING,
        TcpState::TimeWait => style::QUIET,
        _ => style::PLAIN,
    };
    row.cell(state).push_str(socket.state.name());
    cells::address(row.cell(style::PLAIN), socket.local);
    cells::address(row.cell(style::PLAIN), socket.remote);
    cells::owners(row, facts, facts.owners_of(socket));
    cells::keepalive(row.cell(style::PLAIN), facts, socket);
    cells::idle(row.cell(style::PLAIN), socket);
    let queued = socket.state != TcpState::Listen && socket.receive_queue + socket.send_queue > 0;
    let queues = row.cell(if queued { style::WARNING } else { style::QUIET });
    let _ = write!(queues, "{}/{}", socket.receive_queue, socket.send_queue);
    let retransmits = cells::account(socket).map_or(0, |tcp| tcp.retransmits);
    let cell = row.cell(if retransmits > 0 {
        style::WARNING
    } else {
        style::QUIET
    });
    let _ = write!(cell, "{retransmits}");
    cells::timer(row.cell(style::PLAIN), socket);
    let name = facts
        .namespace(socket.ns)
        .map_or("?", |namespace| namespace.name.as_str());
    super::escape::push_visible(row.cell(style::QUIET), name);
}
