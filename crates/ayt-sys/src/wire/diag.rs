//! `struct inet_diag_msg` and its attributes (sock_diag(7),
//! `include/uapi/linux/inet_diag.h`): one socket per message.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ayt_core::facts::{Cookie, Memory, NsId, Shutdown, Socket, TcpInfo, Timer, TimerKind};
use ayt_core::tcp_state::TcpState;

use super::netlink::attributes;
use super::{Truncated, be16_at, u32_at, u64_at};

/// Length of `struct inet_diag_msg`.
pub const MESSAGE: usize = 72;
/// `AF_INET`.
pub const INET: u8 = 2;
/// `AF_INET6`.
pub const INET6: u8 = 10;

const ATTR_INFO: u16 = 2;
const ATTR_SKMEMINFO: u16 = 7;
const ATTR_SHUTDOWN: u16 = 8;
const ATTR_CGROUP_ID: u16 = 21;

/// The attributes to ask for, as the bits of `idiag_ext` (bit n−1 for attribute
/// n): tcp_info and buffer memory. Shutdown and cgroup come unasked.
pub const WANTED: u8 = 1 << (ATTR_INFO - 1) | 1 << (ATTR_SKMEMINFO - 1);

/// What is wrong with a socket message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSocket {
    /// Too short.
    #[error(transparent)]
    Truncated(#[from] Truncated),
    /// Neither IPv4 nor IPv6.
    #[error("sock_diag message of address family {0}")]
    Family(u8),
}

/// Reads one socket. `Ok(None)` is a socket in a state that is no connection's.
///
/// # Errors
/// When the message is too short or of another address family.
#[inline]
pub fn socket(payload: &[u8], ns: NsId) -> Result<Option<Socket>, BadSocket> {
    let fixed = payload.get(..MESSAGE).ok_or(Truncated {
        what: "inet_diag_msg",
        have: payload.len(),
        need: MESSAGE,
    })?;
    let family = fixed[0];
    let Some(state) = TcpState::from_kernel(fixed[1]) else {
        return Ok(None);
    };
    let word = |at| u32_at(fixed, at).unwrap_or_default();
    let (local, remote) = (
        address(family, fixed, 8, 4)?,
        address(family, fixed, 24, 6)?,
    );
    let mut socket = Socket {
        ns,
        state,
        local,
        remote,
        interface: word(40),
        cookie: Cookie(u64::from(word(44)) | u64::from(word(48)) << 32),
        timer: Timer {
            kind: timer_kind(fixed[2]),
            count: fixed[3],
            expires_ms: word(52),
        },
        receive_queue: word(56),
        send_queue: word(60),
        uid: word(64),
        inode: word(68),
        shutdown: None,
        tcp: None,
        memory: None,
        cgroup: None,
    };
    for (kind, value) in attributes(&payload[MESSAGE..]) {
        match kind {
            ATTR_INFO => socket.tcp = tcp_info(value),
            ATTR_SKMEMINFO => socket.memory = memory(value),
            ATTR_SHUTDOWN => {
                socket.shutdown = value.first().map(|bits| Shutdown {
                    receive: bits & 1 != 0,
                    send: bits & 2 != 0,
                });
            }
            ATTR_CGROUP_ID => socket.cgroup = u64_at(value, 0),
            _ => {}
        }
    }
    // A listener or a socket without handshake has no account worth the name.
    if state == TcpState::Listen {
        socket.tcp = None;
    }
    Ok(Some(socket))
}

fn address(family: u8, fixed: &[u8], at: usize, port_at: usize) -> Result<SocketAddr, BadSocket> {
    let port = be16_at(fixed, port_at).unwrap_or_default();
    let bytes = fixed.get(at..at + 16).unwrap_or_default();
    let ip = match family {
        INET => {
            let four: [u8; 4] = bytes[..4].try_into().unwrap_or_default();
            IpAddr::V4(Ipv4Addr::from(four))
        }
        INET6 => {
            let sixteen: [u8; 16] = bytes.try_into().unwrap_or_default();
            IpAddr::V6(Ipv6Addr::from(sixteen))
        }
        other => return Err(BadSocket::Family(other)),
    };
    Ok(SocketAddr::new(ip, port))
}

const fn timer_kind(number: u8) -> TimerKind {
    match number {
        0 => TimerKind::Off,
        1 => TimerKind::Retransmit,
        2 => TimerKind::Keepalive,
        3 => TimerKind::TimeWait,
        4 => TimerKind::WindowProbe,
        other => TimerKind::Other(other),
    }
}

fn memory(value: &[u8]) -> Option<Memory> {
    // SK_MEMINFO_*: rmem_alloc, rcvbuf, wmem_alloc, sndbuf, fwd_alloc,
    // wmem_queued, optmem, backlog, drops.
    Some(Memory {
        receive_alloc: u32_at(value, 0)?,
        receive_limit: u32_at(value, 4)?,
        send_limit: u32_at(value, 12)?,
        send_queued: u32_at(value, 20)?,
        drops: u32_at(value, 32).unwrap_or_default(),
    })
}

