//! A server that polls for overdue heartbeats.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use ayt::detectors::Terms;
use ayt_core::keepalive::Span;
use ayt_core::plan::{self, Path};

use super::beats::Expects;
use super::scene::did;
use super::{Claim, Scene, claim};
use crate::clock;
use crate::detectors::Setting;
use crate::error::LabError;
use crate::sync::lock;

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
/// They fall silent at as many times of a poll's period, evenly: one is overdue just
/// after a poll, one just before.
const CLIENTS: u32 = 6;

fn show(scene: &mut Scene<'_>) -> Result<(), LabError> {
    let terms = Terms::new(OVERDUE / 2, 1, OVERDUE / 2)
        .map_err(|error| LabError::other("terms", error.to_string(), None))?
        .one_way();
    let pair = scene.pair()?;
    let listener = pair.listen()?;
    // Each client has two connections: one is polled, one has a deadline.
    let (mut servers, mut clients, mut deadlines) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..CLIENTS {
        let (polled, client) = pair.connection(&listener)?;
        let (expects, other) = pair.connection(&listener)?;
        servers.push(polled);
        deadlines.push(expects);
        clients.push([client, other]);
    }
    let began = clock::now();
    let poller = poll(&servers, began);
    let mut expected = Vec::new();
    for (number, ends) in (0..).zip(&mut clients) {
        // Away from the polls by half of what lies between two of them.
        let due = began + POLL * (2 * number + 1) / (2 * CLIENTS);
        scene.pause(due.saturating_sub(clock::now()))?;
        for end in ends {
            did("send", end.write_all(b"."))?;
        }
        expected.push(Expects::start(&deadlines[number as usize], terms)?);
    }
    let found = poller.join();
    let found = found.map_err(|_| LabError::other("the poller", "it has ended", None))?;
    let polled = plan::Detector::Polled {
        overdue: OVERDUE,
        period: POLL,
    };
    let polled = plan::expect(&polled, Path::Idle, &scene.ground()).span();
    let at_once = scene.planned_of(&Setting::Heartbeat(terms));
    let (Some(polled), Some(at_once)) = (polled, at_once) else {
        return Err(LabError::other("the planner", "no time", None));
    };
    let times: Vec<Duration> = found.iter().map(|one| one.at - one.last).collect();
    for (which, time) in [("soonest", times.iter().min()), ("latest", times.iter().max())] {
        let time = time.copied().unwrap_or_default();
        let text = format!("T = 0.8 s, polled every 0.6 s: the {which} of {CLIENTS}");
        scene.timed(&pair, &text, time, polled, began);
    }
    let mut latest = Duration::ZERO;
    for expects in &expected {
        let given = expects.end(scene, began + POLL + OVERDUE * 4)?;
        let Some(given) = given else {
            scene.fact(false, "T = 0.8 s, with a deadline: not found");
            return Ok(());
        };
        latest = latest.max(given.at - given.last);
    }
    let text = format!("T = 0.8 s, with a deadline: the latest of {CLIENTS}");
    scene.timed(&pair, &text, latest, at_once, began);
    by_its_poll(scene, &pair, &found, began, polled.latest - OVERDUE - POLL);
    for stream in &servers {
        let _ = stream.shutdown(Shutdown::Both);
    }
    Ok(())
}

/// Each was found by the first poll after it was overdue, whatever that cost it: next to
/// nothing, or nearly all of a period. `late`: what the planner allows a timer.
fn by_its_poll(
    scene: &mut Scene<'_>,
    pair: &super::pair::Pair,
    found: &[Found],
    began: Duration,
    late: Duration,
) {
    let mut costs = Vec::new();
    for one in found {
        let due = one.last + OVERDUE;
        let polls = (due - began).as_nanos().div_ceil(POLL.as_nanos());
        let first = began + POLL * u32::try_from(polls).unwrap_or(u32::MAX);
        let cost = first - due;
        costs.push(cost);
        let more = one.at.saturating_sub(due);
        if !(cost..=cost + late).contains(&more) {
            let span = Span {
                earliest: cost,
                latest: cost + late,
            };
            let text = "overdue, and found by the next poll";
            scene.timed(pair, text, more, span, began);
        }
    }
    let least = costs.iter().min().copied().unwrap_or_default();
    let most = costs.iter().max().copied().unwrap_or_default();
    if most < POLL * 3 / 4 || least > POLL / 4 {
        // They did not fall silent when they were to.
        scene.too_slow();
    }
    let text = format!(
        "each by the first poll after it was overdue: that cost {:.2} to {:.2} s more",
        least.as_secs_f64(),
        most.as_secs_f64()
    );
    scene.fact(found.len() == CLIENTS as usize, text);
}

/// When a client was heard last, and when a poll called it dead.
#[derive(Debug, Clone, Copy)]
struct Found {
    last: Duration,
    at: Duration,
}

/// The server: it notes when it read from each, and every poll it looks who is overdue.
fn poll(servers: &[TcpStream], began: Duration) -> thread::JoinHandle<Vec<Found>> {
    let last = Arc::new(Mutex::new(vec![began; servers.len()]));
    for (number, stream) in servers.iter().enumerate() {
        let (last, stream) = (Arc::clone(&last), stream.try_clone());
        thread::spawn(move || {
            ayt_sys::lab::be_prompt();
            let Ok(mut stream) = stream else { return };
            while let Ok(1..) = stream.read(&mut [0; 64]) {
                lock(&last)[number] = clock::now();
            }
        });
    }
    thread::spawn(move || {
        ayt_sys::lab::be_prompt();
        let mut alive = vec![true; lock(&last).len()];
        let mut found = Vec::new();
        let mut next = began;
        while found.len() < alive.len() {
            next += POLL;
            thread::sleep(next.saturating_sub(clock::now()));
            let at = clock::now();
            for (alive, last) in alive.iter_mut().zip(lock(&last).iter()) {
                if at.saturating_sub(*last) >= OVERDUE && std::mem::take(alive) {
                    found.push(Found { last: *last, at });
                }
            }
        }
        found
    })
}
