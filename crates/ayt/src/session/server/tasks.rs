//! The server's own tasks: accepting, the registry's timers, and the session store.

use std::future::{Future, poll_fn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::connection::accepted;
use super::log;
use super::shared::{Shared, lock};
use super::stats::one_more;
use crate::session::store::{Conflict, Kick, Kicks, Record, Unavailable};

/// The first and the longest pause after accepting failed.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));
/// The pause after the store did not answer; the bound on its last answer.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// Accepts until the server closes. Where there are no descriptors or no memory, it
/// pauses, longer each time up to a second: the connection stays in the kernel's queue,
/// so that trying again at once would only spin.
pub(super) async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    let mut pause = PAUSES.0;
    loop {
        let next = tokio::select! {
            biased;
            () = shared.closes() => return,
            next = listener.accept() => next,
        };
        match next {
            Ok((io, peer)) => {
                pause = PAUSES.0;
                accepted(&shared, io, peer);
            }
            Err(error) if is_of_one_connection(&error) => {
                one_more(&shared.counters.accept_errors);
            }
            Err(error) => {
                one_more(&shared.counters.accept_errors);
                if pause == PAUSES.0 {
                    log::cannot_accept(&error);
                }
                tokio::select! {
                    () = shared.closes() => return,
                    () = sleep(pause) => {}
                }
                pause = (pause * 2).min(PAUSES.1);
            }
        }
    }
}

/// The connection that was to be accepted failed, not accepting (accept(2)).
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// Keeps the registry's timers.
pub(super) async fn keep_time(shared: Arc<Shared>) {
    loop {
        let next = shared.book(|book, now| {
            book.registry.handle_timeout(now);
            book.registry.next_deadline()
        });
        *lock(&shared.armed) = next;
        // What came in between is told by a permit that stays.
        let wait = async {
            match next {
                Some(next) => {
                    let left = next.saturating_sub(shared.clock.now());
                    sleep_until(Instant::now() + left).await;
                }
                None => std::future::pending().await,
            }
        };
        let armed_since = shared.book(|book, _| book.registry.next_deadline());
        if armed_since < next || (next.is_none() && armed_since.is_some()) {
            continue;
        }
        tokio::select! {
            biased;
            () = wait => {}
            () = shared.sooner.notified() => {}
        }
    }
}

/// Lets go of what other servers have taken over.
pub(super) async fn hear_kicks(shared: Arc<Shared>, mut kicks: Box<dyn Kicks>) {
    loop {
        let next = async { Ok(kicks.next().await) };
        let Kick { identity, epoch } = match caught(next).await {
            Ok(Some(kick)) => kick,
            Ok(None) => return,
            Err(error) => {
                log::store("kicks of other servers are not heard for now", &error);
                sleep(STORE_PAUSE).await;
                continue;
            }
        };
        // One that registered here since has a larger epoch, and stays.
        shared.book(|book, now| book.supersede(now, &identity, epoch));
        // One whose record is set already is in the book only when its registration lets
        // go of the gate: the kick may be meant for that. The next kick does not wait.
        if !shared.is_free(&identity) {
            let later = shared.clone();
            shared.spawn(async move {
                let _gate = later.gate(&identity).await;
                later.book(|book, now| book.supersede(now, &identity, epoch));
            });
        }
    }
}

/// Lets the records follow what became of their sessions.
pub(super) async fn mirror(shared: Arc<Shared>) {
    loop {
        shared.mirror.notified().await;
        if let Err(error) = caught(follow(&shared)).await {
            log::store("records of sessions that ended are kept for now", &error);
            sleep(STORE_PAUSE).await;
            shared.mirror.notify_one();
        }
    }
}

/// For the last time: what the store does not take within a second, its lease forgets.
pub(super) async fn follow_at_last(shared: &Shared) {
    let error = match timeout(STORE_PAUSE, caught(follow(shared))).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error,
        Err(_) => Unavailable::new(format!("not within {STORE_PAUSE:?}")),
    };
    log::store("records of this server stay in the store", &error);
}

/// A panic of the program's store, as its error: the server's own tasks go on.
async fn caught<T>(asked: impl Future<Output = Result<T, Unavailable>>) -> Result<T, Unavailable> {
    let mut asked = pin!(asked);
    poll_fn(|cx| {
        let poll = || asked.as_mut().poll(cx);
        match catch_unwind(AssertUnwindSafe(poll)) {
            Ok(poll) => poll,
            // A scenario that fails is to fail.
            Err(panic) if cfg!(ayt_explore) => resume_unwind(panic),
            Err(_) => Poll::Ready(Err(Unavailable::new("it has panicked"))),
        }
    })
    .await
}

/// Brings every record up to date that may not be.
async fn follow(shared: &Shared) -> Result<(), Unavailable> {
    loop {
        let next = shared.book(|book, _| book.next_changed());
        let Some(identity) = next else {
            return Ok(());
        };
        let gate = shared.gate(&identity).await;
        shared.book(|book, _| book.follows(&identity));
        follow_one(shared, &identity).await?;
        drop(gate);
        shared.book(|book, _| book.has_followed());
    }
}

/// Tells the server whose record was replaced that it has lost the identity. Under the
/// identity's gate.
pub(super) async fn tell_older(shared: &Shared, identity: &Bytes) -> Result<(), Unavailable> {
    let older = shared.book(|book, _| book.taken_from.get(identity).cloned());
    if let Some(Record { node, epoch, .. }) = older {
        let kick = Kick {
            identity: identity.clone(),
            epoch,
        };
        shared.store.kick(&node, kick).await?;
        shared.book(|book, _| book.taken_from.remove(identity));
    }
    Ok(())
}

/// Under the identity's gate.
async fn follow_one(shared: &Shared, identity: &Bytes) -> Result<(), Unavailable> {
    let record = shared.store.get(identity).await?;
    let Some(record) = record.filter(|record| record.node == shared.node) else {
        shared.book(|book, _| book.taken_from.remove(identity));
        return Ok(());
    };
    tell_older(shared, identity).await?;
    let own = shared.book(|book, _| {
        let current = book.registry.current(identity);
        current.map(|(epoch, live, _)| (epoch, live))
    });
    match own {
        None => shared.store.forget(identity, &record).await,
        // The record's epoch may be the larger one, where a registration has set it and
        // was refused after. It stays: epochs only grow.
        Some((epoch, live)) if epoch <= record.epoch && live != record.connected => {
            let new = Record {
                connected: live,
                ..record.clone()
            };
            let set = shared.store.compare_and_set(identity, Some(&record), new);
            match set.await {
                // Whoever was faster knows better.
                Ok(()) | Err(Conflict::Changed(_)) => Ok(()),
                Err(Conflict::Unavailable(error)) => Err(error),
            }
        }
        Some(_) => Ok(()),
    }
}
