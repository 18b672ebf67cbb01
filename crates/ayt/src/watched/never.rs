//! The detector that detects nothing.

use std::time::Duration;

use ayt_core::detectors::{Detector, Judgement};

/// Never suspects anybody: for connections whose peer may be silent for ever, or
/// is watched by the kernel's keepalive alone. Ends still get their typed cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Never;

impl Detector for Never {
    fn on_received(&mut self, _now: Duration) {}

    fn pause(&mut self, _now: Duration) {}

    fn resume(&mut self, _now: Duration) {}

    fn next_deadline(&self) -> Option<Duration> {
        None
    }

    fn poll(&mut self, _now: Duration) -> Judgement {
        Judgement::Alive
    }
}
