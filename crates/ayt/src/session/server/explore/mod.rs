//! Registrations, resumes, closes and shutdowns at once, under many interleavings.

mod device;
mod invariants;
mod program;
mod two;
mod verify;

use std::future::{Future as _, poll_fn};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use ayt_core::cause::Cause;
use ayt_core::session::frame::Reason;
use ayt_core::session::link::End;
use shuttle::future::JoinHandle;

use super::{Limits, Policy, Server};
use crate::explore::{block_on, explore, note, spawn, yield_now};
use crate::session::driver::Core;
use crate::session::store::Memory;
use device::{Attempt, Connected, message, register, resume};
use invariants::Witness;
pub(super) use invariants::holds;
use program::{Does, Story, serve, serve_and_tell};

fn server() -> Arc<Server> {
    server_of(Arc::new(Memory::new()), 0)
}

fn server_of(store: Arc<Memory>, away: usize) -> Arc<Server> {
    server_with(store, away, Policy::Newest)
}

fn server_with(store: Arc<Memory>, away: usize, policy: Policy) -> Arc<Server> {
    let limits = Limits {
        takeovers: 1_000_000,
        ack_delay: Duration::ZERO,
        ..Limits::default()
    };
    let builder = Server::builder()
        .without_authentication()
        .limits(limits)
        .takeover(policy);
    let store = Arc::new(Witness::new(store, away));
    Arc::new(builder.store(store).start().unwrap())
}

/// What a device knows when its connection has ended.
#[derive(Debug)]
struct Left {
    epoch: u64,
    core: Arc<Core>,
    end: Option<End>,
    /// The first message that it sent.
    first: u64,
}

/// Sends these, and stays until it is sent away.
async fn stay(device: Connected, messages: Range<u64>) -> Left {
    let first = messages.start;
    for n in messages {
        if device.core.send(message(n)).await.is_err() {
            break;
        }
    }
    Left {
        epoch: device.welcome.epoch,
        end: {
            let end = device.task.await.unwrap();
            note((device.welcome.epoch, &end));
            end
        },
        core: device.core,
        first,
    }
}

/// Registers, and stays. `None` where the server has closed before.
fn device(server: &Arc<Server>, messages: Range<u64>) -> JoinHandle<Option<Left>> {
    let server = server.clone();
    spawn(async move {
        match register(&server).await {
            Attempt::In(device) => Some(stay(device, messages).await),
            Attempt::Refused(refuse) => {
                assert_eq!(refuse.reason, Reason::ShuttingDown);
                None
            }
            Attempt::Gone => None,
        }
    })
}

fn shutdown(server: &Arc<Server>) -> JoinHandle<()> {
    let server = server.clone();
    spawn(async move { server.shutdown(Duration::ZERO).await })
}

/// After the server has closed: nothing is left, every session was counted once, and
/// what a device was told is handed over was, in order and once.
fn is_settled(server: &Server, stories: &[Story], devices: &[Left]) {
    let stats = server.stats();
    assert_eq!(stats.now.connections, 0);
    assert_eq!(stats.now.unregistered, 0);
    assert_eq!(stats.now.tasks, 0);
    assert_eq!(server.shared.alarms.next(), None, "nobody is to be woken");
    assert_eq!(stats.registered, stories.len() as u64);
    let ended: u64 = stats.ended.iter().map(|(_, n)| n).sum();
    assert_eq!(ended, stats.registered, "{stats:?}");
    for story in stories {
        assert!(stats.ended(story.end.cause) > 0, "{story:?}");
    }
    for left in devices {
        let of_it = |story: &&Story| story.epochs.contains(&left.epoch);
        let story = stories
            .iter()
            .find(of_it)
            .expect("who was welcomed is given");
        let taken = story.messages.len() as u64;
        assert!(
            left.core.numbers().acknowledged <= taken,
            "{left:?} {story:?}"
        );
        let in_order = left.first..left.first + taken;
        assert!(story.messages.iter().copied().eq(in_order), "{story:?}");
    }
}

/// The one that is ready first.
async fn first_of<T>(tasks: &mut Vec<JoinHandle<T>>) -> T {
    let (at, done) = poll_fn(|cx| {
        for (at, task) in tasks.iter_mut().enumerate() {
            if let Poll::Ready(done) = Pin::new(task).poll(cx) {
                return Poll::Ready((at, done.unwrap()));
            }
        }
        Poll::Pending
    })
    .await;
    drop(tasks.remove(at));
    done
}

#[test]
fn of_three_at_once_one_stays_and_nothing_is_mixed_up() {
    explore(400, || {
        let server = server();
        let taken = Arc::default();
        let program = serve_and_tell(&server, Does::Nothing, &taken);
        let mut devices = Vec::from([0, 10, 20].map(|n| device(&server, n..n + 2)));
        block_on(async {
            let mut left = Vec::new();
            // Two of them are superseded, whichever; the third when the server closes.
            while devices.len() > 1 {
                let device = first_of(&mut devices).await.expect("nobody is refused");
                let end = device.end.clone().expect("it was not moved");
                // Of two that are being read to their end, the older is cut.
                assert!(
                    matches!(end.reason, Some(Reason::Superseded) | None),
                    "{end:?}"
                );
                left.push(device);
            }
            // Nobody holds up the one that stays: its messages come by themselves.
            let gone = left.iter().map(|left| left.first).sum::<u64>();
            taken.has(30 - gone + 1).await;
            server.shutdown(Duration::ZERO).await;
            let last = first_of(&mut devices).await.expect("nobody is refused");
            assert_eq!(last.end.clone().unwrap().reason, Some(Reason::ShuttingDown));
            left.push(last);
            let stories = program.await.unwrap();
            is_settled(&server, &stories, &left);
            let superseded = |story: &Story| story.end.cause == Cause::Superseded;
            assert_eq!(stories.len(), 3);
            assert!(stories[..2].iter().all(superseded) && !superseded(&stories[2]));
        });
    });
}

