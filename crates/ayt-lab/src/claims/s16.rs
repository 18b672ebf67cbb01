//! SO_LINGER.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use ayt_core::facts::TimerKind;
use ayt_core::keepalive::Span;
use ayt_core::tcp_state::TcpState;
use socket2::SockRef;

use super::pair::{PATIENCE, Pair};
use super::scene::did;
use super::{Claim, Scene, cell, claim};
use crate::clock;
use crate::detectors::Detector;
use crate::error::LabError;
use crate::faults::Fault;
use crate::packet::Side;

pub(super) const CLAIM: Claim = Claim {
    folk: Some("SO_LINGER sets how long TIME_WAIT lasts."),
    cells: &[
        cell("linger {on, 0}", Fault::LingerZero, Detector::None),
        cell("waited for to its end", Fault::TimeWait, Detector::None),
    ],
    show: Some(show),
    ..claim(
        "S16",
        "TIME_WAIT lasts 60 s whatever it says. It bounds how long close() waits for data \
         that is not acknowledged; with time 0 close sends RST, and leaves no TIME_WAIT.",
    )
};

/// `TCP_TIMEWAIT_LEN`.
const LENGTH: Duration = Duration::from_secs(60);
/// A timer of that length fires up to a wheel's granularity later than it was set for.
const WHEEL: Duration = Duration::from_secs(4);
/// Of the kernel's ticks, and of what is told in whole ones.
const TICKS: Duration = Duration::from_millis(50);

/// A TIME_WAIT that was seen.
struct TimeWait {
    /// What its timer had left.
    left: Duration,
    /// How long before that it began, at most.
    age: Duration,
}

impl TimeWait {
    /// It was set to its whole length when it began.
    fn is_whole(&self) -> bool {
        self.left + self.age + TICKS >= LENGTH && self.left <= LENGTH + WHEEL
    }
}

fn show(scene: &mut Scene<'_>) -> Result<(), LabError> {
    let pair = scene.pair()?;
    let mut left = Vec::new();
    for linger in [None, Some(Duration::from_secs(5))] {
        left.push(time_wait(scene, &pair, linger)?);
    }
    let shown: Vec<String> = left
        .iter()
        .map(|seen| match seen {
            Some(seen) => format!("{:.1} s", seen.left.as_secs_f64()),
            None => "none".to_owned(),
        })
        .collect();
    let text = format!(
        "TIME_WAIT's timer just after close: {}; with linger {{on, 5}}: {}",
        shown[0], shown[1]
    );
    let whole = |seen: &Option<TimeWait>| seen.as_ref().is_some_and(TimeWait::is_whole);
    scene.fact(left.iter().all(whole), text);
    let (resets, left) = abortive(scene, &pair)?;
    let left = left.map_or("no TIME_WAIT".to_owned(), |state| state.to_string());
    let holds = resets == 1 && left == "no TIME_WAIT";
    let text = format!("linger {{on, 0}}: {resets} RST on the wire, and {left}");
    scene.fact(holds, text);
    close_waits(scene, &pair)
}

/// TIME_WAIT of a client that closes first; `None`: it has none.
fn time_wait(
    scene: &Scene<'_>,
    pair: &Pair,
    linger: Option<Duration>,
) -> Result<Option<TimeWait>, LabError> {
    let listener = pair.listen()?;
    let (server, client) = pair.connection(&listener)?;
    let port = did("look", client.local_addr())?.port();
    did("SO_LINGER", SockRef::from(&client).set_linger(linger))?;
    let began = clock::now();
    drop(client);
    ended(&server)?;
    drop(server);
    let mut seen = None;
    scene.until(PATIENCE, || {
        let sockets = pair.sockets(Side::B)?;
        let mine = sockets.iter().find(|one| one.local.port() == port);
        seen = mine
            .filter(|one| one.state == TcpState::TimeWait)
            .filter(|one| one.timer.kind == TimerKind::TimeWait)
            .map(|one| TimeWait {
                left: Duration::from_millis(one.timer.expires_ms.into()),
                age: clock::now() - began,
            });
        Ok(seen.is_some())
    })?;
    Ok(seen)
}

/// RSTs of a client that closes with linger 0, and the state of what it leaves.
fn abortive(scene: &Scene<'_>, pair: &Pair) -> Result<(usize, Option<TcpState>), LabError> {
    let listener = pair.listen()?;
    let (server, client) = pair.connection(&listener)?;
    let port = did("look", client.local_addr())?.port();
    let mine = |tcp: &crate::packet::Tcp| tcp.source == port && tcp.flags.rst;
    let linger = Some(Duration::ZERO);
    did("SO_LINGER", SockRef::from(&client).set_linger(linger))?;
    drop(client);
    // Close has come over the wire, and whatever it leaves is there.
    ended(&server)?;
    scene.until(PATIENCE, || Ok(pair.segments(Side::B, 0, mine) > 0))?;
    let sockets = pair.sockets(Side::B)?;
    let left = sockets.iter().find(|one| one.local.port() == port);
    let left = left.map(|one| one.state);
    Ok((pair.segments(Side::B, 0, mine), left))
}

/// Waits until the other side has ended the connection, in whatever way.
fn ended(server: &TcpStream) -> Result<(), LabError> {
    did("SO_RCVTIMEO", server.set_read_timeout(Some(PATIENCE)))?;
    match (&mut &*server).read(&mut [0; 8]) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
            did("hear of the close", Err(error))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

/// How long close waits for a peer that takes nothing.
fn close_waits(scene: &mut Scene<'_>, pair: &Pair) -> Result<(), LabError> {
    let listener = pair.listen()?;
    let (_stuck, mut client) = pair.connection(&listener)?;
    did("O_NONBLOCK", client.set_nonblocking(true))?;
    let port = did("look", client.local_addr())?.port();
    let piece = vec![0; 64 << 10];
    // Until the peer's window is shut, and more than it would take is written.
    let shut = scene.until(PATIENCE, || {
        while matches!(client.write(&piece), Ok(1..)) {}
        let sockets = pair.sockets(Side::B)?;
        let mine = sockets.iter().find(|one| one.local.port() == port);
        Ok(mine.is_some_and(|one| {
            one.timer.kind == TimerKind::WindowProbe && one.send_queue > 0
        }))
    })?;
    if !shut {
        scene.fact(false, "the window of a peer that does not read was not shut");
        return Ok(());
    }
    did("O_NONBLOCK", client.set_nonblocking(false))?;
    let linger = Duration::from_secs(2);
    did("SO_LINGER", SockRef::from(&client).set_linger(Some(linger)))?;
    let began = clock::now();
    drop(client);
    let took = clock::now() - began;
    let span = Span {
        earliest: linger - Duration::from_millis(10),
        latest: linger + Duration::from_millis(300),
    };
    let what = "linger {on, 2}, the peer takes no data: close() returns";
    scene.timed(pair, what, took, span, began);
    Ok(())
}
