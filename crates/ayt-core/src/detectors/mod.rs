//! Detectors: is the other side still there, judged from when bytes came?
//!
//! Every detector is a state machine without I/O or clock. Times are offsets from
//! one origin of the caller's choice (the start of a process, of a test); they must
//! not go backwards.
//!
//! # How to call one
//!
//! 1. [`Detector::on_received`] whenever bytes came in, however few: life is bytes
//!    received, never bytes written, never whole messages.
//! 2. Call [`Detector::poll`] at [`Detector::next_deadline`], not earlier. The
//!    deadline moves with what is received, so ask for it again when the timer that
//!    was set for the old one fires: a received byte costs a store, not a timer.
//! 3. On [`Judgement::Suspect`] ask the peer something it must answer, and go on
//!    with 1 and 2. On [`Judgement::Silent`] it has had its time.
//!
//! While the caller does not read, it must call [`Detector::pause`]: a silence that
//! nobody listened to proves nothing.

pub mod accrual;
pub mod adaptive;
pub mod fixed;
mod silence;
pub mod terms;

use std::fmt::Debug;
use std::time::Duration;

pub use accrual::{Accrual, AccrualTerms};
pub use adaptive::Adaptive;
pub use fixed::Fixed;
pub use terms::{BadTerms, Terms};

/// What a detector says when it is polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Judgement {
    /// Heard recently enough.
    Alive,
    /// Overdue: the peer is to be asked now. Said once for each silence.
    Suspect,
    /// Asked, or not to be asked, and silent for all of its time.
    Silent,
    /// The poll itself came later than its deadline by this much (the machine
    /// slept, the process was stopped): nothing is judged, and a new silence
    /// begins. Read before the next poll.
    Late(Duration),
}

/// Judges one peer.
pub trait Detector: Debug {
    /// Bytes have been received.
    fn on_received(&mut self, now: Duration);

    /// Nothing is read from now on; the silence that follows does not count.
    fn pause(&mut self, now: Duration);

    /// Reading goes on: a new silence begins.
    fn resume(&mut self, now: Duration);

    /// When to poll next; `None` while paused, or after [`Judgement::Silent`].
    fn next_deadline(&self) -> Option<Duration>;

    /// Judges. Before the deadline it is always [`Judgement::Alive`].
    fn poll(&mut self, now: Duration) -> Judgement;
}