/// Two devices, the server's program and its shutdown, all at once.
fn two_and_a_shutdown(does: Does) {
    let server = server();
    let program = serve(&server, does);
    let devices = [0, 10].map(|n| device(&server, n..n + 2));
    let shutdown = shutdown(&server);
    block_on(async {
        let mut left = Vec::new();
        for device in devices {
            left.extend(device.await.unwrap());
        }
        shutdown.await.unwrap();
        is_settled(&server, &program.await.unwrap(), &left);
    });
}

#[test]
fn a_shutdown_at_any_moment_leaves_nothing_behind() {
    explore(400, || two_and_a_shutdown(Does::Nothing));
}

/// Two devices, the server's program, and the server is dropped, all at once.
#[test]
fn a_server_that_is_dropped_at_any_moment_leaves_nothing_behind() {
    explore(400, || {
        let server = server();
        let program = serve(&server, Does::Nothing);
        let devices = [0, 10].map(|n| device(&server, n..n + 2));
        // What dropping it does; the others here have it in hand.
        let dropped = {
            let server = server.clone();
            spawn(async move { server.shared.stop() })
        };
        block_on(async {
            let mut left = Vec::new();
            for device in devices {
                left.extend(device.await.unwrap());
            }
            dropped.await.unwrap();
            let stories = program.await.unwrap();
            server.none_carried().await;
            // Those who were registering are aborted, and end at their next turn.
            while server.stats().now.unregistered > 0 {
                yield_now().await;
            }
            is_settled(&server, &stories, &left);
        });
    });
}

#[test]
fn nor_does_one_while_the_program_closes() {
    explore(400, || two_and_a_shutdown(Does::Close));
}

#[test]
fn a_kick_of_the_old_session_does_not_touch_the_new() {
    explore(400, || {
        let server = server();
        let program = serve(&server, Does::Kick);
        let mut devices = Vec::from([0, 10].map(|n| device(&server, n..n + 2)));
        block_on(async {
            let first = first_of(&mut devices).await.expect("nobody is refused");
            let mut left = vec![first];
            // Whether it was kicked or superseded, the other lives; unless it was the
            // first one, which is kicked after the other was superseded by it.
            server.shutdown(Duration::ZERO).await;
            left.extend(devices.pop().unwrap().await.unwrap());
            let stories = program.await.unwrap();
            is_settled(&server, &stories, &left);
            for later in &stories[1..] {
                assert_ne!(later.end.reason, Some(Reason::Kicked), "{stories:?}");
            }
        });
    });
}

#[test]
fn what_a_lost_connection_brought_holds_up_the_next_session_until_it_is_taken() {
    explore(400, || {
        let server = server();
        let taken = Arc::default();
        let program = serve_and_tell(&server, Does::Nothing, &taken);
        block_on(async {
            let Attempt::In(before) = register(&server).await else {
                panic!("nobody is refused");
            };
            for n in 0..2 {
                before.core.send(message(n)).await.unwrap();
            }
            taken.has(0).await;
            before.scissors.cut();
            let next = device(&server, 10..12);
            taken.has(11).await;
            server.shutdown(Duration::ZERO).await;
            let left = next.await.unwrap().expect("nobody is refused");
            is_settled(&server, &program.await.unwrap(), &[left]);
        });
    });
}

/// One device loses its connection and resumes, another registers, and the program does
/// what it does.
fn a_resume_and_a_registration(does: Does) {
    let server = server();
    let program = serve(&server, does);
    block_on(async {
        let before = match register(&server).await {
            Attempt::In(device) => device,
            other => panic!("{other:?}"),
        };
        for n in 0..2 {
            // The program may close meanwhile.
            let _ = before.core.send(message(n)).await;
        }
        before.scissors.cut();
        let other = device(&server, 10..12);
        let again = {
            let server = server.clone();
            spawn(async move {
                let (was, core) = (before.welcome.epoch, before.core.clone());
                let back = match resume(&server, &before).await {
                    Attempt::In(device) if device.welcome.resumed => {
                        assert!(device.welcome.epoch > was);
                        let mut left = stay(device, 2..4).await;
                        left.first = 0;
                        return vec![left];
                    }
                    // Its session is over; this is another.
                    Attempt::In(device) => Some(stay(device, 20..22).await),
                    Attempt::Gone | Attempt::Refused(_) => None,
                };
                let first = Left {
                    epoch: was,
                    core,
                    end: None,
                    first: 0,
                };
                std::iter::once(first).chain(back).collect()
            })
        };
        let mut left = Vec::new();
        let mut both = vec![
            spawn(async move { other.await.unwrap().into_iter().collect() }),
            again,
        ];
        left.extend(first_of(&mut both).await);
        server.shutdown(Duration::ZERO).await;
        left.extend(first_of(&mut both).await);
        is_settled(&server, &program.await.unwrap(), &left);
    });
}

#[test]
fn a_resume_and_a_registration_at_once_leave_one_session() {
    explore(400, || a_resume_and_a_registration(Does::Nothing));
}

#[test]
fn so_they_do_while_the_program_closes() {
    explore(400, || a_resume_and_a_registration(Does::Close));
}
