//! Two hosts and a wire, with sockets that the lab itself holds on them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use ayt_core::facts::Socket;
use ayt_core::tcp_state::TcpState;

use super::scene::did;
use crate::clock;
use crate::error::LabError;
use crate::host::Host;
use crate::log::{Fate, Record};
use crate::packet::Side;
use crate::runner::{self, sockets_of};
use crate::wire::Wire;

/// A delayed acknowledgement waits for 40 ms.
const QUIET: Duration = Duration::from_millis(60);
/// For what happens at once, on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// A server's host (A), a client's (B), and what joins them.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) wire: Wire,
    pub(super) server: Host,
    pub(super) client: Host,
}

impl Pair {
    pub(super) fn make() -> Result<Self, LabError> {
        let (server, client) = (Host::new("server")?, Host::new("client")?);
        let wire = Wire::join(&server, &client)?;
        Ok(Self {
            wire,
            server,
            client,
        })
    }

    pub(super) const fn host(&self, side: Side) -> &Host {
        match side {
            Side::A => &self.server,
            Side::B => &self.client,
        }
    }

    /// A listener on the server's host.
    pub(super) fn listen(&self) -> Result<TcpListener, LabError> {
        let at = (self.wire.v4(Side::A), 0);
        did("listen", self.server.enter(|| TcpListener::bind(at))?)
    }

    /// A connection from the client's host.
    pub(super) fn connect(&self, to: SocketAddr) -> Result<TcpStream, LabError> {
        did("connect", self.try_connect(to)?)
    }

    /// The same, with what the kernel answers.
    pub(super) fn try_connect(
        &self,
        to: SocketAddr,
    ) -> Result<std::io::Result<TcpStream>, LabError> {
        self.client.enter(|| {
            let stream = TcpStream::connect_timeout(&to, PATIENCE)?;
            stream.set_nodelay(true)?;
            Ok(stream)
        })
    }

    /// Both ends of a new connection, server's and client's, over which both have
    /// spoken.
    pub(super) fn connection(
        &self,
        listener: &TcpListener,
    ) -> Result<(TcpStream, TcpStream), LabError> {
        let mut client = self.connect(did("look", listener.local_addr())?)?;
        let (mut server, _) = did("accept", listener.accept())?;
        let mut bytes = [0; 5];
        did("greet", client.write_all(b"hello"))?;
        did("hear", server.read_exact(&mut bytes))?;
        did("answer", server.write_all(b"hello"))?;
        did("hear", client.read_exact(&mut bytes))?;
        Ok((server, client))
    }

    /// Waits until nothing has been on the wire for longer than any acknowledgement is
    /// held back.
    pub(super) fn quiet(&self) {
        let give_up = clock::now() + PATIENCE;
        loop {
            let last = self.wire.log(|log| log.records().next_back().map(|r| r.at));
            let now = clock::now();
            let quiet = now.saturating_sub(last.unwrap_or_default());
            if quiet >= QUIET || now > give_up {
                return;
            }
            std::thread::sleep(QUIET - quiet);
        }
    }

    /// When the last segment reached a socket of one side, by its port.
    pub(super) fn heard(&self, side: Side, port: u16) -> Option<Duration> {
        self.wire.log(|log| {
            let mut arrived = log.records().rev().filter(|record| {
                record.direction.receiver() == side
                    && record.tcp().is_some_and(|tcp| tcp.destination == port)
            });
            arrived.find_map(Record::delivered_at)
        })
    }

    /// The longest time that a packet was on the wire since then.
    pub(super) fn late(&self, since: Duration) -> Duration {
        let on_it = |record: &Record| match record.fate {
            Fate::Delivered { at } | Fate::Dropped { at, .. } => at.saturating_sub(record.at),
            Fate::UnderWay => Duration::ZERO,
        };
        self.wire.log(|log| {
            let records = log.records().filter(|record| record.at >= since);
            records.map(on_it).max().unwrap_or_default()
        })
    }

    /// The segments of one side from number `mark` on that are such.
    pub(super) fn segments(
        &self,
        from: Side,
        mark: u64,
        such: impl Fn(&crate::packet::Tcp) -> bool,
    ) -> usize {
        self.wire.log(|log| {
            let sent = log.since(mark).filter(|record| {
                record.direction.sender() == from && record.tcp().is_some_and(&such)
            });
            sent.count()
        })
    }

    pub(super) fn sockets(&self, side: Side) -> Result<Vec<Socket>, LabError> {
        sockets_of(self.host(side))
    }

    /// How many sockets of a side are in a state.
    pub(super) fn count(&self, side: Side, state: TcpState) -> Result<usize, LabError> {
        let sockets = self.sockets(side)?;
        Ok(sockets.iter().filter(|one| one.state == state).count())
    }

    /// The client's host loses its power and comes back, ready to send.
    pub(super) fn reboot_client(&self) -> Result<(), LabError> {
        runner::reboot(&self.client, &self.wire, Side::B).map(drop)
    }
}
