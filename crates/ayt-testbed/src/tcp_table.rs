//! The sockets of a namespace as /proc/net/tcp and tcp6 show them: an
//! independent witness for what the product reads from `sock_diag`.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::{Context, Result};

/// A TCP state, by the kernel's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the states of RFC 9293")]
pub enum TcpState {
    Established,
    SynSent,
    SynRecv,
    FinWait1,
    FinWait2,
    TimeWait,
    Close,
    CloseWait,
    LastAck,
    Listen,
    Closing,
    NewSynRecv,
}

/// One socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TcpRow {
    /// The near address.
    pub local: SocketAddr,
    /// The far address, unspecified for a listener.
    pub remote: SocketAddr,
    /// The state.
    pub state: TcpState,
    /// Bytes sent and not acknowledged.
    pub tx_queue: u32,
    /// Bytes received and not read; for a listener, connections to accept.
    pub rx_queue: u32,
    /// The kind of timer that runs: 0 none, 1 retransmit, 2 keepalive, 3
    /// time-wait, 4 zero-window probe.
    pub timer: u8,
    /// The socket's inode, 0 when no descriptor holds it.
    pub inode: u64,
}

/// Reads the table of the calling thread's namespace.
pub(crate) fn read() -> Result<Vec<TcpRow>> {
    let mut rows = Vec::new();
    for file in ["/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"] {
        let text = fs::read_to_string(file).with_context(|| format!("reading {file}"))?;
        for line in text.lines().skip(1) {
            rows.push(row(line).with_context(|| format!("{file}: cannot read '{line}'"))?);
        }
    }
    Ok(rows)
}

fn row(line: &str) -> Option<TcpRow> {
    let mut fields = line.split_whitespace().skip(1);
    let local = address(fields.next()?)?;
    let remote = address(fields.next()?)?;
    let state = state(u8::from_str_radix(fields.next()?, 16).ok()?)?;
    let (tx, rx) = fields.next()?.split_once(':')?;
    let (timer, _) = fields.next()?.split_once(':')?;
    Some(TcpRow {
        local,
        remote,
        state,
        tx_queue: u32::from_str_radix(tx, 16).ok()?,
        rx_queue: u32::from_str_radix(rx, 16).ok()?,
        timer: u8::from_str_radix(timer, 16).ok()?,
        inode: fields.nth(3)?.parse().ok()?,
    })
}

/// Addresses are printed as 32-bit words in the machine's byte order.
fn address(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.split_once(':')?;
    let word = |at: usize| {
        let hex = host.get(at * 8..at * 8 + 8)?;
        Some(u32::from_str_radix(hex, 16).ok()?.to_ne_bytes())
    };
    let host: IpAddr = if host.len() == 8 {
        Ipv4Addr::from(word(0)?).into()
    } else {
        let mut octets = [0; 16];
        for at in 0..4 {
            octets[at * 4..at * 4 + 4].copy_from_slice(&word(at)?);
        }
        Ipv6Addr::from(octets).into()
    };
    Some(SocketAddr::new(host, u16::from_str_radix(port, 16).ok()?))
}

fn state(number: u8) -> Option<TcpState> {
    use TcpState::*;
    let known = [
        Established,
        SynSent,
        SynRecv,
        FinWait1,
        FinWait2,
        TimeWait,
        Close,
        CloseWait,
        LastAck,
        Listen,
        Closing,
        NewSynRecv,
    ];
    known.get(usize::from(number).checked_sub(1)?).copied()
}
