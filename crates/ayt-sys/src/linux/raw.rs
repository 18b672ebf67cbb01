//! Raw sockets that ask in a connection's name, and the packet socket that sees
//! the answers: raw(7), packet(7), CAP_NET_RAW.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use ayt_core::probe::segment::Segment;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::Timespec;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, Protocol, SendFlags, SocketFlags, SocketType, bind, ipproto, sendto, socket_with,
};

use super::{Netns, narrow, packet_socket, sockopt, stamps};
use crate::error::SysError;
use crate::wire::capture::{self, Sight};
use crate::wire::packet::FourTuple;
use crate::wire::segment::{self, Ask, Carriage, LONGEST};

/// Room for what comes between two looks: a packet takes about 1 KiB of it.
const ROOM: usize = 16 << 20;

/// Bytes of a packet that are looked at: as many as the filter lets through.
const PART: usize = 256;

/// The one hop of a segment that must not leave the host.
const STAY: u8 = 1;

/// The sockets that ask and see in one namespace: one pair for any number of
/// connections. What passes is seen only after [`Self::watch`].
#[derive(Debug)]
pub struct RawSockets {
    four: Sender,
    /// A host without IPv6 has none.
    six: Option<Sender>,
    tap: OwnedFd,
    packet: Vec<u8>,
}

/// A raw socket, and where its packets go out.
#[derive(Debug)]
struct Sender {
    socket: OwnedFd,
    steered: Option<(IpAddr, u32)>,
}

impl RawSockets {
    /// Opens the sockets in a namespace.
    ///
    /// # Errors
    /// `EPERM` without CAP_NET_RAW over the namespace.
    pub fn open(ns: &Netns) -> Result<Self, SysError> {
        let opened = ns.enter(|| -> Result<Self, Errno> {
            Ok(Self {
                four: Sender::open(AddressFamily::INET)?,
                six: match Sender::open(AddressFamily::INET6) {
                    Ok(six) => Some(six),
                    Err(Errno::AFNOSUPPORT) => None,
                    Err(error) => return Err(error),
                },
                tap: {
                    let tap = open_tap()?;
                    stamps::wait();
                    tap
                },
                packet: Vec::with_capacity(LONGEST),
            })
        })?;
        opened.map_err(|error| SysError::call("open raw and packet sockets", error))
    }

    /// From now on what passes of these connections is seen, in both directions,
    /// and every ICMP error. May be called again for others.
    ///
    /// # Errors
    /// What the kernel answers.
    pub fn watch(&self, connections: &[FourTuple]) -> Result<(), SysError> {
        let program = narrow::program(connections);
        sockopt::attach_filter(self.tap.as_fd(), &program)
            .and_then(|()| packet_socket::bind_to_all(self.tap.as_fd()))
            .map_err(|error| SysError::call("watch what passes", error))
    }

    /// Sends a segment to the peer. It goes the way that the host's routes have
    /// for the connection's addresses and interface.
    ///
    /// # Errors
    /// What the kernel answers: `EPERM` where a firewall of this host drops it.
    pub fn ask(&mut self, ask: &Ask) -> Result<(), SysError> {
        let FourTuple { local, remote } = ask.connection;
        let carriage = Carriage {
            hops: ask.ttl.unwrap_or(segment::HOPS),
            id: ask.id,
        };
        self.send(local, remote, ask.interface, &ask.segment, carriage, false)
            .map_err(|error| SysError::call(format!("send a segment to {remote}"), error))
    }

    /// Sends a segment in the peer's name to this side. It does not leave the
    /// host.
    ///
    /// # Errors
    /// As [`Self::ask`]; `EADDRNOTAVAIL` where this side's address is none of
    /// the host's (transparent proxies).
    pub fn knock(
        &mut self,
        connection: &FourTuple,
        interface: u32,
        segment: &Segment,
    ) -> Result<(), SysError> {
        let FourTuple { local, remote } = *connection;
        let carriage = Carriage { hops: STAY, id: 0 };
        self.send(remote, local, interface, segment, carriage, true)
            .map_err(|error| SysError::call(format!("send a segment to this side, {local}"), error))
    }

    /// Takes what has been seen since the last call.
    pub fn drain(&mut self, mut sink: impl FnMut(Sight)) {
        let mut buffer = [0; PART];
        loop {
            match packet_socket::receive(self.tap.as_fd(), &mut buffer) {
                Ok((bytes, Some(at))) => {
                    if let Some(packet) = capture::read(bytes) {
                        sink(Sight { at, packet });
                    }
                }
                Ok((_, None)) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Nothing more; or a device has gone, which is told once.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.raw_os_error() == Some(libc::ENETDOWN) => {}
                Err(_) => return,
            }
        }
    }

