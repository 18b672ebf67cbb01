//! What a watched stream, its handles and its timer share, under loom: every order, and
//! every value that the memory model lets a load see.
//!
//! `LOOM_MAX_PREEMPTIONS` bounds the orders (without: all of them), `LOOM_LOG` tells
//! them; see loom's own documentation.

// Where that file finds `crate::cause` and `crate::sync`.
mod cause {
    pub(crate) use ayt_core::cause::Cause;
}
mod sync {
    pub(crate) use loom::sync::{Mutex, MutexGuard, atomic};
    pub(crate) use std::sync::PoisonError;
    pub(crate) use tokio::sync::Notify;

    use atomic::{AtomicUsize, Ordering};

    /// As std's, which loom has not.
    #[derive(Debug)]
    pub(crate) struct OnceLock<T> {
        value: std::sync::OnceLock<T>,
        /// 0: nothing yet; 1: being set; 2: there.
        state: AtomicUsize,
    }

    impl<T> Default for OnceLock<T> {
        fn default() -> Self {
            Self {
                value: std::sync::OnceLock::new(),
                state: AtomicUsize::new(0),
            }
        }
    }

    impl<T> OnceLock<T> {
        pub(crate) fn get(&self) -> Option<&T> {
            if self.state.load(Ordering::Acquire) == 2 {
                self.value.get()
            } else {
                None
            }
        }

        pub(crate) fn set(&self, value: T) -> Result<(), T> {
            let (order, failed) = (Ordering::Acquire, Ordering::Acquire);
            if self.state.compare_exchange(0, 1, order, failed).is_ok() {
                let set = self.value.set(value);
                self.state.store(2, Ordering::Release);
                return set;
            }
            // Std waits for who is faster.
            while self.state.load(Ordering::Acquire) != 2 {
                loom::thread::yield_now();
            }
            Err(value)
        }
    }
}

#[path = "../../ayt/src/watched/shared.rs"]
mod shared;

use std::future::Future as _;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use cause::Cause;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;
use shared::{Shared, Side};

/// Knows whether it was woken.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Woken {
    fn waker() -> (Arc<Self>, Waker) {
        let woken = Arc::new(Self::default());
        (woken.clone(), woken.into())
    }

    fn was(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[test]
fn an_end_is_seen_or_wakes_both_directions() {
    loom::model(|| {
        let shared = Arc::new(Shared::default());
        let ends = [Cause::Superseded, Cause::Destroyed].map(|cause| {
            let shared = shared.clone();
            thread::spawn(move || shared.decide(cause))
        });
        // As a read and a write that are awaited do: first the waker, then the look.
        let (woken, waker) = Woken::waker();
        let cx = Context::from_waker(&waker);
        shared.waits(Side::Read, &cx);
        shared.waits(Side::Write, &cx);
        let seen = shared.decided().is_some();
        let first = ends.map(|end| end.join().unwrap());
        assert!(seen || woken.was(), "it would wait for ever");
        assert_eq!(first.iter().filter(|first| **first).count(), 1);
        let cause = if first[0] {
            Cause::Superseded
        } else {
            Cause::Destroyed
        };
        assert_eq!(shared.decided(), Some(cause));
        assert_eq!(shared.cause(), Some(cause));
    });
}

#[test]
fn who_waits_for_the_cause_is_told() {
    loom::model(|| {
        let shared = Arc::new(Shared::default());
        let ending = {
            let shared = shared.clone();
            thread::spawn(move || shared.decide(Cause::Superseded))
        };
        let mut told = Box::pin(shared.told());
        told.as_mut().enable();
        let seen = shared.cause().is_some();
        ending.join().unwrap();
        let (_, waker) = Woken::waker();
        let now = told.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(seen || now.is_ready(), "it would wait for ever");
    });
}

#[test]
fn a_hold_that_came_and_went_is_seen_or_wakes() {
    loom::model(|| {
        let shared = Arc::new(Shared::default());
        let holding = {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.hold();
                shared.unhold();
            })
        };
        let (woken, waker) = Woken::waker();
        shared.waits(Side::Read, &Context::from_waker(&waker));
        // As a read that is awaited does.
        let seen = shared.holds() || shared.holds_taken() > 0;
        holding.join().unwrap();
        assert!(
            seen || woken.was(),
            "the silence under the hold would count"
        );
        assert!(!shared.holds() && shared.holds_taken() == 1);
    });
}

#[test]
fn who_sees_a_hold_gone_sees_that_it_was_taken() {
    loom::model(|| {
        let shared = Arc::new(Shared::default());
        let holding = {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.hold();
                shared.unhold();
            })
        };
        // Two looks without any lock between them and the holder.
        let held = shared.holds();
        let gone = held && !shared.holds();
        assert!(!gone || shared.holds_taken() == 1);
        assert!(
            !held || shared.holds_taken() == 1,
            "taken before it is held"
        );
        holding.join().unwrap();
    });
}

#[test]
fn a_place_is_given_back_once() {
    loom::model(|| {
        let shared = Arc::new(Shared::default());
        let runs = Arc::new(loom::sync::atomic::AtomicUsize::new(0));
        let counted = runs.clone();
        shared.set_registration(Box::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        }));
        // One registers it, another lets go of it.
        let others = [Shared::register, Shared::release].map(|act| {
            let shared = shared.clone();
            thread::spawn(move || act(&shared))
        });
        let first = others.map(|other| other.join().unwrap());
        assert!(first[0] != first[1]);
        assert_eq!(runs.load(Ordering::Relaxed), 1);
        assert!(!shared.is_unregistered());
    });
}
