//! With netlink-packet-sock-diag and netlink-sys, as their example does it.

use anyhow::{Context, Result, bail, ensure};
use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP, TCP_ESTABLISHED};
use netlink_packet_sock_diag::inet::nlas::Nla;
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, SocketId, StateFlags};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_SOCK_DIAG};

use super::Tally;

const ROOM: usize = 64 * 1024;

pub(super) fn read() -> Result<Tally> {
    let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    let mut sockets: Vec<SockDiagMessage> = Vec::new();
    for family in [AF_INET, AF_INET6] {
        dump(&socket, family, &mut sockets)?;
    }
    let mut tally = Tally::default();
    for socket in &sockets {
        if let SockDiagMessage::InetResponse(socket) = socket
            && socket.header.state == TCP_ESTABLISHED
        {
            let has = |wanted: fn(&Nla) -> bool| usize::from(socket.nlas.iter().any(wanted));
            tally.established += 1;
            tally.with_info += has(|nla| matches!(nla, Nla::TcpInfo(_)));
            tally.with_memory += has(|nla| matches!(nla, Nla::MemInfo(_)));
            tally.inodes += u64::from(socket.header.inode);
        }
    }
    Ok(tally)
}

fn dump(socket: &Socket, family: u8, sockets: &mut Vec<SockDiagMessage>) -> Result<()> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let request = InetRequest {
        family,
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::INFO | ExtensionFlags::SKMEMINFO,
        states: StateFlags::all(),
        socket_id: if family == AF_INET {
            SocketId::new_v4()
        } else {
            SocketId::new_v6()
        },
    };
    let mut message = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request).into());
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    socket.send(&bytes, 0)?;
    let mut buffer = vec![0; ROOM];
    loop {
        let length = socket.recv(&mut &mut buffer[..], 0)?;
        let mut rest = buffer.get(..length).context("a datagram was cut")?;
        while !rest.is_empty() {
            let message = NetlinkMessage::<SockDiagMessage>::deserialize(rest)?;
            let taken = message.header.length as usize;
            match message.payload {
                NetlinkPayload::InnerMessage(socket) => sockets.push(socket),
                NetlinkPayload::Done(_) => return Ok(()),
                other => bail!("the kernel sent {other:?}"),
            }
            ensure!(taken > 0, "a message without length");
            rest = rest.get(taken.next_multiple_of(4)..).unwrap_or_default();
        }
    }
}
