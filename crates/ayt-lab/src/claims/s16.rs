//! SO_LINGER.

use std::io::Write;
use std::time::Duration;

use ayt_core::facts::TimerKind;
use ayt_core::keepalive::Span;
use ayt_core::tcp_state::TcpState;
use socket2::SockRef;

use super::pair::Pair;
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

/// `TCP_TIMEWAIT_LEN`, ms.
const LENGTH: u32 = 60_000;

fn show(scene: &mut Scene<'_>) -> Result<(), LabError> {
    let pair = scene.pair()?;
    let mut left = Vec::new();
    for linger in [None, Some(Duration::from_secs(5))] {
        left.push(time_wait(scene, &pair, linger)?);
    }
    // Up to a wheel's granularity more than it was set for.
    let whole = |ms: &Option<u32>| ms.is_some_and(|ms| (LENGTH - 3_000..=LENGTH + 4_000).contains(&ms));
    let shown: Vec<String> = left
        .iter()
        .map(|ms| ms.map_or("none".to_owned(), |ms| format!("{:.1} s", f64::from(ms) / 1e3)))
        .collect();
    let text = format!(
        "TIME_WAIT's timer just after close: {}; with linger {{on, 5}}: {}",
        shown[0], shown[1]
    );
    scene.fact(left.iter().all(whole), text);
    let none = time_wait(scene, &pair, Some(Duration::ZERO))?;
    let resets = pair.segments(Side::B, 0, |tcp| tcp.flags.rst);
    let text = format!("linger {{on, 0}}: {resets} RST on the wire, and no TIME_WAIT");
    scene.fact(none.is_none() && resets == 1, text);
    close_waits(scene, &pair)
}

/// What is left of TIME_WAIT, ms, after a client that closes first; `None`: it has none.
fn time_wait(
    scene: &Scene<'_>,
    pair: &Pair,
    linger: Option<Duration>,
) -> Result<Option<u32>, LabError> {
    let listener = pair.listen()?;
    let (server, client) = pair.connection(&listener)?;
    let port = did("look", client.local_addr())?.port();
    did("SO_LINGER", SockRef::from(&client).set_linger(linger))?;
    drop(client);
    let _ = server.set_read_timeout(Some(Duration::from_secs(5)));
    let _ = std::io::Read::read(&mut &server, &mut [0; 8]);
    drop(server);
    let mut left = None;
    scene.until(Duration::from_secs(1), || {
        let sockets = pair.sockets(Side::B)?;
        let mine = sockets.iter().find(|one| one.local.port() == port);
        left = mine
            .filter(|one| one.state == TcpState::TimeWait)
            .filter(|one| one.timer.kind == TimerKind::TimeWait)
            .map(|one| one.timer.expires_ms);
        Ok(left.is_some())
    })?;
    Ok(left)
}

/// How long close waits for a peer that takes nothing.
fn close_waits(scene: &mut Scene<'_>, pair: &Pair) -> Result<(), LabError> {
    let listener = pair.listen()?;
    let (_stuck, mut client) = pair.connection(&listener)?;
    did("O_NONBLOCK", client.set_nonblocking(true))?;
    let piece = vec![0; 64 << 10];
    // Until no buffer on either side takes more.
    let mut full = 0;
    while full < 5 {
        match client.write(&piece) {
            Ok(1..) => full = 0,
            Ok(0) | Err(_) => {
                full += 1;
                scene.pause(Duration::from_millis(40))?;
            }
        }
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
