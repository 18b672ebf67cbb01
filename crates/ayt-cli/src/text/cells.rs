//! What one cell of a table says of a socket.

use std::fmt::Write as _;

use ayt_core::duration::Ms;
use ayt_core::fact::Fact;
use ayt_core::facts::{HostFacts, Owner, Socket, TcpInfo, TimerKind};
use ayt_core::tcp_state::TcpState;

use super::escape::push_visible;
use super::style;
use super::table::{Align, Column, Cut, Row};

/// TCP's account of a socket, for the states in which the kernel keeps one.
pub(crate) const fn account(socket: &Socket) -> Option<&TcpInfo> {
    match socket.state {
        TcpState::Listen | TcpState::TimeWait | TcpState::SynReceived => None,
        _ => socket.tcp.as_ref(),
    }
}

/// The part of it that tells when something last went. Before anything did, the
/// kernel counts from its own start.
pub(crate) fn traffic(socket: &Socket) -> Option<&TcpInfo> {
    account(socket).filter(|_| socket.state != TcpState::SynSent)
}

/// Why there is no account.
pub(crate) const fn no_account(socket: &Socket) -> &'static str {
    match socket.state {
        TcpState::Listen => "a listener has no connection",
        TcpState::TimeWait => "the kernel keeps no account in TIME_WAIT",
        TcpState::SynReceived | TcpState::SynSent => "the handshake is not complete",
        _ => "the kernel gave none",
    }
}

/// `10.0.0.7:443`, `[fd00::1]:443`; `*` for a listener's peer.
pub(crate) fn address(cell: &mut String, address: std::net::SocketAddr) {
    if address.port() == 0 && address.ip().is_unspecified() {
        cell.push('*');
        return;
    }
    let shown = std::net::SocketAddr::new(address.ip().to_canonical(), address.port());
    let _ = write!(cell, "{shown}");
}

/// Three cells: command, pid and descriptor of the first owner, with `+2` for
/// further holders; `-` for none.
pub(crate) fn owners(row: &mut Row, facts: &HostFacts, owners: &[Owner]) {
    let Some(first) = owners.first() else {
        for _ in 0..OWNER.len() {
            row.cell(style::QUIET).push('-');
        }
        return;
    };
    push_visible(row.cell(style::PLAIN), command(facts, first));
    let _ = write!(row.cell(style::PLAIN), "{}", first.pid);
    let cell = row.cell(style::PLAIN);
    let _ = write!(cell, "{}", first.fd);
    if owners.len() > 1 {
        let _ = write!(cell, " +{}", owners.len() - 1);
    }
}

/// The peer's [`address`], where the table is about peers.
pub(crate) const PEER: Column = Column::new("PEER", Align::Left, 9, Cut::To(15));

/// This side's [`address`], in such a table.
pub(crate) const LOCAL: Column = Column::new("LOCAL", Align::Left, 5, Cut::ToPort);

/// The columns that [`owners`] fills.
pub(crate) const OWNER: [Column; 3] = [
    Column::new("COMMAND", Align::Left, 8, Cut::To(8)),
    Column::new("PID", Align::Right, 8, Cut::Never),
    Column::new("FD", Align::Right, 4, Cut::Never),
];

/// The command of an owner, `?` where it has gone.
pub(crate) fn command<'f>(facts: &'f HostFacts, owner: &Owner) -> &'f str {
    facts
        .process(owner)
        .map_or("?", |process| process.command.as_str())
}

/// `60/5/3`, `off`, `on?` where only the timer tells, `?`.
pub(crate) fn keepalive(cell: &mut String, facts: &HostFacts, socket: &Socket) {
    match facts.keepalive.get(&socket.cookie) {
        Some(Fact::Known(keepalive)) => drop(write!(cell, "{keepalive}")),
        _ if socket.state == TcpState::TimeWait => cell.push('-'),
        _ if socket.timer.kind == TimerKind::Keepalive => cell.push_str("on?"),
        _ => cell.push('?'),
    }
}

/// For how long no data went either way, and since when no acknowledgement
/// came: `14m`, or `14m/2s` where they differ.
pub(crate) fn idle(cell: &mut String, socket: &Socket) {
    let Some(tcp) = traffic(socket) else {
        cell.push('-');
        return;
    };
    let (data, ack) = (
        Ms(u64::from(tcp.idle_ms())).to_string(),
        Ms(u64::from(tcp.last_ack_recv_ms)).to_string(),
    );
    cell.push_str(&data);
    if ack != data {
        let _ = write!(cell, "/{ack}");
    }
}

/// `keepalive 12s`, `retransmit 3× 800ms`; empty where none runs.
pub(crate) fn timer(cell: &mut String, socket: &Socket) {
    let timer = socket.timer;
    if timer.kind == TimerKind::Off {
        cell.push('-');
        return;
    }
    cell.push_str(timer.kind.name());
    if timer.count > 0 {
        let _ = write!(cell, " {}×", timer.count);
    }
    let _ = write!(cell, " {}", Ms(u64::from(timer.expires_ms)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_connection_not_made_yet_has_no_idle_time() {
        // The kernel shows the time since its own start as "last sent".
        let mut socket = testing::host().sockets[0].clone();
        socket.state = TcpState::SynSent;
        socket.tcp = Some(TcpInfo {
            last_data_sent_ms: 5_040_000,
            last_ack_recv_ms: 5_040_000,
            retransmits: 2,
            ..TcpInfo::default()
        });
        let mut cell = String::new();
        idle(&mut cell, &socket);
        assert_eq!(cell, "-");
        assert_eq!(account(&socket).map(|tcp| tcp.retransmits), Some(2));
    }
}
