//! Raw sockets that see what the kernel does not tell: RST segments, and ICMP
//! errors about segments it takes for out of window (raw(7), CAP_NET_RAW).

use std::mem::MaybeUninit;
use std::net::{Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};

use libc::sock_filter;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SocketFlags, SocketType, ipproto, recvfrom, socket_with,
};

use super::{Netns, filter, sockopt};
use crate::error::SysError;
use crate::wire::packet::{self, Sighting};

/// Room for what comes between two looks: a RST takes about 1 KiB of it.
const ROOM: usize = 16 << 20;

/// A watch over one namespace.
#[derive(Debug)]
pub struct Witness {
    sockets: Vec<(Kind, OwnedFd)>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Reset4,
    Reset6,
    Unreachable4,
    Unreachable6,
}

impl Kind {
    fn parts(self) -> (AddressFamily, Protocol, &'static [sock_filter]) {
        match self {
            Self::Reset4 => (AddressFamily::INET, ipproto::TCP, &filter::RESET4),
            Self::Reset6 => (AddressFamily::INET6, ipproto::TCP, &filter::RESET6),
            Self::Unreachable4 => (AddressFamily::INET, ipproto::ICMP, &filter::UNREACHABLE4),
            Self::Unreachable6 => (AddressFamily::INET6, ipproto::ICMPV6, &filter::UNREACHABLE6),
        }
    }
}

impl Witness {
    /// Opens the raw sockets in a namespace.
    ///
    /// # Errors
    /// `EPERM` without CAP_NET_RAW. A host without IPv6 is no error.
    pub fn open(ns: &Netns) -> Result<Self, SysError> {
        let kinds = [
            Kind::Reset4,
            Kind::Unreachable4,
            Kind::Reset6,
            Kind::Unreachable6,
        ];
        let opened = ns.enter(|| kinds.map(|kind| (kind, open(kind))))?;
        let mut sockets = Vec::new();
        for (kind, socket) in opened {
            match socket {
                Ok(socket) => sockets.push((kind, socket)),
                Err(Errno::AFNOSUPPORT) => {}
                Err(error) => {
                    return Err(SysError::call("open a raw socket for RST and ICMP", error));
                }
            }
        }
        Ok(Self { sockets })
    }

    /// Something came and was lost because nobody took it in time: what has not
    /// been seen may still have been there.
    #[must_use]
    pub fn has_lost(&self) -> bool {
        let lost = |(_, socket): &(Kind, OwnedFd)| {
            sockopt::drops(socket.as_fd()).map_or(true, |drops| drops > 0)
        };
        self.sockets.iter().any(lost)
    }

    /// Takes what has come since the last call.
    pub fn drain(&self, mut sink: impl FnMut(Sighting)) {
        let mut buffer = [MaybeUninit::<u8>::uninit(); 2048];
        for (kind, socket) in &self.sockets {
            while let Ok(((bytes, _), _, from)) = recvfrom(socket, &mut buffer, RecvFlags::DONTWAIT)
            {
                let from = from.and_then(|address| SocketAddr::try_from(address).ok());
                if let Some(sighting) = read(*kind, bytes, from) {
                    sink(sighting);
                }
            }
        }
    }
}

fn open(kind: Kind) -> Result<OwnedFd, Errno> {
    let (family, protocol, program) = kind.parts();
    let socket = socket_with(
        family,
        SocketType::RAW,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        Some(protocol),
    )?;
    sockopt::attach_filter(socket.as_fd(), program)
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::INVAL))?;
    // Ten thousand connections may be refused within a millisecond. Without the
    // right the default stays.
    let _ = rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, ROOM);
    Ok(socket)
}

fn read(kind: Kind, bytes: &[u8], from: Option<SocketAddr>) -> Option<Sighting> {
    match kind {
        Kind::Reset4 => packet::reset4(bytes).map(Sighting::Reset),
        Kind::Reset6 => {
            let SocketAddr::V6(from) = from? else {
                return None;
            };
            packet::reset6(bytes, Ipv6Addr::UNSPECIFIED, *from.ip()).map(Sighting::Reset)
        }
        Kind::Unreachable4 => packet::icmp4(bytes).map(Sighting::Unreachable),
        Kind::Unreachable6 => packet::icmp6(bytes).map(Sighting::Unreachable),
    }
}
