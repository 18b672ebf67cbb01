//! Heartbeats that are late, that stay out, and of clients that want none back. Every
//! frame of the device is the test's own.

use ayt_core::cause::Cause;
use ayt_core::session::codec::Decoder;
use ayt_core::session::frame::{Frame, Welcome};
use ayt_core::session::handshake::{Purpose, Resumption};
use ayt_core::session::proof::Secret;
use tokio::io::DuplexStream;
use tokio::time::{Instant, sleep, timeout};

use super::*;
use crate::session::wire::{read_frame, write_frame};

/// B·M: overdue.
const OVERDUE_MS: u64 = 2_000;
/// B·M + C: dead.
const DEAD_MS: u64 = 7_000;
/// How long what is late is read.
const DRAIN_MS: u64 = 5_000;
/// The timers of the runtime have steps of a millisecond.
const STEP_MS: u64 = 2;

/// Seeded dice.
struct Dice(u64);

impl Dice {
    fn between(&mut self, least: u64, most: u64) -> Duration {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis(least + (self.0 >> 33) % (most - least + 1))
    }
}

fn device() -> Device {
    let mut device = Device::a();
    device.settings.client_beat_ms = 1_000;
    device.settings.server_beat_ms = 0;
    device
}

struct Raw {
    io: DuplexStream,
    decoder: Decoder,
    welcome: Welcome,
}

impl Raw {
    async fn register(device: &Device, server: &Server, purpose: Purpose) -> Self {
        let mut io = device.dial(server);
        let (welcome, decoder) = device.shake(&mut io, purpose).await.unwrap();
        Self {
            io,
            decoder,
            welcome,
        }
    }

    async fn send(&mut self, frame: &Frame) {
        write_frame(&mut self.io, frame).await.unwrap();
    }

    async fn next(&mut self) -> Frame {
        read_frame(&mut self.io, &mut self.decoder).await.unwrap()
    }

    /// What has come by now.
    async fn came(&mut self) -> Vec<Frame> {
        let mut came = Vec::new();
        while let Ok(frame) = timeout(Duration::ZERO, self.next()).await {
            came.push(frame);
        }
        came
    }
}

fn data(seq: u64, text: &'static str) -> Frame {
    Frame::Data {
        seq,
        message: Bytes::from(text),
    }
}

