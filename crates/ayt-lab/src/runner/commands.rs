//! Servers and clients of other people: any two commands, watched from outside.
//!
//! When each side notices is what its kernel says of the connection, asked every
//! [`LOOKS`] by sock_diag: the programs are not touched. A program that holds on to a
//! connection whose end its kernel knows (CLOSE_WAIT) has not closed, and that is told.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ayt_core::cause::Cause;
use ayt_core::facts::{Cookie, Socket, TcpInfo};
use ayt_core::tcp_state::TcpState;

use super::Bed;
use crate::clock;
use crate::error::LabError;
use crate::faults::Fault;
use crate::log::{Log, Record};
use crate::packet::{Flags, Side};
use crate::scenario::Cell;

/// How often the kernels are asked: no time is known better than that.
pub const LOOKS: Duration = Duration::from_millis(10);

/// A server and a client, as a shell takes them. `{port}` and `{address}` are those on
/// which the server is to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commands {
    /// The server.
    pub server: String,
    /// The client.
    pub client: String,
}

/// What a side did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noticed {
    /// Which.
    pub side: Side,
    /// When its kernel knew of the end, after the fault; `None`: it did not.
    pub after: Option<Duration>,
    /// Which end, by what its kernel counted and the wire carried.
    pub cause: Option<Cause>,
    /// When the program had closed, after the fault; `None`: it holds it still.
    pub closed: Option<Duration>,
}

/// What came of a fault between two commands.
#[derive(Debug, Clone)]
pub struct Trial {
    /// Server and client.
    pub sides: [Noticed; 2],
    /// When the fault was inflicted, in the lab's time.
    pub zero: Duration,
    /// Every packet on the wire that its log still had.
    pub records: Vec<Record>,
    /// Packets that the log had to forget.
    pub forgotten: u64,
}

/// The faults that need nothing of the programs.
pub const FAULTS: &[Fault] = &[
    Fault::SilentDrop,
    Fault::DropToPeer,
    Fault::DropFromPeer,
    Fault::CarrierPeer,
    Fault::CarrierOwn,
    Fault::LinkDownOwn,
    Fault::IcmpHost,
    Fault::IcmpAdmin,
    Fault::IcmpPort,
    Fault::RouterReset,
    Fault::Crash,
    Fault::Shutdown,
    Fault::PeerKilled,
    Fault::PeerFrozen,
    Fault::PeerRebooted,
];

/// Starts both, waits until they are connected, inflicts the cell's fault (the client
/// is the peer), and watches both for `watch`.
///
/// # Errors
/// When a command does not start, or they do not connect.
pub fn try_commands(
    cell: &Cell,
    commands: &Commands,
    watch: Duration,
    stop: &AtomicBool,
) -> Result<Trial, LabError> {
    let bed = Bed::of_commands(cell, commands)?;
    let before = Side::BOTH.map(|side| connection(&bed, side));
    let [server, client] = before;
    let mut tracks = [
        Track::new(&bed, Side::A, server?)?,
        Track::new(&bed, Side::B, client?)?,
    ];
    let zero = (cell.fault.spec().inflict)(&bed)?;
    while clock::now() < zero + watch && !stop.load(Ordering::Relaxed) {
        for track in &mut tracks {
            track.look(&bed)?;
        }
        if tracks.iter().all(|track| track.closed.is_some()) {
            break;
        }
        std::thread::sleep(LOOKS);
    }
    Ok(Trial {
        sides: tracks.map(|track| track.told(&bed, zero)),
        zero,
        records: bed.wire.log(|log| log.records().cloned().collect()),
        forgotten: bed.wire.log(Log::forgotten),
    })
}

/// A side's end of the connection with the most bytes: the one that is in use.
fn connection(bed: &Bed, side: Side) -> Result<Socket, LabError> {
    let open = |socket: &Socket| socket.state == TcpState::Established;
    let bytes = |socket: &Socket| socket.tcp.and_then(|tcp| tcp.bytes_received);
    let sockets = bed.sockets(side)?.into_iter().filter(open);
    let on_wire = sockets.filter(|socket| !socket.local.ip().is_loopback());
    on_wire.max_by_key(bytes).ok_or_else(|| {
        let remedy = "let the server listen on {address} and {port}, and the client connect there";
        LabError::other("the commands", "they do not connect", Some(remedy))
    })
}

