//! A server that polls for overdue heartbeats.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use ayt_core::keepalive::Span;
use ayt_core::plan::{self, Path};

use super::{Claim, Scene, claim};
use crate::clock;
use crate::error::LabError;

pub(super) const CLAIM: Claim = Claim {
    folk: Some("A server that calls dead who is silent for T finds a death after T."),
    show: Some(show),
    ..claim(
        "S27",
        "One that polls every P finds it between T and T + P; one with a deadline after T.",
    )
};

/// T.
const OVERDUE: Duration = Duration::from_millis(800);
/// P.
const POLL: Duration = Duration::from_millis(600);
const CLIENTS: u32 = 6;

fn show(scene: &mut Scene<'_>) -> Result<(), LabError> {
    let pair = scene.pair()?;
    let listener = pair.listen()?;
    let mut ends = Vec::new();
    for _ in 0..CLIENTS {
        ends.push(pair.connection(&listener)?);
    }
    let (servers, mut clients): (Vec<_>, Vec<_>) = ends.into_iter().unzip();
    let heard = listen(&servers);
    // Their last bytes come at different times of a poll's period.
    for client in &mut clients {
        scene.pause(POLL / CLIENTS)?;
        super::scene::did("send", client.write_all(b"."))?;
    }
    let cut = clock::now();
    let found = watch(&heard);
    for stream in &servers {
        let _ = stream.shutdown(Shutdown::Both);
    }
    let polled = plan::Detector::Polled {
        overdue: OVERDUE,
        period: POLL,
    };
    let polled = plan::expect(&polled, Path::Idle, &scene.ground()).span();
    let polled = polled.ok_or_else(|| LabError::other("the planner", "no time", None))?;
    // The same detector that never polls.
    let at_once = Span {
        latest: polled.latest - POLL,
        ..polled
    };
    let mut everyone = true;
    for (what, times, span) in [
        ("polled every 0.6 s", &found.polled, polled),
        ("with a deadline", &found.deadline, at_once),
    ] {
        let least = times.iter().min().copied().unwrap_or_default();
        let most = times.iter().max().copied().unwrap_or_default();
        for (which, time) in [("soonest", least), ("latest", most)] {
            let text = format!("T = 0.8 s, {what}: the {which} of {CLIENTS}");
            scene.timed(&pair, &text, time, span, cut);
        }
        everyone &= times.len() == CLIENTS as usize;
    }
    let worst = found.polled.iter().max().copied().unwrap_or_default();
    let more = worst.saturating_sub(OVERDUE);
    let text = format!("polling cost up to {:.2} s more", more.as_secs_f64());
    scene.fact(everyone && more >= POLL / 2, text);
    Ok(())
}

/// What each connection's reads say: its number, and when.
fn listen(servers: &[TcpStream]) -> Receiver<(usize, Duration)> {
    let (tell, heard) = channel();
    for (number, stream) in servers.iter().enumerate() {
        let (tell, stream) = (tell.clone(), stream.try_clone());
        thread::spawn(move || {
            let Ok(mut stream) = stream else { return };
            while let Ok(1..) = stream.read(&mut [0; 64]) {
                if tell.send((number, clock::now())).is_err() {
                    return;
                }
            }
        });
    }
    heard
}

/// How long after its last byte each client was called dead.
#[derive(Debug, Default)]
struct Found {
    polled: Vec<Duration>,
    deadline: Vec<Duration>,
}

/// The server's loop: it looks at its clients every poll, and, beside that, at each when
/// its deadline has come.
fn watch(heard: &Receiver<(usize, Duration)>) -> Found {
    ayt_sys::lab::exact_timers();
    let clients = CLIENTS as usize;
    let mut last = vec![clock::now(); clients];
    let mut alive = [vec![true; clients], vec![true; clients]];
    let mut found = Found::default();
    let mut next_poll = clock::now() + POLL;
    while found.polled.len() < clients || found.deadline.len() < clients {
        let due = last.iter().zip(&alive[1]).filter(|(_, alive)| **alive);
        let due = due.map(|(at, _)| *at + OVERDUE).chain([next_poll]).min();
        let wait = due.unwrap_or(next_poll).saturating_sub(clock::now());
        if let Ok((number, at)) = heard.recv_timeout(wait) {
            last[number] = at;
            continue;
        }
        let now = clock::now();
        let polls = now >= next_poll;
        for number in 0..clients {
            let silent = now.saturating_sub(last[number]);
            if silent < OVERDUE {
                continue;
            }
            if polls && std::mem::take(&mut alive[0][number]) {
                found.polled.push(silent);
            }
            if std::mem::take(&mut alive[1][number]) {
                found.deadline.push(silent);
            }
        }
        if polls {
            next_poll += POLL;
        }
    }
    found
}
