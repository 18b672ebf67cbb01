//! TIME_WAIT, and ports that run out.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use ayt_core::keepalive::Span;
use ayt_core::tcp_state::TcpState;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::pair::Pair;
use super::scene::{did, errno};
use super::{Claim, Scene, claim};
use crate::clock;
use crate::error::LabError;
use crate::packet::Side;

pub(super) const CLAIM: Claim = Claim {
    folk: Some(
        "tcp_tw_recycle, few tcp_max_tw_buckets or SO_REUSEADDR cure a client whose ports \
         are all in TIME_WAIT.",
    ),
    show: Some(show),
    ..claim(
        "S15",
        "Who closes first keeps TIME_WAIT. tcp_tw_reuse = 1 lets outgoing connections reuse \
         a port after a second, by timestamps. recycle is gone; few buckets drop TIME_WAIT \
         itself (S26); SO_REUSEADDR does nothing for ports that the kernel chooses.",
    )
};

/// As many as the client's host has.
const PORTS: usize = 10;
const RANGE: &str = "net.ipv4.ip_local_port_range";
const REUSE: &str = "net.ipv4.tcp_tw_reuse";

fn show(scene: &mut Scene<'_>) -> Result<(), LabError> {
    let pair = scene.pair()?;
    let listener = pair.listen()?;
    let address = did("look", listener.local_addr())?;
    pair.client.set_sysctl(RANGE, "40000 40009")?;
    let began = clock::now();
    for _ in 0..PORTS {
        close_first(pair.connection(&listener)?);
    }
    let full = scene.until(Duration::from_secs(5), || {
        Ok(pair.count(Side::B, TcpState::TimeWait)? == PORTS)
    })?;
    let server = pair.count(Side::A, TcpState::TimeWait)?;
    let text = format!("the client closes {PORTS} first: {PORTS} TIME_WAIT there, {server} here");
    scene.fact(full && server == 0, text);
    let usual = pair.client.sysctl(REUSE)?;
    let none = answer(pair.try_connect(address)?);
    let text = format!("no port is left (tcp_tw_reuse = {usual}): connect answers {none}");
    scene.fact(none == "EADDRNOTAVAIL", text);
    let plain = answer(reused_stream(&pair, address, None)?);
    pair.client.set_sysctl(REUSE, "1")?;
    let mut kept = None;
    scene.until(Duration::from_secs(5), || {
        kept = pair.try_connect(address)?.ok();
        Ok(kept.is_some())
    })?;
    // Older kernels count whole seconds; none lets a younger one go. What comes before
    // that takes time as well.
    let span = Span {
        earliest: Duration::from_millis(900),
        latest: Duration::from_millis(3_500),
    };
    let text = "tcp_tw_reuse = 1: connected, from the first close on,";
    match kept {
        Some(_) => scene.timed(&pair, text, clock::now() - began, span, began),
        None => scene.fact(false, format!("{text}: not within 5 s")),
    }
    pair.client.set_sysctl(REUSE, &usual)?;
    by_hand(scene, &pair, &plain)?;
    let gone = pair.client.sysctl("net.ipv4.tcp_tw_recycle").is_err();
    scene.fact(gone, "tcp_tw_recycle: this kernel has none");
    few_buckets(scene, &pair)
}

/// A port that the program chooses, with SO_REUSEADDR on both sockets.
fn by_hand(
    scene: &mut Scene<'_>,
    pair: &Pair,
    plain: &str,
) -> Result<(), LabError> {
    let listener = pair.listen()?;
    let address = did("look", listener.local_addr())?;
    let mut answers = Vec::new();
    for (timestamps, port) in [("1", 41_001), ("0", 41_002)] {
        pair.client.set_sysctl("net.ipv4.tcp_timestamps", timestamps)?;
        let first = reused_stream(pair, address, Some(port))?;
        let (server, _) = did("accept", listener.accept())?;
        close_first((server, did("connect", first)?));
        scene.until(Duration::from_secs(5), || {
            let sockets = pair.sockets(Side::B)?;
            let waits = |one: &ayt_core::facts::Socket| {
                one.local.port() == port && one.state == TcpState::TimeWait
            };
            Ok(sockets.iter().any(waits))
        })?;
        answers.push(answer(reused_stream(pair, address, Some(port))?));
    }
    pair.client.set_sysctl("net.ipv4.tcp_timestamps", "1")?;
    let text = format!(
        "SO_REUSEADDR, the kernel's choice of port: {plain}; bound by hand on both sockets: {}; \
         that without timestamps: {}",
        answers[0], answers[1]
    );
    let as_told = plain == "EADDRNOTAVAIL" && answers == ["connected", "EADDRNOTAVAIL"];
    scene.fact(as_told, text);
    Ok(())
}

/// `tcp_max_tw_buckets` on the host that closes first.
fn few_buckets(
    scene: &mut Scene<'_>,
    pair: &Pair,
) -> Result<(), LabError> {
    let listener = pair.listen()?;
    pair.client.set_sysctl(RANGE, "42000 42999")?;
    pair.server.set_sysctl("net.ipv4.tcp_max_tw_buckets", "1")?;
    for _ in 0..4 {
        let (server, client) = pair.connection(&listener)?;
        close_first((client, server));
    }
    let closed = scene.until(Duration::from_secs(5), || {
        let sockets = pair.sockets(Side::A)?;
        let mine = |one: &&ayt_core::facts::Socket| one.remote.port() >= 42_000;
        let states = sockets.iter().filter(mine).map(|one| one.state);
        Ok(states.eq([TcpState::TimeWait]))
    })?;
    let text = "tcp_max_tw_buckets = 1, the server closes 4 first: 1 TIME_WAIT, 3 skipped it";
    scene.fact(closed, text);
    Ok(())
}

/// The second closes first, and the first when it knows.
fn close_first((mut other, first): (TcpStream, TcpStream)) {
    drop(first);
    let _ = other.set_read_timeout(Some(Duration::from_secs(5)));
    let _ = std::io::Read::read(&mut other, &mut [0; 8]);
}

fn answer(result: std::io::Result<TcpStream>) -> String {
    result.map_or_else(|error| errno(&error), |_| "connected".to_owned())
}

/// Connects with SO_REUSEADDR, from a port or any.
fn reused_stream(
    pair: &Pair,
    to: SocketAddr,
    port: Option<u16>,
) -> Result<std::io::Result<TcpStream>, LabError> {
    let from = pair.wire.v4(Side::B);
    pair.client.enter(|| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        if let Some(port) = port {
            socket.bind(&SockAddr::from(SocketAddr::from((from, port))))?;
        }
        socket.connect(&SockAddr::from(to))?;
        Ok(TcpStream::from(socket))
    })
}
