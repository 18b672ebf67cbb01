//! From when on something counts: the thresholds of the rules, each settable.

use std::time::Duration;

/// Thresholds of the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// An unprotected connection heard from longer ago than this is suspected
    /// to be half-open. Default 15 min: the time in which Linux itself would
    /// have given up on data in flight (`tcp_retries2` = 15: 924.6 s).
    pub suspect_after: Duration,
    /// A connection idle for this long counts as idle to rules about settings.
    /// Default 60 s: a program's own request timeouts are usually shorter.
    pub idle_after: Duration,
    /// A close the program owes (CLOSE_WAIT), or one that never completes
    /// (FIN_WAIT_2), counts from here on. Default 60 s, the kernel's own
    /// `tcp_fin_timeout`.
    pub stuck_after: Duration,
    /// This many sockets of one process, owed for at least
    /// [`Self::pile_after`], count without waiting for `stuck_after`. Default 3.
    pub pile: usize,
    /// See [`Self::pile`]. Default 2 s.
    pub pile_after: Duration,
    /// Keepalive that would take longer than this to find a dead peer is slow.
    /// Default 15 min, as `suspect_after`.
    pub keepalive_budget: Duration,
    /// Share of the ephemeral ports, or of the descriptors, that counts as
    /// pressure, percent. Default 80.
    pub pressure_percent: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            suspect_after: Duration::from_secs(15 * 60),
            idle_after: Duration::from_secs(60),
            stuck_after: Duration::from_secs(60),
            pile: 3,
            pile_after: Duration::from_secs(2),
            keepalive_budget: Duration::from_secs(15 * 60),
            pressure_percent: 80,
        }
    }
}
