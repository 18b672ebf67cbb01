//! The peer closes with SO_LINGER on and time 0: RST, and no TIME_WAIT anywhere.

use ayt_core::cause::Cause;
use ayt_core::tcp_state::TcpState;

use super::{Effect, Spec, fault};
use crate::clock;

pub(super) const SPEC: Spec = Spec {
    verify: |bed| {
        let holds = bed.eventually(|server, client| {
            let waits = |state: &TcpState| *state == TcpState::TimeWait;
            !server.iter().chain(client).any(waits)
        })?;
        Ok(vec![("neither side has TIME_WAIT".to_owned(), holds)])
    },
    ..fault(
        "linger-zero",
        "the peer closes with SO_LINGER {on, 0}: RST",
        Effect::Told(Cause::PeerReset),
        |bed| {
            let at = clock::now();
            bed.agent(bed.peer()).order("reset")?;
            Ok(at)
        },
    )
};