#[tokio::test(start_paused = true)]
async fn heartbeats_just_inside_the_deadline_kill_nobody() {
    for seed in 0..20 {
        let server = server();
        let mut dice = Dice(seed);
        let mut raw = Raw::register(&device(), &server, Purpose::Register).await;
        let session = server.accept().await.unwrap();
        let (mut overdue, mut asked) = (0, 0);
        for n in 0..60 {
            let late = match n % 3 {
                0 => dice.between(0, DEAD_MS - STEP_MS),
                1 => dice.between(DEAD_MS - 20, DEAD_MS - STEP_MS),
                _ => dice.between(OVERDUE_MS - 10, OVERDUE_MS - STEP_MS),
            };
            sleep(late).await;
            raw.send(&Frame::Beat).await;
            overdue += u64::from(late > Duration::from_millis(OVERDUE_MS + STEP_MS));
            // It is asked, and too slow to answer: its heartbeat is the answer.
            asked += raw.came().await.len() as u64;
        }
        assert!(session.is_connected(), "seed {seed}");
        assert!(overdue >= 20 && asked >= overdue, "{asked} of {overdue}");
        let mut told = Vec::new();
        while let Ok(event) = timeout(Duration::from_millis(5), session.next_event()).await {
            told.push(event.unwrap());
        }
        let count = |wanted: &SessionEvent| told.iter().filter(|event| *event == wanted).count();
        assert_eq!(
            count(&SessionEvent::Suspect),
            count(&SessionEvent::Recovered),
            "seed {seed}: {told:?}"
        );
        assert!(
            !told
                .iter()
                .any(|event| matches!(event, SessionEvent::Lost(_)))
        );
        assert_eq!(server.stats().lost, []);
    }
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_just_outside_costs_the_connection_and_no_data() {
    for seed in 0..30 {
        let server = server();
        let mut dice = Dice(seed);
        let mut raw = Raw::register(&device(), &server, Purpose::Register).await;
        let mut session = server.accept().await.unwrap();
        raw.send(&data(1, "in time")).await;
        assert_eq!(session.recv().await.unwrap(), "in time");
        let late = match seed % 3 {
            0 => dice.between(DEAD_MS + STEP_MS, DEAD_MS + 20),
            1 => dice.between(DEAD_MS + STEP_MS, DEAD_MS + DRAIN_MS - STEP_MS),
            _ => dice.between(DEAD_MS + DRAIN_MS - 20, DEAD_MS + DRAIN_MS - STEP_MS),
        };
        sleep(late).await;
        assert!(!session.is_connected(), "seed {seed}: {late:?}");
        raw.send(&Frame::Beat).await;
        raw.send(&data(2, "late")).await;
        assert_eq!(session.recv().await.unwrap(), "late", "seed {seed}");
        session.done();
        // It was asked, and then told.
        let mut said = Vec::new();
        while let Ok(frame) = read_frame(&mut raw.io, &mut raw.decoder).await {
            said.push(frame);
        }
        assert!(
            said.iter().any(|frame| matches!(frame, Frame::Ping(_))),
            "{said:?}"
        );
        match said.last() {
            Some(Frame::Bye(bye)) => assert_eq!(bye.reason, Reason::HeartbeatMissed),
            other => panic!("{other:?}"),
        }
        let lost = [(Cause::HeartbeatMissed, 1)];
        assert_eq!(server.stats().lost, lost);
        // It comes back: the session goes on after what was drained.
        let resumption = Purpose::Resume(Resumption {
            session: raw.welcome.session,
            secret: Secret::new(raw.welcome.secret),
            received: 0,
            sent: 2,
        });
        let mut again = Raw::register(&device(), &server, resumption).await;
        assert!(again.welcome.resumed);
        assert_eq!(again.welcome.received, 2, "the late one arrived: once");
        again.send(&data(3, "and on")).await;
        assert_eq!(session.recv().await.unwrap(), "and on");
    }
}

fn one_way() -> Device {
    let mut device = device();
    device.settings.one_way = true;
    device
}

#[tokio::test(start_paused = true)]
async fn a_one_way_client_hears_nothing_for_an_hour_of_heartbeats() {
    let server = server();
    let mut raw = Raw::register(&one_way(), &server, Purpose::Register).await;
    assert_eq!(raw.welcome.server_beat_ms, 0, "the server promises nothing");
    let session = server.accept().await.unwrap();
    for _ in 0..3_600 {
        sleep(S).await;
        raw.send(&Frame::Beat).await;
    }
    assert_eq!(raw.came().await, []);
    assert!(session.is_connected());
    // Late, within the deadline: it is not asked either.
    sleep(Duration::from_millis(DEAD_MS - STEP_MS)).await;
    assert_eq!(raw.came().await, []);
    raw.send(&Frame::Beat).await;
    // It may ask all the same, and is answered.
    raw.send(&Frame::Ping(*b"you?")).await;
    assert_eq!(raw.next().await, Frame::Pong(*b"you?"));
    // Dead: it is told, and no PING came before.
    let since = Instant::now();
    match raw.next().await {
        Frame::Bye(bye) => assert_eq!(bye.reason, Reason::HeartbeatMissed),
        other => panic!("{other:?}"),
    }
    let took = since.elapsed().as_millis() as u64;
    assert!((DEAD_MS..DEAD_MS + STEP_MS).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn with_verify_a_one_way_client_is_not_asked_and_stays_while_its_beat_is_not_overdue() {
    let server = with_policy(Policy::Verify);
    let mut raw = Raw::register(&one_way(), &server, Purpose::Register).await;
    let session = server.accept().await.unwrap();
    sleep(S).await;
    let refused = one_way().register(&server).await.unwrap_err().refused();
    assert_eq!(refused.reason, Reason::IdentityInUse);
    assert_eq!(raw.came().await, []);
    assert!(session.is_connected());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_needs_its_heartbeats_says_so_and_sends_them() {
    let limits = Limits {
        server_beat: Beats::default(),
        ..limits()
    };
    let builder = Server::builder().keys(keys()).limits(limits);
    let server = builder.start().unwrap();
    let mut device = one_way();
    device.settings.client_beat_ms = 60_000;
    let mut raw = Raw::register(&device, &server, Purpose::Register).await;
    assert_eq!(raw.welcome.server_beat_ms, 30_000);
    assert_eq!(raw.next().await, Frame::Beat);
}
