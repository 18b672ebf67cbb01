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

#[cfg(test)]
#[cfg(ayt_explore)]
mod explore;

use std::collections::BTreeMap;
use std::future::pending;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ayt_core::compact::Nanos;
use ayt_core::session::registry::Conn;
use tokio::time::sleep_until;

use super::shared::lock;
use crate::session::driver::Clock;
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
    pub(super) fn next(&self) -> Option<Duration> {
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

/// Wakes connections when it is time. Never ready.
pub(super) async fn ring(alarms: &Alarms, clock: Clock) {
    loop {
        alarms.ring(clock.now());
        // Asked for before the first is looked at: one that becomes the first after that
        // leaves a permit, or wakes this.
        let sooner = alarms.sooner.notified();
        let wait = async {
            match alarms.next() {
                Some(next) => sleep_until(clock.at(next)).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            () = sooner => {}
            () = wait => {}
        }
    }
}

#[cfg(test)]
#[cfg(not(ayt_explore))]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// One connection.
    struct One {
        conn: Conn,
        alarm: Option<Nanos>,
        woken: Arc<Woken>,
    }

    fn one(conn: u64) -> One {
        One {
            conn: Conn(conn),
            alarm: None,
            woken: Arc::default(),
        }
    }

    impl One {
        fn poll(&mut self, alarms: &Alarms, now: u64, at: Option<u64>) -> bool {
            let waker = Waker::from(self.woken.clone());
            let cx = Context::from_waker(&waker);
            let alarm = (&mut self.alarm, self.conn);
            alarms.poll(&cx, MS(now), alarm, at.map(MS)).is_ready()
        }

        fn woken(&self) -> usize {
            self.woken.0.load(Ordering::Relaxed)
        }
    }

    fn set(alarms: &Alarms) -> Vec<(u64, u64)> {
        let all = lock(&alarms.set);
        let each = all
            .keys()
            .map(|(at, conn)| (at.get().as_millis() as u64, conn.0));
        each.collect()
    }

    #[test]
    fn each_is_woken_when_it_is_due_and_not_before() {
        let alarms = Alarms::new();
        let (mut a, mut b) = (one(1), one(2));
        assert!(!a.poll(&alarms, 0, Some(50)) && !b.poll(&alarms, 0, Some(50)));
        assert_eq!(alarms.next(), Some(MS(50)));
        alarms.ring(MS(49));
        assert_eq!((a.woken(), b.woken()), (0, 0));
        alarms.ring(MS(50));
        assert_eq!((a.woken(), b.woken()), (1, 1));
        assert_eq!(alarms.next(), None);
        assert!(a.poll(&alarms, 50, Some(50)));
        // What is due already needs no alarm.
        assert!(a.poll(&alarms, 60, Some(60)));
        assert_eq!(set(&alarms), []);
    }

    #[test]
    fn those_that_are_due_later_wait_whatever_the_order_they_came_in() {
        let alarms = Alarms::new();
        let times = [40, 10, 30, 20];
        let mut all: Vec<One> = (0..4).map(one).collect();
        for (one, at) in all.iter_mut().zip(times) {
            assert!(!one.poll(&alarms, 0, Some(at)));
        }
        for now in [10, 20, 30, 40] {
            assert_eq!(alarms.next(), Some(MS(now)));
            alarms.ring(MS(now));
            for (one, at) in all.iter().zip(times) {
                assert_eq!(one.woken(), usize::from(at <= now), "{at} at {now}");
            }
        }
    }

    #[test]
    fn who_is_forgotten_is_not_woken_and_the_other_of_that_instant_is() {
        let alarms = Alarms::new();
        let (mut a, mut b) = (one(1), one(2));
        assert!(!a.poll(&alarms, 0, Some(50)) && !b.poll(&alarms, 0, Some(50)));
        alarms.forget(&mut a.alarm, a.conn);
        assert_eq!((set(&alarms), a.alarm), (vec![(50, 2)], None));
        // Again changes nothing.
        alarms.forget(&mut a.alarm, a.conn);
        alarms.ring(MS(50));
        assert_eq!((a.woken(), b.woken()), (0, 1));
    }

    /// The task that rings knows of an alarm that is sooner than what it waits for.
    #[tokio::test(start_paused = true)]
    async fn one_that_is_sooner_than_all_before_is_rung_at_its_time() {
        let clock = Clock::start();
        let alarms = Arc::new(Alarms::new());
        let ringing = alarms.clone();
        let ringing = tokio::spawn(async move { ring(&ringing, clock).await });
        let mut all: Vec<One> = (0..3).map(one).collect();
        for (one, at) in all.iter_mut().zip([3_600_000, 60_000, 50]) {
            assert!(!one.poll(&alarms, 0, Some(at)));
            // It waits for this one now.
            tokio::task::yield_now().await;
        }
        let woken = || all.iter().map(One::woken).collect::<Vec<_>>();
        tokio::time::sleep(MS(49)).await;
        assert_eq!(woken(), [0, 0, 0]);
        tokio::time::sleep(MS(2)).await;
        assert_eq!(woken(), [0, 0, 1]);
        tokio::time::sleep(MS(60_000)).await;
        assert_eq!(woken(), [0, 1, 1]);
        ringing.abort();
    }

    #[test]
    fn a_later_time_moves_nothing_and_an_earlier_one_does() {
        let alarms = Alarms::new();
        let mut one = one(1);
        assert!(!one.poll(&alarms, 0, Some(50)));
        assert!(!one.poll(&alarms, 10, Some(90)));
        assert_eq!(set(&alarms), [(50, 1)]);
        assert!(!one.poll(&alarms, 10, Some(20)));
        assert_eq!(set(&alarms), [(20, 1)]);
        // Woken in vain, it is asked anew.
        assert!(!one.poll(&alarms, 15, Some(90)));
        alarms.ring(MS(20));
        assert!(one.poll(&alarms, 20, Some(90)) && one.woken() == 1);
        assert!(!one.poll(&alarms, 20, Some(90)));
        assert_eq!(set(&alarms), [(90, 1)]);
        assert!(!one.poll(&alarms, 20, None));
        assert_eq!((set(&alarms), one.alarm), (vec![], None));
    }

    #[test]
    fn who_is_polled_before_it_is_rung_leaves_nothing_behind() {
        let alarms = Alarms::new();
        let mut one = one(1);
        assert!(!one.poll(&alarms, 0, Some(50)));
        assert!(one.poll(&alarms, 51, Some(50)));
        assert_eq!(set(&alarms), []);
        alarms.ring(MS(60));
        assert_eq!(one.woken(), 0);
    }
}
