//! Several things done at once, on threads of their own.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::sync::lock;

/// How often `done` is called without anything being done.
const TICK: Duration = Duration::from_millis(100);

/// Does the work of these numbers, `at_once` at a time. `done` gets what each brought,
/// and is also called now and then without. `stop` ends it: what is under way then
/// counts as not done, for it was not waited for to its end.
pub(crate) fn batch<T: Send>(
    numbers: VecDeque<usize>,
    at_once: usize,
    stop: &AtomicBool,
    work: impl Fn(usize) -> T + Sync,
    mut done: impl FnMut(usize, Option<T>),
) {
    let workers = at_once.min(numbers.len());
    let waiting = Mutex::new(numbers);
    let (results, arriving) = channel();
    thread::scope(|scope| {
        for _ in 0..workers {
            let (waiting, work, results) = (&waiting, &work, results.clone());
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let Some(number) = lock(waiting).pop_front() else {
                        return;
                    };
                    let brought = work(number);
                    let stopped = stop.load(Ordering::Relaxed);
                    if stopped || results.send((number, brought)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(results);
        loop {
            match arriving.recv_timeout(TICK) {
                Ok((number, brought)) => done(number, Some(brought)),
                Err(RecvTimeoutError::Timeout) => done(0, None),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    });
}
