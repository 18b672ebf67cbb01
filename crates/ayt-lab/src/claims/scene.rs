//! Where a claim is shown: hosts of its own, and the facts that were seen there.

use std::net::TcpStream;
use std::path::Path as FilePath;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ayt_core::keepalive::{Policy, Span};
use ayt_core::plan::{self, Ground, Path};
use ayt_sys::SysError;

use super::pair::Pair;
use crate::clock;
use crate::detectors::{Detector, Setting};
use crate::error::LabError;
use crate::faults::Fact;
use crate::runner::{Lateness, Surroundings};

/// Wakes of programs and threads, one after another, between a segment and what is told
/// of it; as for cells.
const WAKES: u32 = 3;
/// How often a condition is looked at that is waited for.
const LOOKS: Duration = Duration::from_millis(20);

/// What the claims of a run share.
#[derive(Debug)]
pub(super) struct Shared<'a> {
    /// A program whose main begins with
    /// [`main_if_subject`](crate::subjects::main_if_subject).
    pub(super) program: &'a FilePath,
    pub(super) surroundings: Surroundings,
    pub(super) lateness: Lateness,
    pub(super) stop: &'a AtomicBool,
    /// Hosts are made one at a time: it is work for the processor, and others measure.
    pub(super) making: Mutex<()>,
}

/// The stage of one claim, and its notebook.
#[derive(Debug)]
pub struct Scene<'a> {
    pub(super) shared: &'a Shared<'a>,
    pub(super) facts: Vec<Fact>,
    /// Something was later than planned, by this much; or wrong, on a machine that was
    /// late by this much. It is shown again.
    pub(super) over: Option<Duration>,
    /// And the machine itself was late enough to explain it.
    pub(super) held_up: Option<Duration>,
}

impl<'a> Scene<'a> {
    pub(super) const fn new(shared: &'a Shared<'a>) -> Self {
        Self {
            shared,
            facts: Vec::new(),
            over: None,
            held_up: None,
        }
    }

    /// Two hosts and a wire.
    pub(super) fn pair(&self) -> Result<Pair, LabError> {
        let _one = crate::sync::lock(&self.shared.making);
        Pair::make()
    }

    /// Notes what was seen, and whether it is as it must be.
    pub(super) fn fact(&mut self, holds: bool, text: impl Into<String>) {
        self.facts.push((text.into(), holds));
    }

    /// Notes a time and holds it against what was planned; `since` is when what took
    /// that time began. What is late by no more than this machine itself was is not
    /// held against the kernel, and is measured again.
    pub(super) fn timed(
        &mut self,
        pair: &Pair,
        what: &str,
        time: Duration,
        span: Span,
        since: Duration,
    ) {
        let late = self.shared.lateness.worst_of_any(since, clock::now());
        let late = late.max(pair.late(since)) * WAKES;
        let over = time.saturating_sub(span.latest);
        let excused = !over.is_zero() && over <= late;
        if !over.is_zero() {
            self.over = Some(self.over.unwrap_or_default().max(over));
        }
        if excused {
            self.held_up = Some(self.held_up.unwrap_or_default().max(late));
        }
        let text = format!("{what} after {}", against(time, span));
        self.fact(span.contains(time) || excused, text);
    }

    /// This machine was too slow for it: nothing was measured.
    pub(super) fn too_slow(&mut self) {
        let late = self
            .shared
            .lateness
            .worst_of_any(Duration::ZERO, clock::now());
        self.over = Some(self.over.unwrap_or_default().max(late));
        self.held_up = Some(self.held_up.unwrap_or_default().max(late));
    }

    /// When the kernel's keepalive with these settings finds a silent peer, idle.
    pub(super) fn planned(&self, settings: &str) -> Result<(Policy, Span), LabError> {
        let bad = |why: String| LabError::other(settings, why, None);
        let setting = Detector::Keepalive.parse(settings).map_err(bad)?;
        let policy: Policy = settings
            .parse()
            .map_err(|error: ayt_core::keepalive::BadPolicy| bad(error.to_string()))?;
        let span = self
            .planned_of(&setting)
            .ok_or_else(|| bad("no time is claimed".to_owned()))?;
        Ok((policy, span))
    }

    /// Turns keepalive on with these settings; when it finds a silent peer, idle.
    pub(super) fn arm(&self, stream: &TcpStream, settings: &str) -> Result<Span, LabError> {
        let (policy, span) = self.planned(settings)?;
        let applied = ayt_sys::keepalive::apply(stream, &policy)
            .map_err(|error| LabError::other(settings, error.to_string(), None))?;
        match applied.downgrades.first() {
            None => Ok(span),
            Some(other) => Err(LabError::other(settings, other.to_string(), None)),
        }
    }

    /// The same of any detector.
    pub(super) fn planned_of(&self, setting: &Setting) -> Option<Span> {
        plan::expect(&setting.planned(None), Path::Idle, &self.ground()).span()
    }

    /// This machine, for the planner.
    pub(super) const fn ground(&self) -> Ground {
        self.shared.surroundings.ground(None)
    }

    /// Lets time pass.
    ///
    /// # Errors
    /// When the run is stopped.
    pub(super) fn pause(&self, time: Duration) -> Result<(), LabError> {
        self.until(time, || Ok(false)).map(drop)
    }

    /// Waits for a condition, for at most this time; whether it came.
    ///
    /// # Errors
    /// Those of the condition, and when the run is stopped.
    pub(super) fn until(
        &self,
        time: Duration,
        mut such: impl FnMut() -> Result<bool, LabError>,
    ) -> Result<bool, LabError> {
        let end = clock::now() + time;
        loop {
            if self.shared.stop.load(Ordering::Relaxed) {
                return Err(LabError::other("the claim", "stopped", None));
            }
            if such()? {
                return Ok(true);
            }
            let left = end.saturating_sub(clock::now());
            if left.is_zero() {
                return Ok(false);
            }
            std::thread::sleep(left.min(LOOKS));
        }
    }
}

/// `4.061 s, planned 4.028–4.084`.
fn against(time: Duration, span: Span) -> String {
    format!(
        "{:.3} s, planned {:.3}–{:.3}",
        time.as_secs_f64(),
        span.earliest.as_secs_f64(),
        span.latest.as_secs_f64()
    )
}

/// What the kernel refused, with what was tried.
pub(super) fn did<T>(what: &str, result: std::io::Result<T>) -> Result<T, LabError> {
    result.map_err(|error| LabError::kernel("the claim", SysError::call(what, error)))
}

/// The name of an error, as manuals have it.
pub(super) fn errno(error: &std::io::Error) -> String {
    match error.raw_os_error() {
        Some(11) => "EAGAIN".to_owned(),
        Some(24) => "EMFILE".to_owned(),
        Some(32) => "EPIPE".to_owned(),
        Some(99) => "EADDRNOTAVAIL".to_owned(),
        Some(104) => "ECONNRESET".to_owned(),
        Some(110) => "ETIMEDOUT".to_owned(),
        Some(113) => "EHOSTUNREACH".to_owned(),
        _ => error.to_string(),
    }
}

/// The descriptors that a process has open.
pub(super) fn descriptors(pid: u32) -> Vec<u64> {
    let open = std::fs::read_dir(format!("/proc/{pid}/fd"));
    let open = open.into_iter().flatten().flatten();
    open.filter_map(|one| one.file_name().to_str()?.parse().ok())
        .collect()
}
