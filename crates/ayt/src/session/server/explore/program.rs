//! The server's program: takes every session and every message, and sees to it that
//! what it is given keeps the promises.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ayt_core::session::frame::Retry;
use shuttle::future::JoinHandle;
use tokio::sync::Notify;

use super::super::held::Kept;
use super::super::{Server, Session, SessionEvent};
use super::device::number;
use crate::explore::spawn;
use crate::session::SessionEnd;

/// One session, from its first event to its last.
#[derive(Debug)]
pub(super) struct Story {
    /// Those of its connections, in order.
    pub(super) epochs: Vec<u64>,
    pub(super) messages: Vec<u64>,
    /// The session before this one, and how many messages it had brought when this one's
    /// were handed over.
    before: Option<(u64, u64)>,
    pub(super) end: SessionEnd,
    /// Not dropped before all is over: that would release whoever waits for it.
    _session: Session,
}

/// Every session that was given, in the order of their coming.
type Given = Arc<Mutex<Vec<Arc<Kept>>>>;

/// What the program was handed, of all sessions.
#[derive(Debug, Default)]
pub(super) struct Taken {
    messages: Mutex<Vec<u64>>,
    news: Notify,
}

impl Taken {
    fn add(&self, message: u64) {
        self.messages.lock().unwrap().push(message);
        self.news.notify_waiters();
    }

    /// Waits until this one was handed over.
    pub(super) async fn has(&self, message: u64) {
        loop {
            let news = self.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            if self.messages.lock().unwrap().contains(&message) {
                return;
            }
            news.await;
        }
    }
}

/// What a program may do with the first session that it is given, at any moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    Nothing,
    Kick,
    Close,
}

/// Serves until the server closes; the sessions' stories, oldest first.
pub(super) fn serve(server: &Arc<Server>, does: Does) -> JoinHandle<Vec<Story>> {
    serve_and_tell(server, does, &Arc::default())
}

/// The same, and tells what it is handed.
pub(super) fn serve_and_tell(
    server: &Arc<Server>,
    does: Does,
    taken: &Arc<Taken>,
) -> JoinHandle<Vec<Story>> {
    let (server, taken) = (server.clone(), taken.clone());
    spawn(async move {
        let given = Given::default();
        let mut tasks = Vec::new();
        while let Some(session) = server.accept().await {
            let does = if tasks.is_empty() {
                does
            } else {
                Does::Nothing
            };
            let kept = session.kept_shared();
            given.lock().unwrap().push(kept);
            tasks.push(spawn(take(session, given.clone(), does, taken.clone())));
        }
        let mut stories = Vec::new();
        for task in tasks {
            stories.push(task.await.unwrap());
        }
        stories.sort_by_key(|story| story.epochs[0]);
        for story in &stories {
            if let Some((epoch, brought)) = story.before {
                let older = stories
                    .iter()
                    .find(|older| older.epochs.contains(&epoch))
                    .unwrap();
                assert_eq!(
                    older.messages.len() as u64,
                    brought,
                    "{story:?} came before {older:?}"
                );
            }
        }
        stories
    })
}

async fn take(mut session: Session, given: Given, does: Does, taken: Arc<Taken>) -> Story {
    let mut messages = Vec::new();
    let mut before = None;
    let now = Arc::new(Notify::new());
    if does != Does::Nothing {
        // At whatever moment this task has its turn.
        let now = now.clone();
        spawn(async move { now.notify_one() });
    }
    loop {
        let message = tokio::select! {
            biased;
            () = now.notified() => {
                match does {
                    Does::Kick => session.kick(Retry::Never, ""),
                    Does::Close => {
                        // Given up at once: it goes on.
                        let _ = tokio::time::timeout(Duration::ZERO, session.close()).await;
                    }
                    Does::Nothing => {}
                }
                continue;
            }
            message = session.recv() => message,
        };
        let Some(message) = message else {
            break;
        };
        messages.push(number(&message));
        taken.add(number(&message));
        // Of more than one that is over only the newest is waited for, and for one that is
        // over itself nobody.
        let mut older = given.lock().unwrap().clone();
        older.retain(|one| one.epoch() < session.epoch());
        if let Some(older) = older.iter().max_by_key(|one| one.epoch())
            && !session.kept_shared().awaits_hand_over()
            // What its client was told is lost is not waited for.
            && !older.core.is_settled()
        {
            let numbers = older.core.numbers();
            assert_eq!(
                numbers.handed_over, numbers.received,
                "{messages:?} came first"
            );
            before = Some((older.epoch(), numbers.received));
        }
    }
    let (numbers, took) = (session.numbers(), messages.len() as u64);
    if session.kept_shared().core.is_settled() {
        // The client was told so, in the place of a resume; one in hand counted as not
        // handed over.
        let told = numbers.handed_over..=numbers.handed_over + 1;
        assert!(told.contains(&took), "{numbers:?}, and it took {took}");
    } else {
        assert_eq!(numbers.received, took, "all that came in was handed over");
    }
    let end = session.ended().await;
    let mut epochs = Vec::new();
    let mut ended = None;
    while let Some(event) = session.next_event().await {
        assert_eq!(ended, None, "{event:?} after its end");
        match event {
            SessionEvent::Connected { epoch, .. } | SessionEvent::Resumed { epoch, .. } => {
                epochs.push(epoch);
            }
            SessionEvent::Ended { end, .. } => ended = Some(end),
            _ => {}
        }
    }
    assert!(epochs.is_sorted_by(|a, b| a < b), "{epochs:?}");
    let told = ended.expect("its end is the last event");
    assert_eq!(told, end, "one cause, to whomever it is told");
    Story {
        epochs,
        messages,
        before,
        end,
        _session: session,
    }
}
