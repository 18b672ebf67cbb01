//! How long the side that closes first keeps TIME_WAIT.

use std::time::Duration;

use ayt_core::cause::Cause;
use ayt_core::tcp_state::TcpState;

use super::{Effect, Spec, fault};
use crate::clock;

/// `TCP_TIMEWAIT_LEN`, and what the wheel of a timer that long adds.
const LENGTH: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(63));

pub(super) const SPEC: Spec = Spec {
    verify: |bed| {
        let waits = |states: &[TcpState]| states.contains(&TcpState::TimeWait);
        let there = bed.eventually(|server, client| waits(client) && !waits(server))?;
        // The other side's: it is answered, and the time begins.
        let began = bed.last_fin()?;
        let gone = bed.eventually_within(LENGTH.1 + Duration::from_secs(5), |_, client| {
            !waits(client)
        })?;
        let took = clock::now() - began;
        // A timer counts ticks begun: the first may be over at once.
        let least = LENGTH.0 - Duration::from_millis(10);
        let holds = gone && (least..=LENGTH.1).contains(&took);
        Ok(vec![
            ("who closes first has TIME_WAIT, the other has not".to_owned(), there),
            (format!("it lasts 60 s: {:.1} s", took.as_secs_f64()), holds),
        ])
    },
    ..fault(
        "time-wait",
        "the peer closes first, in order",
        Effect::Told(Cause::PeerClosed),
        |bed| {
            let at = clock::now();
            bed.agent(bed.peer()).order("shutdown")?;
            Ok(at)
        },
    )
};
