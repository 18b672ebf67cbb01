//! Two hosts, a wire, and a connection between them.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use ayt_lab::log::Record;
use ayt_lab::{Direction, Host, Side, Wire};
use ayt_testbed::Need;
use nix::sys::socket::{setsockopt, sockopt as options};
use rustix::net::sockopt;

pub(crate) type Done = Result<(), Box<dyn Error>>;

/// For what should happen at once, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Bed {
    pub(crate) a: Host,
    pub(crate) b: Host,
    pub(crate) wire: Wire,
}

/// A connection from A (the client) to B (the server).
pub(crate) struct Pair {
    pub(crate) client: TcpStream,
    pub(crate) server: TcpStream,
}

impl Bed {
    /// None where the machine lacks what it takes; said by [`Need`].
    pub(crate) fn new() -> Result<Option<Self>, Box<dyn Error>> {
        if !Need::root() {
            return Ok(None);
        }
        let (a, b) = (Host::new("a")?, Host::new("b")?);
        let wire = Wire::join(&a, &b)?;
        Ok(Some(Self { a, b, wire }))
    }

    pub(crate) fn listen(&self, six: bool) -> Result<TcpListener, Box<dyn Error>> {
        let address: IpAddr = if six {
            self.wire.v6(Side::B).into()
        } else {
            self.wire.v4(Side::B).into()
        };
        Ok(self.b.enter(|| TcpListener::bind((address, 0)))??)
    }

    pub(crate) fn connect(&self, six: bool) -> Result<Pair, Box<dyn Error>> {
        let listener = self.listen(six)?;
        let address = listener.local_addr()?;
        let client = self
            .a
            .enter(|| TcpStream::connect_timeout(&address, PATIENCE))??;
        let (server, _) = listener.accept()?;
        for stream in [&client, &server] {
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_nodelay(true)?;
        }
        Ok(Pair { client, server })
    }
}

impl Bed {
    /// Waits until what B sent last has been acknowledged: with data in flight
    /// keepalive is silent, and retransmission decides.
    pub(crate) fn all_acknowledged(&self) {
        let last = self.wire.log(|log| {
            let sent = log.records().filter(|r| r.direction == Direction::BtoA);
            sent.filter_map(|record| record.tcp().map(|tcp| tcp.end()))
                .next_back()
        });
        let acknowledged = self.wire.wait_for(0, PATIENCE, |record| {
            let is_ack = record.tcp().map(|tcp| tcp.ack) == last;
            is_ack && record.direction == Direction::AtoB && record.delivered_at().is_some()
        });
        assert!(acknowledged.is_some(), "nobody acknowledges");
    }
}

impl Pair {
    /// Data flows both ways.
    pub(crate) fn talk(&mut self) -> io::Result<()> {
        let mut heard = [0; 4];
        self.client.write_all(b"ping")?;
        self.server.read_exact(&mut heard)?;
        assert_eq!(&heard, b"ping");
        self.server.write_all(b"pong")?;
        self.client.read_exact(&mut heard)?;
        assert_eq!(&heard, b"pong");
        Ok(())
    }

    pub(crate) fn keepalive(stream: &TcpStream, i: u64, v: u64, n: u32) -> io::Result<()> {
        sockopt::set_tcp_keepidle(stream, Duration::from_secs(i))?;
        sockopt::set_tcp_keepintvl(stream, Duration::from_secs(v))?;
        sockopt::set_tcp_keepcnt(stream, n)?;
        Ok(sockopt::set_socket_keepalive(stream, true)?)
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.client.local_addr()
    }
}

/// Asks the kernel to tell a socket of ICMP errors at once (`IP_RECVERR`).
pub(crate) fn hear_errors(socket: &impl std::os::fd::AsFd, six: bool) -> io::Result<()> {
    if six {
        setsockopt(socket, options::Ipv6RecvErr, &true)?;
    } else {
        setsockopt(socket, options::Ipv4RecvErr, &true)?;
    }
    Ok(())
}

/// The error a read ends with, and when, in the lab's time.
pub(crate) fn death(mut stream: &TcpStream) -> (Option<i32>, Duration) {
    let error = match stream.read(&mut [0; 16]) {
        Ok(count) => panic!("{count} bytes instead of an error"),
        Err(error) => error,
    };
    (error.raw_os_error(), ayt_lab::clock::now())
}

pub(crate) fn with_data(direction: Direction) -> impl FnMut(&Record) -> bool {
    move |record| record.direction == direction && record.tcp().is_some_and(|tcp| tcp.payload > 0)
}

pub(crate) fn settled(record: &Record) -> bool {
    record.delivered_at().is_some() || record.is_dropped()
}