/// One side's end, looked at again and again.
struct Track {
    side: Side,
    cookie: Cookie,
    remote: SocketAddr,
    /// Of the host's network namespace: after a reboot it is another.
    host: u64,
    last: Option<TcpInfo>,
    noticed: Option<Duration>,
    closed: Option<Duration>,
    fin: bool,
    /// Its program was the first to close.
    closing: bool,
}

impl Track {
    fn new(bed: &Bed, side: Side, socket: Socket) -> Result<Self, LabError> {
        Ok(Self {
            side,
            cookie: socket.cookie,
            remote: socket.remote,
            host: bed.host(side).inode(),
            last: socket.tcp,
            noticed: None,
            closed: None,
            fin: false,
            closing: false,
        })
    }

    fn look(&mut self, bed: &Bed) -> Result<(), LabError> {
        if self.closed.is_some() {
            return Ok(());
        }
        if bed.host(self.side).inode() != self.host {
            // Its kernel is gone, and with it whoever could notice.
            self.closed = Some(clock::now());
            return Ok(());
        }
        let sockets = bed.sockets(self.side)?;
        let now = clock::now();
        let found: BTreeMap<Cookie, Socket> = sockets
            .into_iter()
            .map(|socket| (socket.cookie, socket))
            .collect();
        match found.get(&self.cookie) {
            Some(socket) if socket.state == TcpState::Established => self.last = socket.tcp,
            Some(socket) if socket.state == TcpState::CloseWait => {
                self.fin = true;
                self.noticed.get_or_insert(now);
            }
            // The program closes, or the kernel has ended it.
            other => {
                // Its FIN may still wait behind data that nobody acknowledges.
                self.closing |= other.is_some() && !self.fin;
                self.noticed.get_or_insert(now);
                self.closed = Some(now);
            }
        }
        Ok(())
    }

    fn told(self, bed: &Bed, zero: Duration) -> Noticed {
        let rebooted = bed.host(self.side).inode() != self.host;
        let noticed = self.noticed.filter(|_| !rebooted);
        Noticed {
            side: self.side,
            after: noticed.map(|at| at.saturating_sub(zero)),
            cause: noticed.map(|at| self.cause(bed, at)),
            closed: self
                .closed
                .filter(|_| !rebooted)
                .map(|at| at.saturating_sub(zero)),
        }
    }

    /// What was on the wire decides, then what the kernel had counted. An end that this
    /// side sent first is its own, whatever the peer answers to it.
    fn cause(&self, bed: &Bed, noticed: Duration) -> Cause {
        let first = |wanted: fn(&Flags) -> bool, mine: bool| {
            let is_it = |record: &Record| {
                let at = match mine {
                    true => (record.direction.sender() == self.side).then_some(record.at),
                    false => (record.direction.receiver() == self.side)
                        .then(|| record.delivered_at())
                        .flatten(),
                };
                let flow = match mine {
                    true => record.summary.flow().map(|flow| flow.destination),
                    false => record.delivered_summary().flow().map(|flow| flow.source),
                };
                let carries = record.tcp().is_some_and(|tcp| wanted(&tcp.flags));
                at.filter(|at| carries && flow == Some(self.remote) && *at <= noticed)
            };
            bed.wire.log(|log| log.records().filter_map(is_it).min())
        };
        let ended = |flags: &Flags| flags.fin || flags.rst;
        let own = first(ended, true).unwrap_or(Duration::MAX);
        let closes = first(|flags| flags.fin, true) == Some(own);
        let came = |wanted| first(wanted, false).is_some_and(|at| at < own);
        let counted = self.last.unwrap_or_default();
        if came(|flags| flags.rst) {
            Cause::PeerReset
        } else if self.fin || came(|flags| flags.fin) {
            Cause::PeerClosed
        } else if closes || self.closing {
            // The program did, for reasons of its own; a kernel that gives up sends RST.
            Cause::LocalClose
        } else if counted.retransmits > 0 {
            Cause::RetransmitTimeout
        } else if counted.probes > 0 {
            Cause::KeepaliveTimeout
        } else {
            Cause::LocalClose
        }
    }
}
