//! An old segment that comes late, when its pair of addresses and ports is in use again.
//!
//! Sequence numbers begin where a clock is that counts 64 ns (RFC 6528,
//! `secure_tcp_seq`), so a connection that has sent faster than that has numbers ahead of
//! its successor's. So must the numbers that it acknowledges be, or the kernel knows an
//! old segment by those (RFC 5961, 5.2): the server sends back all that it reads.
//! Timestamps are off: with them old segments are known by those (RFC 7323, PAWS).

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::pair::Pair;
use super::scene::{Scene, did, errno};
use crate::clock;
use crate::error::LabError;
use crate::packet::{Direction, Packet, Side};
use crate::stage::{Stage, Verdict};
use crate::sync::lock;
use crate::wire::Place;

/// The client's port, both times.
const PORT: u16 = 41_007;
/// The clock of sequence numbers, counts a second.
const ISN_RATE: f64 = 1e9 / 64.0;
/// How much later the second connection begins than the first has sent everything, at
/// most.
const LATER: f64 = 0.8;
/// More than this is not sent to get ahead.
const MOST: usize = 256 << 20;
const CHUNK: usize = 64 << 10;
/// What is sent last on the first connection, and comes late.
const OLD: usize = 1_000;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reuse {
    /// The kernel did not let the pair be used again.
    Refused(String),
    /// It was, and so many bytes of the first connection were read on the second, while
    /// it had sent none of its own there.
    Read(usize),
    /// The wire was too slow to get ahead of the clock.
    TooSlow,
}

/// Takes a segment out, to bring it back later.
#[derive(Debug, Default)]
struct Took {
    armed: AtomicBool,
    /// Its numbers, its own and what it acknowledges, and all of it.
    segment: Mutex<Option<(u32, u32, Vec<u8>)>>,
}

#[derive(Debug)]
struct Take(Arc<Took>);

impl Stage for Take {
    fn name(&self) -> &'static str {
        "late"
    }

    fn pass(&mut self, _now: Duration, direction: Direction, packet: &mut Packet) -> Verdict {
        let data = packet.tcp().is_some_and(|tcp| tcp.payload > 0);
        let mine = direction.sender() == Side::B && data;
        if !mine || !self.0.armed.swap(false, Ordering::AcqRel) {
            return Verdict::Pass;
        }
        let (seq, ack) = packet.tcp().map_or((0, 0), |tcp| (tcp.seq, tcp.ack));
        *lock(&self.0.segment) = Some((seq, ack, packet.bytes().to_vec()));
        Verdict::Drop { why: "comes later" }
    }
}

/// Brings it back.
#[derive(Debug)]
struct Bring(Option<(Duration, Vec<u8>)>);

impl Stage for Bring {
    fn name(&self) -> &'static str {
        "late"
    }

    fn pass(&mut self, _now: Duration, _direction: Direction, _packet: &mut Packet) -> Verdict {
        Verdict::Pass
    }

    fn due(&self) -> Option<Duration> {
        self.0.as_ref().map(|(at, _)| *at)
    }

    fn tick(&mut self, _now: Duration) -> Vec<(Direction, Vec<u8>)> {
        let brought = self.0.take();
        let way = Direction::from(Side::B);
        brought.into_iter().map(|(_, bytes)| (way, bytes)).collect()
    }
}

