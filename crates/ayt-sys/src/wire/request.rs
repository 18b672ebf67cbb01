//! sock_diag requests: dump a family, get one socket, destroy one socket
//! (`struct inet_diag_req_v2`).

use std::net::{IpAddr, SocketAddr};

use ayt_core::facts::{Cookie, Socket};
use ayt_core::tcp_state::TcpState;

use super::diag::{INET, INET6, WANTED};
use super::netlink::{F_ACK, F_DUMP, F_REQUEST, HEADER};

/// `SOCK_DIAG_BY_FAMILY`.
pub const BY_FAMILY: u16 = 20;
/// `SOCK_DESTROY` (for TCP: Linux 4.5).
pub const DESTROY: u16 = 21;
/// Length of one request with its netlink header.
pub const LENGTH: usize = HEADER + 56;

const TCP: u8 = 6;
const ALL_STATES: u32 = 0xfff;

/// The name of one socket in the kernel: addresses, interface and cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketName {
    /// This side.
    pub local: SocketAddr,
    /// The peer.
    pub remote: SocketAddr,
    /// Interface it is bound to.
    pub interface: u32,
    /// Its cookie: the kernel refuses the request if another socket has the
    /// addresses now.
    pub cookie: Cookie,
}

impl From<&Socket> for SocketName {
    fn from(socket: &Socket) -> Self {
        Self {
            local: socket.local,
            remote: socket.remote,
            interface: socket.interface,
            cookie: socket.cookie,
        }
    }
}

/// The kernel's bit mask of states; an empty list means all.
#[must_use]
pub fn state_mask(states: &[TcpState]) -> u32 {
    if states.is_empty() {
        return ALL_STATES;
    }
    states
        .iter()
        .map(|&state| match state {
            // Half-made connections are listed under both numbers.
            TcpState::SynReceived => 1 << 3 | 1 << 12,
            other => 1 << (other as u32),
        })
        .sum()
}

/// A request to list all sockets of a family in some states.
#[must_use]
pub fn dump(family: u8, states: u32, sequence: u32) -> [u8; LENGTH] {
    let mut bytes = header(BY_FAMILY, F_REQUEST | F_DUMP, sequence);
    bytes[16] = family;
    bytes[17] = TCP;
    bytes[18] = WANTED;
    bytes[20..24].copy_from_slice(&states.to_ne_bytes());
    bytes
}

/// A request for one socket.
#[must_use]
pub fn get(name: &SocketName, sequence: u32) -> [u8; LENGTH] {
    named(BY_FAMILY, F_REQUEST, name, sequence)
}

/// A request to destroy one socket, to be acknowledged.
#[must_use]
pub fn destroy(name: &SocketName, sequence: u32) -> [u8; LENGTH] {
    named(DESTROY, F_REQUEST | F_ACK, name, sequence)
}

fn header(kind: u16, flags: u16, sequence: u32) -> [u8; LENGTH] {
    let mut bytes = [0u8; LENGTH];
    bytes[0..4].copy_from_slice(&(LENGTH as u32).to_ne_bytes());
    bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
    bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
    bytes[8..12].copy_from_slice(&sequence.to_ne_bytes());
    bytes
}

fn named(kind: u16, flags: u16, name: &SocketName, sequence: u32) -> [u8; LENGTH] {
    let mut bytes = header(kind, flags, sequence);
    bytes[16] = if name.local.is_ipv4() { INET } else { INET6 };
    bytes[17] = TCP;
    bytes[18] = WANTED;
    bytes[20..24].copy_from_slice(&ALL_STATES.to_ne_bytes());
    bytes[24..26].copy_from_slice(&name.local.port().to_be_bytes());
    bytes[26..28].copy_from_slice(&name.remote.port().to_be_bytes());
    put_address(&mut bytes[28..44], name.local.ip());
    put_address(&mut bytes[44..60], name.remote.ip());
    bytes[60..64].copy_from_slice(&name.interface.to_ne_bytes());
    bytes[64..68].copy_from_slice(&(name.cookie.0 as u32).to_ne_bytes());
    bytes[68..72].copy_from_slice(&((name.cookie.0 >> 32) as u32).to_ne_bytes());
    bytes
}

fn put_address(bytes: &mut [u8], ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => bytes[..4].copy_from_slice(&ip.octets()),
        IpAddr::V6(ip) => bytes.copy_from_slice(&ip.octets()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_request_holds_what_an_answer_would() {
        let name = SocketName {
            local: "10.0.0.1:80".parse().unwrap(),
            remote: "10.0.0.2:4000".parse().unwrap(),
            interface: 3,
            cookie: Cookie(5 | 1 << 32),
        };
        let bytes = get(&name, 9);
        // The identity part has the same layout in request and answer.
        let mut answer = vec![INET, 1, 0, 0];
        answer.extend(&bytes[24..72]);
        answer.resize(super::super::diag::MESSAGE, 0);
        let socket = super::super::diag::socket(&answer, ayt_core::facts::NsId(0))
            .unwrap()
            .unwrap();
        assert_eq!(SocketName::from(&socket), name);
    }

    #[test]
    fn masks_cover_what_they_name() {
        assert_eq!(state_mask(&[]), ALL_STATES);
        assert_eq!(state_mask(&[TcpState::Established]), 2);
        assert_eq!(state_mask(&[TcpState::SynReceived]), 0x1008);
    }
}
