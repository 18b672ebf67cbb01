//! When Linux gives up on data that nobody acknowledges.

/// `TCP_RTO_MIN` in `include/net/tcp.h`, ms.
const RTO_MIN_MS: u64 = 200;
/// `TCP_RTO_MAX`; since Linux 6.15 the default of `tcp_rto_max_ms`.
const RTO_MAX_MS: u64 = 120_000;

/// The time `tcp_retries2` stands for: that of a connection with the smallest
/// retransmission timeout, doubled at each retry up to the largest. The count
/// itself is not counted. As `tcp_model_timeout` in `net/ipv4/tcp_timer.c`.
pub(super) fn model_timeout_ms(retries: u64, rto_max_ms: Option<u64>) -> u64 {
    let rto_max = rto_max(rto_max_ms);
    let doubling = u64::from((rto_max / RTO_MIN_MS).max(1).ilog2());
    let doubled = |times: u64| ((2 << times) - 1) * RTO_MIN_MS;
    if retries <= doubling {
        doubled(retries)
    } else {
        doubled(doubling).saturating_add((retries - doubling).saturating_mul(rto_max))
    }
}

fn rto_max(rto_max_ms: Option<u64>) -> u64 {
    rto_max_ms.map_or(RTO_MAX_MS, |ms| ms.clamp(RTO_MIN_MS, RTO_MAX_MS))
}

/// How far the retransmission of one connection has come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Course {
    /// Retransmissions so far.
    pub(super) retransmits: u64,
    /// The present, backed-off timeout.
    pub(super) rto_ms: u64,
    /// The timeout before any backoff, from the round trip.
    pub(super) base_ms: u64,
    /// Until the next retransmission.
    pub(super) next_ms: u64,
}

impl Course {
    /// About how long ago the first retransmission was: there the kernel's count
    /// of time starts. The waits between the retransmissions so far, and the
    /// part of the present one that is over.
    pub(super) fn running_ms(self, rto_max_ms: Option<u64>) -> u64 {
        let rto_max = rto_max(rto_max_ms);
        let backoffs = u32::try_from(self.retransmits.min(32)).unwrap_or(32);
        // At the largest timeout the backoff no longer shows the base.
        let base = if self.rto_ms < rto_max {
            self.rto_ms >> backoffs
        } else {
            self.base_ms
        };
        let waits = (1..self.retransmits).map(|retry| {
            let doubled = base.max(1).saturating_mul(1 << retry.min(32));
            doubled.min(rto_max)
        });
        waits.sum::<u64>() + self.rto_ms.saturating_sub(self.next_ms)
    }

    /// In how long the kernel gives up at the earliest, having run for
    /// `running_ms`: when the limit is reached, but not between two timeouts.
    /// With a user timeout it is the time, since that shortens the last wait.
    pub(super) fn gives_up_in_ms(self, running_ms: u64, limit_ms: u64) -> u64 {
        limit_ms.saturating_sub(running_ms).max(self.next_ms)
    }

    /// In how long it gives up at the latest, where nothing shortens the waits:
    /// at the first timeout at or after the limit. Timers fire a little late, so
    /// a timeout reckoned just before the limit may be the one.
    pub(super) fn gives_up_latest_ms(
        self,
        running_ms: u64,
        limit_ms: u64,
        rto_max_ms: Option<u64>,
    ) -> u64 {
        let rto_max = rto_max(rto_max_ms);
        let (mut at, mut rto) = (self.next_ms, self.rto_ms.max(1));
        while running_ms + at < limit_ms {
            rto = (rto * 2).min(rto_max);
            at += rto;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_documented_times() {
        for (retries, rto_max_ms, ms) in [
            (15, None, 924_600),
            (8, None, 102_200),
            (0, None, 200),
            (3, None, 3_000),
            (9, None, 204_600),
            (10, None, 324_600),
            (15, Some(30_000), 51_000 + 8 * 30_000),
            (15, Some(0), 200 + 15 * 200),
        ] {
            assert_eq!(model_timeout_ms(retries, rto_max_ms), ms, "{retries}");
        }
    }

    #[test]
    fn the_running_time_adds_up_the_waits() {
        // Retransmitted at 0, 400, 1200 ms; the next is due at 2800, in 600 ms.
        let course = Course {
            retransmits: 3,
            rto_ms: 1600,
            base_ms: 200,
            next_ms: 600,
        };
        assert_eq!(course.running_ms(None), 400 + 800 + 1000);
        assert_eq!(course.gives_up_in_ms(2200, 924_600), 922_400);
        assert_eq!(course.gives_up_in_ms(2200, 2500), 600);
        // At 2800, or one doubled wait later; and never without end.
        assert_eq!(course.gives_up_latest_ms(2200, 2500, None), 600);
        assert_eq!(course.gives_up_latest_ms(2200, 3000, None), 600 + 3200);
        assert_eq!(
            course.gives_up_latest_ms(2200, 924_600, Some(0)),
            600 + 200 * (921_800_u64).div_ceil(200)
        );
    }

    #[test]
    fn at_the_largest_timeout_the_round_trip_gives_the_base() {
        let course = Course {
            retransmits: 11,
            rto_ms: 120_000,
            base_ms: 200,
            next_ms: 20_000,
        };
        let doubling: u64 = (1..10).map(|retry| 200 << retry).sum();
        assert_eq!(course.running_ms(None), doubling + 120_000 + 100_000);
    }
}