/// Two connections of one pair of addresses and ports, and a segment of the first that
/// arrives in the second.
pub(super) fn reuse(scene: &Scene<'_>, buckets: Option<&str>) -> Result<Reuse, LabError> {
    let pair = scene.pair()?;
    for host in [&pair.server, &pair.client] {
        host.set_sysctl("net.ipv4.tcp_timestamps", "0")?;
    }
    if let Some(buckets) = buckets {
        pair.client
            .set_sysctl("net.ipv4.tcp_max_tw_buckets", buckets)?;
    }
    let took = Arc::<Took>::default();
    pair.wire.insert(Place::NextToB, Take(Arc::clone(&took)))?;
    let listener = pair.listen()?;
    let began = clock::now();
    let (client, server) = connect(&pair, &listener)?;
    let mut client = did("connect", client)?;
    let server = server.ok_or_else(|| LabError::other("the server", "no connection", None))?;
    let watched = did("duplicate", server.try_clone())?;
    let echo = echo(server);
    let back = did("duplicate", client.try_clone())?;
    let back = std::thread::spawn(move || read_some(back, usize::MAX));
    let ahead = |sent: usize, more: f64| {
        sent as f64 > ((clock::now() - began).as_secs_f64() + more) * ISN_RATE
    };
    let chunk = vec![b'o'; CHUNK];
    let mut sent = 0;
    while buckets.is_some() && !ahead(sent, LATER) {
        if sent > MOST {
            return Ok(Reuse::TooSlow);
        }
        did("send", client.write_all(&chunk))?;
        sent += CHUNK;
    }
    acknowledged(scene, &client)?;
    acknowledged(scene, &watched)?;
    drop(watched);
    took.armed.store(true, Ordering::Release);
    did("send", client.write_all(&[b'o'; OLD]))?;
    // It is sent again, and arrives.
    acknowledged(scene, &client)?;
    did("shutdown", client.shutdown(Shutdown::Write))?;
    let _ = (echo.join(), back.join());
    drop(client);
    let Some((seq, ack, bytes)) = lock(&took.segment).take() else {
        return Err(LabError::other("the wire", "nothing was taken out", None));
    };
    let (client, server) = connect(&pair, &listener)?;
    let client = match client {
        Ok(client) => client,
        Err(error) => return Ok(Reuse::Refused(errno(&error))),
    };
    let mut server = server.ok_or_else(|| LabError::other("the server", "no connection", None))?;
    // The numbers of both are to come just up to the old ones.
    for (side, old, from, to) in [
        (Side::B, seq, &client, &server),
        (Side::A, ack, &server, &client),
    ] {
        let gap = old.wrapping_sub(first_number(&pair, side)?) as i32;
        let Ok(gap) = usize::try_from(gap) else {
            return Ok(Reuse::TooSlow);
        };
        fill(scene, from, to, gap)?;
    }
    let bring = Bring(Some((clock::now(), bytes)));
    pair.wire.insert(Place::NextToB, bring)?;
    let _ = server.set_read_timeout(Some(Duration::from_secs(2)));
    let mut buffer = vec![0; CHUNK];
    let count = server.read(&mut buffer).unwrap_or_default();
    let olds = buffer[..count].iter().filter(|byte| **byte == b'o').count();
    Ok(Reuse::Read(olds))
}

type Ends = (std::io::Result<TcpStream>, Option<TcpStream>);

/// From the one port; the server's end only where the client's is there.
fn connect(pair: &Pair, listener: &TcpListener) -> Result<Ends, LabError> {
    let to = did("look", listener.local_addr())?;
    let from = SocketAddr::from((pair.wire.v4(Side::B), PORT));
    let client = pair.client.enter(|| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.bind(&SockAddr::from(from))?;
        socket.connect(&SockAddr::from(to))?;
        Ok(TcpStream::from(socket))
    })?;
    let server = match client {
        Ok(_) => Some(did("accept", listener.accept())?.0),
        Err(_) => None,
    };
    Ok((client, server))
}

/// The number of the first byte of the newest connection, of one side.
fn first_number(pair: &Pair, side: Side) -> Result<u32, LabError> {
    let found = pair.wire.log(|log| {
        let mut sent = log.records().rev();
        sent.find_map(|record| {
            let tcp = record.tcp()?;
            let first = record.direction.sender() == side && tcp.flags.syn;
            first.then_some(tcp.seq.wrapping_add(1))
        })
    });
    found.ok_or_else(|| LabError::other("the wire", "no SYN was seen", None))
}

/// Sends so many bytes of the second connection, and lets them be read.
fn fill(
    scene: &Scene<'_>,
    mut from: &TcpStream,
    to: &TcpStream,
    count: usize,
) -> Result<(), LabError> {
    let to = did("duplicate", to.try_clone())?;
    let reader = std::thread::spawn(move || read_some(to, count));
    let chunk = vec![b'n'; CHUNK];
    let mut left = count;
    while left > 0 {
        let now = left.min(CHUNK);
        did("send", from.write_all(&chunk[..now]))?;
        left -= now;
    }
    acknowledged(scene, from)?;
    let _ = reader.join();
    Ok(())
}

/// Waits until all is.
fn acknowledged(scene: &Scene<'_>, stream: &TcpStream) -> Result<(), LabError> {
    let all = scene.until(Duration::from_secs(10), || {
        let now = ayt_sys::own::at_end(stream);
        let now = now.map_err(|error| LabError::kernel("the socket", error))?;
        Ok(now.tcp.unacked == 0 && now.tcp.notsent_bytes.unwrap_or_default() == 0)
    })?;
    match all {
        true => Ok(()),
        false => Err(LabError::other(
            "the client",
            "what it sends does not arrive",
            None,
        )),
    }
}

/// Sends back what it reads, and closes at the end.
fn echo(mut stream: TcpStream) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = vec![0; CHUNK];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            if stream.write_all(&buffer[..count]).is_err() {
                return;
            }
        }
    })
}

/// Reads so many bytes, or to the end.
fn read_some(mut stream: TcpStream, count: usize) {
    let mut left = count;
    let mut buffer = vec![0; CHUNK];
    while left > 0 {
        let most = left.min(CHUNK);
        match stream.read(&mut buffer[..most]) {
            Ok(read @ 1..) => left -= read,
            Ok(0) | Err(_) => return,
        }
    }
}
