//! The program's calls against the task of the connection, under many interleavings.

use std::sync::Arc;

use ayt_core::detectors::Terms;
use ayt_core::session::codec::Decoder;
use ayt_core::session::frame::{self, Reason, Retry};
use ayt_core::session::link::{self, End};
use ayt_core::session::traffic::{Accepts, Config, Traffic};
use bytes::Bytes;
use shuttle::future::JoinHandle;
use tokio::io::AsyncWriteExt as _;

use super::*;
use crate::explore::{Line, advance, block_on, explore, spawn, yield_now};

const S: fn(u64) -> Duration = Duration::from_secs;

/// Room for two messages of this length, so that a sender has to wait.
const LENGTH: usize = 40;

fn config() -> Config {
    Config {
        replay_bound: 2 * (LENGTH as u32 + 32),
        ack_delay: Duration::ZERO,
        ..Config::default()
    }
}

fn core() -> Arc<Core> {
    Core::new(Clock::start(), Traffic::new(config()))
}

fn message(n: u64) -> Bytes {
    let mut message = n.to_be_bytes().to_vec();
    message.resize(LENGTH, 0);
    message.into()
}

fn number(message: &[u8]) -> u64 {
    u64::from_be_bytes(message[..8].try_into().unwrap())
}

fn start() -> Start {
    let mut decoder = Decoder::new();
    decoder.set_limit(65_544);
    Start {
        terms: link::Terms::default(),
        detector: None,
        decoder,
        below: Below::default(),
    }
}

/// Carries the session until its connection ends.
fn carry(core: &Arc<Core>, io: Line) -> JoinHandle<Option<End>> {
    let core = core.clone();
    let ticket = core.part();
    spawn(async move { core.run(ticket, io, start(), |_| {}).await })
}

/// As its owner does where nothing will follow.
async fn over(core: &Core, task: JoinHandle<Option<End>>) -> End {
    let end = task.await.unwrap().expect("it was not moved");
    core.finish(end.cause, end.reason, end.missing);
    end
}

/// Sends these; stops where the session is over.
fn send(core: &Arc<Core>, numbers: std::ops::Range<u64>) -> JoinHandle<u64> {
    let core = core.clone();
    spawn(async move {
        let mut taken = 0;
        for n in numbers {
            match core.send(message(n)).await {
                Ok(()) => taken += 1,
                Err(_) => break,
            }
        }
        taken
    })
}

/// Takes everything until the session is over.
fn receive(core: &Arc<Core>) -> JoinHandle<Vec<u64>> {
    receive_and_tell(core, u64::MAX, &Arc::new(Notify::new()))
}

/// The same, and tells when the message `last` was handed over.
fn receive_and_tell(core: &Arc<Core>, last: u64, told: &Arc<Notify>) -> JoinHandle<Vec<u64>> {
    let (core, told) = (core.clone(), told.clone());
    spawn(async move {
        let mut taken = Vec::new();
        while let Some(message) = core.recv().await {
            let n = number(&message);
            taken.push(n);
            if n == last {
                told.notify_one();
            }
        }
        taken
    })
}

#[test]
fn what_is_sent_arrives_and_an_end_wakes_everybody() {
    explore(1_000, || {
        let (a, b) = (core(), core());
        let (left, right, _) = Line::pair(64);
        let tasks = [carry(&a, left), carry(&b, right)];
        let (there, back) = (send(&a, 0..5), receive(&b));
        let nothing = receive(&a);
        block_on(async {
            assert_eq!(there.await.unwrap(), 5);
            a.end(Reason::Done, Retry::Never);
            let [of_a, of_b] = tasks;
            assert_eq!(over(&a, of_a).await.reason, Some(Reason::Done));
            assert_eq!(over(&b, of_b).await.reason, Some(Reason::Done));
            assert_eq!(back.await.unwrap(), [0, 1, 2, 3, 4]);
            assert_eq!(nothing.await.unwrap(), []);
            assert_eq!(a.numbers().unacknowledged(), 0);
        });
    });
}

