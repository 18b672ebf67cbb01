//! Waiting for a condition instead of sleeping and hoping.

use std::thread;
use std::time::{Duration, Instant};

/// What a polled condition may answer: `bool`, or an `Option` or `Result` with
/// the value waited for.
pub trait Outcome {
    /// What [`eventually`] returns once the condition holds.
    type Value;
    /// `Ok` when the condition holds, else what to say about it at the deadline.
    fn outcome(self) -> Result<Self::Value, String>;
}

impl Outcome for bool {
    type Value = ();
    fn outcome(self) -> Result<(), String> {
        if self {
            Ok(())
        } else {
            Err("still false".to_owned())
        }
    }
}

impl<T> Outcome for Option<T> {
    type Value = T;
    fn outcome(self) -> Result<T, String> {
        self.ok_or_else(|| "still none".to_owned())
    }
}

impl<T, E: std::fmt::Display> Outcome for Result<T, E> {
    type Value = T;
    fn outcome(self) -> Result<T, String> {
        self.map_err(|error| error.to_string())
    }
}

/// Polls `condition` until it holds and returns its value.
///
/// # Panics
/// With `what` when it does not hold within `within`. The condition is tried
/// at least once, and once more after the deadline, so that a machine that was
/// busy elsewhere does not fail a condition that holds by now.
#[track_caller]
pub fn eventually<O: Outcome>(
    what: &str,
    within: Duration,
    mut condition: impl FnMut() -> O,
) -> O::Value {
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        let late = start.elapsed() >= within;
        match condition().outcome() {
            Ok(value) => return value,
            Err(last) if late => panic!("not within {within:?}: {what} ({last})"),
            Err(_) => thread::sleep(pause),
        }
        pause = (pause * 2).min(Duration::from_millis(25));
    }
}
