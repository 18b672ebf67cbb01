//! What probes and heartbeats cost: bytes on the wire, for those who pay by them.
//!
//! Counted at the IP layer, as carriers and clouds bill: a Linux probe is an empty
//! segment (IP and TCP headers with the timestamp option: 52 bytes over IPv4, 72
//! over IPv6) and so is its answer; RFC 791, 8200, 9293, 7323. An Ethernet frame adds
//! 14, and 4 that nobody sees. Windows has timestamps off and a byte of garbage in the
//! probe: 41 and 52 bytes, a little less.

use std::time::Duration;

use crate::detectors::Terms;

/// What bills and the planner call a month: 30 days.
pub const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// TCP's header with the timestamp option, padded (RFC 7323).
const TCP: u64 = 32;
/// A BEAT of `ayt/1`: four bytes of header, no payload.
const BEAT: u64 = 4;

/// Which headers the segments have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Family {
    /// 20 bytes (RFC 791).
    #[default]
    V4,
    /// 40 bytes (RFC 8200).
    V6,
}

impl Family {
    /// An empty segment, such as an acknowledgement or a keepalive probe.
    #[must_use]
    pub const fn empty_segment(self) -> u64 {
        match self {
            Self::V4 => 20 + TCP,
            Self::V6 => 40 + TCP,
        }
    }

    /// A keepalive probe and its answer.
    #[must_use]
    pub const fn probe_and_answer(self) -> u64 {
        2 * self.empty_segment()
    }

    /// A heartbeat with that many bytes of payload, and its acknowledgement.
    #[must_use]
    pub const fn heartbeat(self, payload: u64) -> u64 {
        2 * self.empty_segment() + payload
    }
}

/// Bytes of one idle connection in a month, both directions added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Traffic {
    /// Probes of one side and their answers, where nothing else is sent.
    pub keepalive: u64,
    /// Heartbeats of one side and their acknowledgements. While they go, the
    /// keepalive of both sides has nothing to do where its idle time is longer.
    pub heartbeat: Option<u64>,
}

/// What keepalive with this period, and a heartbeat, cost.
#[must_use]
pub fn traffic(period: Duration, beat: Option<&Terms>, family: Family) -> Traffic {
    Traffic {
        keepalive: monthly(period, family.probe_and_answer()),
        heartbeat: beat.map(|terms| monthly(terms.interval(), family.heartbeat(BEAT))),
    }
}

/// How often it happens in a month.
#[must_use]
pub(super) fn times_a_month(period: Duration) -> f64 {
    MONTH.as_secs_f64() / period.as_secs_f64().max(0.001)
}

fn monthly(period: Duration, bytes: u64) -> u64 {
    // At most 2.6e9 · 200: far from what a float cannot hold exactly.
    (times_a_month(period) * bytes as f64).ceil() as u64
}

/// The shortest period that keeps within so many bytes a month.
#[must_use]
pub(super) fn shortest_period(bytes_a_month: u64, family: Family) -> Duration {
    let probes = bytes_a_month as f64 / family.probe_and_answer() as f64;
    Duration::try_from_secs_f64(MONTH.as_secs_f64() / probes).unwrap_or(MONTH * 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_reckoned_with_real_headers() {
        let minute = Duration::from_secs(60);
        let terms = Terms::new(minute, 2, Duration::from_secs(5)).unwrap();
        for (family, keepalive, heartbeat) in [
            (Family::V4, 43_200 * 104, 43_200 * 108),
            (Family::V6, 43_200 * 144, 43_200 * 148),
        ] {
            let traffic = traffic(minute, Some(&terms), family);
            assert_eq!(traffic.keepalive, keepalive);
            assert_eq!(traffic.heartbeat, Some(heartbeat));
            assert_eq!(shortest_period(keepalive, family), minute);
        }
        assert_eq!(shortest_period(0, Family::V4), MONTH * 100);
    }
}
