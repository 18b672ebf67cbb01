//! The scheduler's clocks, one a processor. They stand still while the processor
//! serves interrupts, or a host its other guests, and so differ by seconds; here
//! they are brought to the one clock since boot.

use std::collections::HashMap;
use std::time::Duration;

use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

use crate::procfs;

/// By how much each processor's clock lags behind, as far as it was asked for.
#[derive(Debug, Default)]
pub struct Clocks(HashMap<u32, Option<Duration>>);

impl Clocks {
    /// When a time of a processor's clock was, on [`monotonic_now`]'s clock; `None`
    /// where ayt may not run on that processor, or the kernel tells nothing.
    pub(super) fn since_boot(&mut self, processor: u32, time: Duration) -> Option<Duration> {
        let lag = *self.0.entry(processor).or_insert_with(|| lag(processor));
        time.checked_add(lag?)
    }
}

/// Now, on the clock since boot.
#[must_use]
pub fn monotonic_now() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_nanos(u64::try_from(now.tv_nsec).unwrap_or(0))
}

/// Asks on a thread of its own, which it moves to that processor.
fn lag(processor: u32) -> Option<Duration> {
    let asked = move || {
        let at = usize::try_from(processor)
            .ok()
            .filter(|&at| at < CpuSet::MAX_CPU)?;
        let mut only = CpuSet::new();
        only.set(at);
        sched_setaffinity(None, &only).ok()?;
        std::thread::yield_now();
        let text = std::fs::read_to_string("/proc/thread-self/sched").ok()?;
        monotonic_now().checked_sub(procfs::last_ran(&text)?)
    };
    let asking = std::thread::Builder::new().spawn(asked).ok()?;
    asking.join().ok().flatten()
}