#[test]
fn of_two_who_receive_nobody_is_left_behind_a_message() {
    explore(1_000, || {
        let (a, b) = (core(), core());
        let (left, right, _) = Line::pair(64);
        let tasks = [carry(&a, left), carry(&b, right)];
        let (one, other) = (receive(&b), receive(&b));
        let there = send(&a, 0..4);
        block_on(async {
            assert_eq!(there.await.unwrap(), 4);
            a.end(Reason::Done, Retry::Never);
            let [of_a, of_b] = tasks;
            over(&a, of_a).await;
            over(&b, of_b).await;
            let mut taken = one.await.unwrap();
            taken.extend(other.await.unwrap());
            taken.sort_unstable();
            assert_eq!(taken, [0, 1, 2, 3]);
        });
    });
}

/// Both sides find their connection gone and go on over another, as client and server
/// do: the client holds back what came in while it tells how much that was.
fn moved(a: &Arc<Core>, b: &Arc<Core>) -> [JoinHandle<Option<End>>; 2] {
    let accepts: Accepts = config().own;
    a.part();
    a.hold();
    let told = a.announce();
    let ticket = b.part();
    let announced = b.announce();
    b.resume(told, accepts).unwrap();
    let (left, right, _) = Line::pair(64);
    assert!(b.attach(&ticket, link::Terms::default(), None));
    let of_b = {
        let b = b.clone();
        spawn(async move {
            b.carry(ticket, right, (start().decoder, Below::default()), |_| {})
                .await
        })
    };
    a.resume(announced, accepts).unwrap();
    a.release();
    [carry(a, left), of_b]
}

/// Traffic in both directions while the session moves once, with its connection cut
/// before or standing.
fn moving(cut: bool) {
    let (a, b) = (core(), core());
    let (left, right, scissors) = Line::pair(64);
    let before = [carry(&a, left), carry(&b, right)];
    let (there, back) = (send(&a, 0..4), receive(&b));
    let done = Arc::new(Notify::new());
    let (from_b, to_a) = (send(&b, 10..13), receive_and_tell(&a, 12, &done));
    let mover = {
        let (a, b) = (a.clone(), b.clone());
        spawn(async move {
            if cut {
                scissors.cut();
            }
            moved(&a, &b)
        })
    };
    block_on(async {
        let [of_a, of_b] = mover.await.unwrap();
        for task in before {
            // The cut was seen, or the move.
            let _ = task.await.unwrap();
        }
        assert_eq!(there.await.unwrap(), 4);
        assert_eq!(from_b.await.unwrap(), 3);
        // What a has not taken when it says goodbye is b's to lose.
        done.notified().await;
        a.end(Reason::Done, Retry::Never);
        over(&a, of_a).await;
        over(&b, of_b).await;
        assert_eq!(back.await.unwrap(), [0, 1, 2, 3]);
        assert_eq!(to_a.await.unwrap(), [10, 11, 12]);
    });
}

#[test]
fn a_session_that_moves_loses_and_repeats_nothing() {
    explore(1_000, || moving(true));
}

#[test]
fn nor_does_one_that_leaves_a_connection_that_stands() {
    explore(1_000, || moving(false));
}

