//! The connection's numbers: learnt from its own kernel before the first ask,
//! kept up by what is seen of it from then on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ayt_core::facts::Socket;
use ayt_core::probe::engine::repair_ready_in;
use ayt_core::probe::segment::Segment;
use ayt_core::probe::{Exchange, Knock};
use ayt_core::trace::{Ask, Peer};
use ayt_sys::wire::capture::{Captured, IcmpKind};
use ayt_sys::wire::diag;
use ayt_sys::wire::packet::FourTuple;
use ayt_sys::wire::request::SocketName;
use ayt_sys::{NoSocket, RawSockets};

use super::TraceError;
use crate::clock::Clock;
use crate::places::Place;

/// How long a kernel that was knocked at may take to answer.
const LEARN: Duration = Duration::from_millis(2);

/// When it is tried again: a kernel that has just answered somebody else's knock
/// is mute for half a second.
const AGAIN: Duration = Duration::from_millis(100);

/// How often.
const TRIES: u32 = 20;

/// How long a neighbour is looked for before the kernel gives up: three asks, a second
/// apart (`mcast_solicit`, `retrans_time`), and as much again for a busy host.
const RESOLVE: Duration = Duration::from_secs(4);

/// Headers of a TCP/IP packet without options of ours: IPv4 and IPv6.
const HEADERS: [u32; 2] = [40, 60];

/// A timestamps option with its padding.
const TIMESTAMPS: u32 = 12;

/// A look at the socket.
pub(super) enum Row {
    There {
        /// The kernel keeps an account of it.
        whole: bool,
        /// Bytes sent and not acknowledged, or not yet sent.
        in_flight: u32,
        /// Of them those not yet sent.
        unsent: u32,
        /// Path MTU as the connection knows it, bytes.
        pmtu: Option<u32>,
        /// Before this the peer would not answer: somebody has just asked.
        mute: Duration,
        /// Milliseconds since TCP has got anything from the peer, where it keeps
        /// an account.
        heard_ms: Option<u32>,
    },
    Gone,
}

pub(super) fn look(place: &mut Place, socket: &Socket) -> Result<Row, TraceError> {
    let mut row = Ok(Row::Gone);
    let name: SocketName = socket.into();
    let answered = place.diag.get_many(&[name], |_, answer| {
        row = match answer {
            Ok(payload) => match diag::socket(payload, socket.ns) {
                Ok(Some(found)) if found.state.has_peer() => Ok(Row::There {
                    whole: found.tcp.is_some(),
                    in_flight: found.send_queue,
                    unsent: found.tcp.and_then(|tcp| tcp.notsent_bytes).unwrap_or(0),
                    pmtu: found.tcp.map(|tcp| tcp.pmtu),
                    mute: found.tcp.as_ref().map_or(Duration::ZERO, repair_ready_in),
                    heard_ms: found.tcp.map(|tcp| tcp.heard_ms()),
                }),
                Ok(_) => Ok(Row::Gone),
                Err(error) => Err(TraceError::Failed(error.to_string())),
            },
            Err(NoSocket::Gone | NoSocket::Replaced) => Ok(Row::Gone),
            Err(NoSocket::Failed(error)) => Err(TraceError::Failed(error.to_string())),
        };
    });
    answered.map_err(|error| TraceError::of(&error, "look at the connection"))?;
    row
}

/// What asks are made like.
pub(super) struct Base {
    /// An ask with the number right below what the peer has acknowledged.
    pub(super) like: Segment,
    pub(super) peer: Peer,
    flow_label: u32,
    pub(super) pmtu: u32,
    /// It has ended since.
    pub(super) gone: bool,
}

impl Base {
    /// The segment for an ask. Its flow label is the first that was seen: routers
    /// with several paths may choose by it.
    pub(super) fn segment(&self, ask: &Ask, six: bool) -> Segment {
        let stamps = self.like.timestamps.map_or(0, |_| TIMESTAMPS);
        let headers = HEADERS[usize::from(six)] + stamps;
        let payload = ask
            .size
            .map_or(0, |size| u32::from(size).saturating_sub(headers));
        let end = self.like.seq.wrapping_add(1).wrapping_sub(ask.below);
        Segment {
            seq: end.wrapping_sub(payload),
            payload,
            flow_label: self.flow_label,
            ..self.like
        }
    }

