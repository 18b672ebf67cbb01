//! With `ayt-sys`.

use anyhow::Result;
use ayt_core::facts::{NsId, Socket};
use ayt_core::tcp_state::TcpState;
use ayt_sys::wire::diag::{self, INET, INET6};
use ayt_sys::wire::request::state_mask;
use ayt_sys::{DiagSocket, Netns, SysError};

use super::Tally;

pub(super) fn read() -> Result<Tally> {
    let mut diag = DiagSocket::open(&Netns::own()?)?;
    let mut sockets: Vec<Socket> = Vec::new();
    for family in [INET, INET6] {
        diag.dump(family, state_mask(&[]), |payload| {
            let socket = diag::socket(payload, NsId(0)).map_err(|error| SysError::Malformed {
                operation: "read a sock_diag message",
                detail: error.to_string(),
            })?;
            sockets.extend(socket);
            Ok(())
        })?;
    }
    let mut tally = Tally::default();
    for socket in &sockets {
        if socket.state == TcpState::Established {
            tally.established += 1;
            tally.with_info += usize::from(socket.tcp.is_some());
            tally.with_memory += usize::from(socket.memory.is_some());
            tally.inodes += u64::from(socket.inode);
        }
    }
    Ok(tally)
}