#[test]
fn two_who_want_one_message_each_have_it() {
    explore(1_000, || {
        let (a, b) = (core(), core());
        let one = |core: &Arc<Core>| {
            let core = core.clone();
            spawn(async move { core.recv().await.map(|message| number(&message)) })
        };
        let wanting = [one(&b), one(&b)];
        // Both are sent before there is a connection, and come at once.
        for n in 0..2 {
            assert_eq!(a.offer(message(n)), Ok(None));
        }
        let (left, right, scissors) = Line::pair(4_096);
        let tasks = [carry(&a, left), carry(&b, right)];
        block_on(async {
            let mut taken = Vec::new();
            for want in wanting {
                taken.extend(want.await.unwrap());
            }
            taken.sort_unstable();
            assert_eq!(taken, [0, 1]);
            scissors.cut();
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
}

#[test]
fn a_session_ends_once_and_with_one_cause() {
    explore(1_000, || {
        let (a, b) = (core(), core());
        let (left, right, scissors) = Line::pair(64);
        let tasks = [carry(&a, left), carry(&b, right)];
        let (sending, receiving) = (send(&b, 0..5), receive(&b));
        let far = receive(&a);
        let ends = [
            (Cause::Superseded, Some(Reason::Superseded)),
            (Cause::LocalClose, None),
        ];
        let ends = ends.map(|(cause, reason)| {
            let b = b.clone();
            spawn(async move {
                b.bye(reason.unwrap_or(Reason::Kicked), Retry::Never, "");
                b.finish(cause, reason, 0);
                b.over().expect("it is over")
            })
        });
        block_on(async {
            let [one, other] = ends;
            let first = one.await.unwrap();
            assert_eq!(first, other.await.unwrap());
            // Whoever waits is told, and nothing is taken any more.
            sending.await.unwrap();
            receiving.await.unwrap();
            let refused = b.offer(Bytes::new());
            assert!(matches!(refused, Err(SendError::Over(end)) if end == first));
            scissors.cut();
            let [of_a, of_b] = tasks;
            over(&b, of_b).await;
            assert_eq!(b.over(), Some(first));
            over(&a, of_a).await;
            // What came in is whole and in order, wherever it was cut.
            let taken = far.await.unwrap();
            assert!(taken.iter().copied().eq(0..taken.len() as u64), "{taken:?}");
        });
    });
}

#[test]
fn a_peer_that_beats_is_never_taken_for_dead() {
    explore(500, || {
        let b = core();
        let (mut far, near, _) = Line::pair(4_096);
        let terms = Terms::new(S(10), 1, S(5)).unwrap();
        let ticket = b.part();
        let task = {
            let b = b.clone();
            spawn(async move {
                let start = Start {
                    terms: link::Terms {
                        own_beat: None,
                        ..link::Terms::default()
                    },
                    detector: Some(Fixed::new(terms, Duration::ZERO)),
                    ..start()
                };
                b.run(ticket, near, start, |_| {}).await
            })
        };
        block_on(async {
            let mut heartbeat = Vec::new();
            frame::Frame::Beat.encode(&mut heartbeat).unwrap();
            for _ in 0..5 {
                advance(S(9));
                far.write_all(&heartbeat).await.unwrap();
                yield_now().await;
            }
            drop(far);
            let end = task.await.unwrap().expect("it was not moved");
            // By FIN, or by the failure of what it was asked.
            assert!(
                matches!(end.cause, Cause::PeerClosed | Cause::PeerReset),
                "{end:?}"
            );
        });
    });
}

#[test]
fn a_peer_that_does_not_is_found_dead_whatever_the_timer_meets() {
    explore(500, || {
        let b = core();
        let (far, near, _) = Line::pair(4_096);
        let terms = Terms::new(S(10), 1, S(5)).unwrap();
        let ticket = b.part();
        let sending = send(&b, 0..2);
        let task = {
            let b = b.clone();
            spawn(async move {
                let start = Start {
                    detector: Some(Fixed::new(terms, Duration::ZERO)),
                    ..start()
                };
                b.run(ticket, near, start, |_| {}).await
            })
        };
        block_on(async {
            while !task.is_finished() {
                advance(S(1));
                yield_now().await;
            }
            let end = task.await.unwrap().expect("it was not moved");
            assert_eq!(end.cause, Cause::HeartbeatMissed);
            b.finish(end.cause, end.reason, end.missing);
            sending.await.unwrap();
        });
        drop(far);
    });
}