    /// The numbers may have gone on. `row` must have been looked at after all
    /// that `exchange` has seen: then they lie below what is acknowledged,
    /// whatever is sent meanwhile.
    pub(super) fn renew(&mut self, exchange: &mut Exchange, in_flight: u32) {
        self.like = exchange.ask(in_flight).0;
    }
}

/// Has the connection's kernel show its numbers.
pub(super) fn learn(
    place: &mut Place,
    sockets: &mut RawSockets,
    exchange: &mut Exchange,
    socket: &Socket,
    connection: &FourTuple,
    stop: &AtomicBool,
) -> Result<Base, TraceError> {
    let (mut dropped, mut no_neighbour) = (false, false);
    if let Row::There { mute, .. } = look(place, socket)?
        && !mute.is_zero()
    {
        std::thread::sleep(mute);
    }
    let clock = Clock::start();
    let mut nth = 0;
    // What the kernel would show waits for the hardware address of the next hop.
    while nth < TRIES || (!dropped && clock.now() < RESOLVE) {
        if nth > 0 {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            sockets.wait(AGAIN);
        }
        nth += 1;
        let Row::There { whole, .. } = look(place, socket)? else {
            return Err(TraceError::Gone);
        };
        let knocks: &[Knock] = if whole {
            // Connection tracking on this host lets one of both pass.
            &[Knock::SynAck, Knock::Syn]
        } else {
            &[Knock::Ack]
        };
        for how in knocks {
            let knock = exchange.knock(*how);
            dropped |= sockets.knock(connection, socket.interface, &knock).is_err();
            no_neighbour |= take_own(sockets, exchange, connection);
            if exchange.has_learnt() {
                break;
            }
        }
        if !exchange.has_learnt() {
            sockets.wait(LEARN);
            no_neighbour |= take_own(sockets, exchange, connection);
        }
        if no_neighbour && !exchange.has_learnt() {
            return Err(TraceError::NoWay(format!(
                "nobody answers ARP or neighbour discovery for its next hop; `ip route get {}` \
                 names that hop, `ip neigh` its state",
                connection.remote.ip()
            )));
        }
        if !exchange.has_learnt() {
            continue;
        }
        // After all that was seen of it. What showed the numbers went out to the
        // peer: where that has forgotten the connection, its RST has ended it.
        let (in_flight, unsent, pmtu, gone) = match look(place, socket)? {
            Row::There {
                in_flight,
                unsent,
                pmtu,
                ..
            } => (in_flight, unsent, pmtu, false),
            Row::Gone => (0, 0, None, true),
        };
        let (like, _) = exchange.ask(in_flight);
        let latest = Segment {
            seq: like.seq.wrapping_add(1).wrapping_add(in_flight),
            ..like
        };
        return Ok(Base {
            like,
            peer: Peer::new(&latest, in_flight.saturating_sub(unsent)),
            flow_label: like.flow_label,
            gone,
            pmtu: pmtu.filter(|pmtu| *pmtu > 0).unwrap_or(1_500),
        });
    }
    Err(TraceError::Numbers(if dropped {
        "a firewall rule of this host drops what asks for them"
    } else {
        "it shows none: a firewall of this host, or an address that is translated on it"
    }))
}

/// Takes what was seen; before the first ask only this side's segments matter. Whether
/// this host itself says that one of them cannot be delivered: the next hop does not
/// answer (RFC 1122 2.3.2.1, RFC 4861 7.2.2), and none of them was ever on the wire.
fn take_own(sockets: &mut RawSockets, exchange: &mut Exchange, connection: &FourTuple) -> bool {
    let mut no_neighbour = false;
    sockets.drain(|sight| match sight.packet {
        Captured::Segment {
            from, to, segment, ..
        } if (from, to) == (connection.local, connection.remote) => {
            exchange.on_sent(sight.at, &segment);
        }
        Captured::Error(error)
            if error.connection == *connection && error.from == connection.local.ip() =>
        {
            // Host, and over IPv6 address, unreachable.
            let code = if connection.local.is_ipv4() { 1 } else { 3 };
            no_neighbour |= error.kind == IcmpKind::Unreachable { code };
        }
        _ => {}
    });
    no_neighbour
}
