//! The peer closes, the server does not: the peer's half in FIN_WAIT_2 goes after
//! `tcp_fin_timeout`, because no program holds it.

use std::time::Duration;

use ayt_core::cause::Cause;
use ayt_core::duration::Ms;
use ayt_core::tcp_state::TcpState;

use super::{Effect, GOOD, Manners, Spec, fault};
use crate::clock;

/// A timer counts ticks begun: the first may be over at once.
const TICK: Duration = Duration::from_millis(10);
/// What the wheel of a timer of a minute adds (up to 2.05 s at 250 ticks a second), and
/// the looks.
const LATE: Duration = Duration::from_secs(3);

/// The kernel's own where there is time for it.
const fn timeout(slow: bool) -> Duration {
    Duration::from_secs(if slow { 60 } else { 2 })
}

pub(super) const SPEC: Spec = Spec {
    manners: Manners {
        closes: false,
        ..GOOD
    },
    ready: |ready| {
        let timeout = timeout(ready.cell.slow).as_secs().to_string();
        ready.hosts[1].set_sysctl("net.ipv4.tcp_fin_timeout", &timeout)
    },
    verify: |bed| {
        let timeout = timeout(bed.cell.slow);
        let there = bed.eventually(|_, client| client.contains(&TcpState::FinWait2))?;
        // The time to acknowledge it comes on top.
        let began = bed.last_fin()?;
        // It shows as FIN_WAIT_2 also while the kernel counts it as a time-wait socket.
        let gone = bed.eventually_within(timeout + LATE * 2, |_, client| client.is_empty())?;
        let took = clock::now() - began;
        let held = bed.eventually(|server, _| server.contains(&TcpState::CloseWait))?;
        let in_time = timeout - TICK..=timeout + LATE;
        Ok(vec![
            ("the peer's kernel has FIN_WAIT_2 and no program".to_owned(), there),
            (
                format!(
                    "after tcp_fin_timeout, {}, it is gone: {:.1} s",
                    Ms::from(timeout),
                    took.as_secs_f64()
                ),
                gone && in_time.contains(&took),
            ),
            ("the server's CLOSE_WAIT is still there".to_owned(), held),
        ])
    },
    ..fault(
        "fin-wait-2",
        "the peer closes and is gone, the server does not",
        Effect::Told(Cause::PeerClosed),
        |bed| bed.signal_peer(9),
    )
};