    /// Waits until something has been seen, at most so long.
    pub fn wait(&self, longest: Duration) {
        let mut fds = [PollFd::new(&self.tap, PollFlags::IN)];
        let longest = Timespec {
            tv_sec: i64::try_from(longest.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: longest.subsec_nanos().into(),
        };
        // Interrupted or not, the caller looks.
        let _ = poll(&mut fds, Some(&longest));
    }

    /// Something passed and was lost because nobody took it in time.
    #[must_use]
    pub fn has_lost(&self) -> bool {
        sockopt::drops(self.tap.as_fd()).map_or(true, |drops| drops > 0)
    }

    fn send(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        interface: u32,
        segment: &Segment,
        carriage: Carriage,
        stays: bool,
    ) -> io::Result<()> {
        let (from, to) = (segment::on_the_wire(from), segment::on_the_wire(to));
        if !segment::build(from, to, segment, carriage, &mut self.packet) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let sender = match to {
            SocketAddr::V4(_) => &mut self.four,
            SocketAddr::V6(_) => self.six.as_mut().ok_or(io::ErrorKind::Unsupported)?,
        };
        // This side's address: routes may go by it, and a segment that is to
        // stay must be for an address of this host.
        let own = if stays { to.ip() } else { from.ip() };
        match sender.steer(own, interface) {
            Ok(()) => {}
            // Somebody else's address (transparent proxies): any route will do.
            Err(Errno::ADDRNOTAVAIL) if !stays => sender.steer_freely(interface)?,
            Err(error) => return Err(error.into()),
        }
        sender.send(&self.packet, to.ip(), interface)?;
        Ok(())
    }
}

impl Sender {
    /// Protocol `RAW`: packets come with their headers, and none is received.
    fn open(family: AddressFamily) -> Result<Self, Errno> {
        let socket = socket(family, SocketType::RAW, Some(ipproto::RAW))?;
        Ok(Self {
            socket,
            steered: None,
        })
    }

    /// Lets packets go out as those of this address and interface.
    fn steer(&mut self, own: IpAddr, interface: u32) -> Result<(), Errno> {
        if self.steered == Some((own, interface)) {
            return Ok(());
        }
        self.steered = None;
        self.bind(own, interface)?;
        self.steered = Some((own, interface));
        Ok(())
    }

    fn steer_freely(&mut self, interface: u32) -> Result<(), Errno> {
        self.steered = None;
        let any: IpAddr = if self.is_six()? {
            IpAddr::from([0u16; 8])
        } else {
            IpAddr::from([0u8; 4])
        };
        self.bind(any, interface)
    }

    fn is_six(&self) -> Result<bool, Errno> {
        rustix::net::sockopt::socket_domain(&self.socket)
            .map(|family| family == AddressFamily::INET6)
    }

    fn bind(&self, own: IpAddr, interface: u32) -> Result<(), Errno> {
        sockopt::bind_to_interface(self.socket.as_fd(), interface)
            .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::INVAL))?;
        bind(&self.socket, &zoned(own, interface))
    }

    fn send(&self, packet: &[u8], to: IpAddr, interface: u32) -> Result<(), Errno> {
        sendto(
            &self.socket,
            packet,
            SendFlags::DONTWAIT | SendFlags::NOSIGNAL,
            &zoned(to, interface),
        )?;
        Ok(())
    }
}

/// An address without a port, with its zone where it needs one.
fn zoned(ip: IpAddr, interface: u32) -> SocketAddr {
    match ip {
        IpAddr::V4(four) => SocketAddrV4::new(four, 0).into(),
        IpAddr::V6(six) => {
            let zone = if segment::is_link_local(ip) {
                interface
            } else {
                0
            };
            SocketAddrV6::new(six, 0, 0, zone).into()
        }
    }
}

/// It receives nothing until it is bound, with its filter in place.
fn open_tap() -> Result<OwnedFd, Errno> {
    let tap = socket(AddressFamily::PACKET, SocketType::DGRAM, None)?;
    sockopt::set_timestamps(tap.as_fd())
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::INVAL))?;
    // Without the right the default stays.
    let _ = rustix::net::sockopt::set_socket_recv_buffer_size_force(&tap, ROOM);
    Ok(tap)
}

fn socket(
    family: AddressFamily,
    kind: SocketType,
    protocol: Option<Protocol>,
) -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    socket_with(family, kind, flags, protocol)
}
