//! The timers of all connections that carry a session, in one map and with one task.
//!
//! A timer of tokio's takes 112 bytes and an allocation for each connection; an alarm
//! takes 32 in a map. Few of them are ever moved: one that is set for an earlier time than
//! is needed by now is left alone and wakes its task in vain, once.
//!
//! Why not core's wheel, which takes half of that and less time? Its
//! [`Supervisor`](ayt_core::supervise::Supervisor) judges silences, and nothing else; a
//! connection has five other timers, down to an acknowledgement's 50 ms, and a wheel whose
//! tick is fine enough for those would wake the server a thousand times a second for
//! nothing. A map wakes it for what is due only, to the millisecond, and at a heartbeat
//! every half minute the logarithm is not seen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ayt_core::compact::Nanos;
use ayt_core::session::registry::Conn;
use tokio::time::sleep_until;

use super::shared::{Shared, lock};
use crate::sync::{Mutex, Notify};

/// When to wake whom.
#[derive(Debug)]
pub(super) struct Alarms {
    /// Each connection has one at most.
    set: Mutex<BTreeMap<(Nanos, Conn), Waker>>,
    /// The first of them is another than the task knows.
    sooner: Notify,
}

impl Alarms {
    pub(super) fn new() -> Self {
        Self {
            set: Mutex::default(),
            sooner: Notify::new(),
        }
    }

    /// See [`Owner::poll_alarm`](crate::session::driver::Owner::poll_alarm). `alarm` is
    /// what the connection has set, and is kept by it.
    pub(super) fn poll(
        &self,
        cx: &Context<'_>,
        now: Duration,
        (alarm, conn): (&mut Option<Nanos>, Conn),
        at: Option<Duration>,
    ) -> Poll<()> {
        let Some(at) = at else {
            self.forget(alarm, conn);
            return Poll::Pending;
        };
        if alarm.is_some_and(|set| set.get() <= now) || at <= now {
            self.forget(alarm, conn);
            return Poll::Ready(());
        }
        let at = Nanos::new(at);
        if alarm.is_some_and(|set| set <= at) {
            return Poll::Pending;
        }
        let mut all = lock(&self.set);
        if let Some(later) = alarm.take() {
            all.remove(&(later, conn));
        }
        all.insert((at, conn), cx.waker().clone());
        let is_first = all
            .first_key_value()
            .is_some_and(|(key, _)| *key == (at, conn));
        drop(all);
        *alarm = Some(at);
        if is_first {
            self.sooner.notify_one();
        }
        Poll::Pending
    }

    /// Nobody is to be woken.
    pub(super) fn forget(&self, alarm: &mut Option<Nanos>, conn: Conn) {
        if let Some(at) = alarm.take() {
            lock(&self.set).remove(&(at, conn));
        }
    }

    /// When the next is due.
    fn next(&self) -> Option<Duration> {
        let all = lock(&self.set);
        all.first_key_value().map(|((at, _), _)| at.get())
    }

    /// Wakes all that are due. Each finds its alarm gone, and sets another.
    fn ring(&self, now: Duration) {
        let mut due = Vec::new();
        let mut all = lock(&self.set);
        while let Some(first) = all.first_entry()
            && first.key().0.get() <= now
        {
            due.push(first.remove());
        }
        drop(all);
        for waker in due {
            waker.wake();
        }
    }
}

/// Wakes connections when it is time.
pub(super) async fn ring(shared: Arc<Shared>) {
    loop {
        let alarms = &shared.alarms;
        alarms.ring(shared.clock.now());
        // One that is set from here on, and is the first, leaves a permit.
        let wait = async {
            match alarms.next() {
                Some(next) => sleep_until(shared.clock.at(next)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = alarms.sooner.notified() => {}
            () = wait => {}
        }
    }
}
