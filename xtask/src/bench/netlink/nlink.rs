//! With nlink, which is asynchronous: on a runtime of one thread, this one.

use anyhow::{Context, Result};
use nlink::netlink::{Connection, SockDiag};
use nlink::sockdiag::{SocketFilter, SocketInfo, SocketState, TcpState};

use super::Tally;

pub(super) fn read() -> Result<Tally> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting a runtime")?;
    let sockets = runtime.block_on(async {
        let connection = Connection::<SockDiag>::new()?;
        let filter = SocketFilter::tcp()
            .all_states()
            .with_tcp_info()
            .with_sk_mem_info()
            .build();
        connection.query(&filter).await
    })?;
    let mut tally = Tally::default();
    for socket in &sockets {
        if let SocketInfo::Inet(socket) = socket
            && matches!(socket.state, SocketState::Tcp(TcpState::Established))
        {
            tally.established += 1;
            tally.with_info += usize::from(socket.tcp_info.is_some());
            tally.with_memory += usize::from(socket.mem_info.is_some());
            tally.inodes += u64::from(socket.inode);
        }
    }
    Ok(tally)
}