/// Reads a `struct tcp_info` of any kernel's length; `None` if it is shorter
/// than the first version of the structure (104 bytes).
#[must_use]
pub fn tcp_info(value: &[u8]) -> Option<TcpInfo> {
    if value.len() < 104 {
        return None;
    }
    let word = |at| u32_at(value, at).unwrap_or_default();
    Some(TcpInfo {
        retransmits: value[2],
        probes: value[3],
        backoff: value[4],
        rto_us: word(8),
        unacked: word(24),
        last_data_sent_ms: word(44),
        last_data_recv_ms: word(52),
        last_ack_recv_ms: word(56),
        pmtu: word(60),
        rtt_us: word(68),
        rttvar_us: word(72),
        total_retrans: word(100),
        bytes_acked: u64_at(value, 120),
        bytes_received: u64_at(value, 128),
        segs_in: u32_at(value, 140),
        notsent_bytes: u32_at(value, 144),
        snd_wnd: u32_at(value, 228),
        rcv_wnd: u32_at(value, 232),
    })
}

/// The state byte of a `struct tcp_info`.
#[must_use]
pub fn tcp_info_state(value: &[u8]) -> Option<TcpState> {
    TcpState::from_kernel(*value.first()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample(family: u8) -> Vec<u8> {
        let mut bytes = vec![0u8; MESSAGE];
        bytes[0] = family;
        bytes[1] = 8;
        bytes[2] = 2;
        bytes[3] = 1;
        bytes[4..6].copy_from_slice(&80u16.to_be_bytes());
        bytes[6..8].copy_from_slice(&4000u16.to_be_bytes());
        bytes[8..12].copy_from_slice(&[10, 0, 0, 1]);
        bytes[24..28].copy_from_slice(&[10, 0, 0, 2]);
        bytes[44..48].copy_from_slice(&5u32.to_ne_bytes());
        bytes[48..52].copy_from_slice(&1u32.to_ne_bytes());
        bytes[52..56].copy_from_slice(&900u32.to_ne_bytes());
        bytes[68..72].copy_from_slice(&77u32.to_ne_bytes());
        bytes
    }

    fn with_attribute(mut bytes: Vec<u8>, kind: u16, value: &[u8]) -> Vec<u8> {
        bytes.extend((4 + value.len() as u16).to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().div_ceil(4) * 4, 0);
        bytes
    }

    #[test]
    fn reads_the_fixed_part() {
        let socket = socket(&sample(INET), NsId(0)).unwrap().unwrap();
        assert_eq!(socket.state, TcpState::CloseWait);
        assert_eq!(socket.local.to_string(), "10.0.0.1:80");
        assert_eq!(socket.remote.to_string(), "10.0.0.2:4000");
        assert_eq!(socket.cookie, Cookie(5 | 1 << 32));
        assert_eq!(socket.inode, 77);
        assert_eq!(socket.timer.kind, TimerKind::Keepalive);
        assert_eq!(socket.tcp, None);
        let six = super::socket(&sample(INET6), NsId(0)).unwrap().unwrap();
        assert_eq!(six.local.to_string(), "[a00:1::]:80");
    }

    #[test]
    fn an_old_kernels_short_tcp_info_leaves_newer_fields_unknown() {
        let mut info = vec![0u8; 104];
        info[56..60].copy_from_slice(&1234u32.to_ne_bytes());
        let bytes = with_attribute(sample(INET), ATTR_INFO, &info);
        let tcp = socket(&bytes, NsId(0)).unwrap().unwrap().tcp.unwrap();
        assert_eq!(tcp.last_ack_recv_ms, 1234);
        assert_eq!(
            (tcp.segs_in, tcp.snd_wnd, tcp.bytes_acked),
            (None, None, None)
        );
        info.resize(248, 0);
        let bytes = with_attribute(sample(INET), ATTR_INFO, &info);
        let tcp = socket(&bytes, NsId(0)).unwrap().unwrap().tcp.unwrap();
        assert_eq!((tcp.segs_in, tcp.snd_wnd), (Some(0), Some(0)));
        assert_eq!(tcp_info(&[0; 103]), None);
    }

    #[test]
    fn refuses_other_families_and_short_messages_and_skips_bound_sockets() {
        assert_eq!(socket(&sample(1), NsId(0)), Err(BadSocket::Family(1)));
        for length in 0..MESSAGE {
            assert!(socket(&sample(INET)[..length], NsId(0)).is_err());
        }
        let mut bound = sample(INET);
        bound[1] = 13;
        assert_eq!(socket(&bound, NsId(0)), Ok(None));
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = socket(&bytes, NsId(0));
            let _ = tcp_info(&bytes);
            let _ = tcp_info_state(&bytes);
        }
    }
}
