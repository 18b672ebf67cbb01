//! Connections that set alarms while others ring, under many interleavings.

use std::sync::Arc;

use super::*;
use crate::explore::{advance, block_on, explore, spawn, yield_now};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// A wake-up that is lost is a deadlock.
#[test]
fn nobody_is_forgotten_whatever_is_set_meanwhile() {
    explore(500, || {
        let clock = Clock::start();
        let alarms = Arc::new(Alarms::new());
        let over = Arc::new(Notify::new());
        let ringing = {
            let (alarms, over) = (alarms.clone(), over.clone());
            spawn(async move {
                tokio::select! {
                    biased;
                    () = over.notified() => {}
                    () = ring(&alarms, clock) => {}
                }
            })
        };
        // The second becomes the first, and moves once.
        let connection = |conn, times: &'static [u64]| {
            let alarms = alarms.clone();
            spawn(async move {
                let mut alarm = None;
                for &at in times {
                    let due = std::future::poll_fn(|cx| {
                        let now = clock.now();
                        if now >= MS(at) {
                            return Poll::Ready(());
                        }
                        let alarm = (&mut alarm, Conn(conn));
                        alarms.poll(cx, now, alarm, Some(MS(at)))
                    });
                    due.await;
                }
                alarms.forget(&mut alarm, Conn(conn));
            })
        };
        let tasks = [connection(1, &[30]), connection(2, &[10, 20])];
        for _ in 0..3 {
            advance(MS(10));
            block_on(yield_now());
        }
        block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
            over.notify_one();
            ringing.await.unwrap();
        });
        assert_eq!(alarms.next(), None);
    });
}
