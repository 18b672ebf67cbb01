//! CPU time.

use std::time::Duration;

/// CPU time that this process has used. Everything runs in one thread.
#[cfg(unix)]
pub(crate) fn cpu() -> Duration {
    let at = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(
        at.tv_sec.try_into().unwrap_or_default(),
        at.tv_nsec.try_into().unwrap_or_default(),
    )
}

/// Wall time, where there is no clock of CPU time that could be read without
/// platform code: the same on a machine that does nothing else.
#[cfg(not(unix))]
#[expect(clippy::disallowed_methods, reason = "a benchmark is a stopwatch")]
pub(crate) fn cpu() -> Duration {
    use std::sync::LazyLock;
    use std::time::Instant;
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}
