//! Whom the task of a connection works for.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Sleep, sleep_until};

use super::{Core, Notice};

/// The owner of a session, as the task of its connection knows it. It is dropped after
/// the connection is closed.
pub(crate) trait Owner {
    /// The session.
    fn core(&self) -> &Core;

    /// Something happened. Told outside of any lock.
    fn notice(&mut self, notice: Notice);

    /// Wakes the task at a time, or never: ready when a time that was set has come, which
    /// may be an earlier one than `at`. One that is set for an earlier time is left alone:
    /// it wakes in vain, once, which is cheaper than moving it with each message.
    fn poll_alarm(&mut self, cx: &mut Context<'_>, at: Option<Duration>) -> Poll<()>;
}

/// A session with a timer of its own.
pub(crate) struct Alone<N> {
    core: Arc<Core>,
    notice: N,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl<N> Alone<N> {
    pub(super) const fn new(core: Arc<Core>, notice: N) -> Self {
        Self {
            core,
            notice,
            sleep: None,
        }
    }
}

impl<N: FnMut(Notice)> Owner for Alone<N> {
    fn core(&self) -> &Core {
        &self.core
    }

    fn notice(&mut self, notice: Notice) {
        (self.notice)(notice);
    }

    fn poll_alarm(&mut self, cx: &mut Context<'_>, at: Option<Duration>) -> Poll<()> {
        let Some(at) = at else {
            self.sleep = None;
            return Poll::Pending;
        };
        let at = self.core.clock.at(at);
        match &mut self.sleep {
            Some(sleep) if sleep.deadline() <= at => {}
            Some(sleep) => sleep.as_mut().reset(at),
            none => *none = Some(Box::pin(sleep_until(at))),
        }
        let Some(sleep) = &mut self.sleep else {
            return Poll::Pending;
        };
        ready!(sleep.as_mut().poll(cx));
        self.sleep = None;
        Poll::Ready(())
    }
}
