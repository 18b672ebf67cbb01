//! The peer closes, and the server never does.

use ayt_core::cause::Cause;
use ayt_core::tcp_state::TcpState;

use super::{Effect, GOOD, Manners, Spec, fault};

pub(super) const SPEC: Spec = Spec {
    manners: Manners {
        closes: false,
        ..GOOD
    },
    verify: |bed| {
        let holds = bed.eventually(|server, _| server.contains(&TcpState::CloseWait))?;
        let what = "the server's socket stays in CLOSE_WAIT";
        Ok(vec![(what.to_owned(), holds)])
    },
    ..fault(
        "never-closes",
        "the peer closes, the server never does: CLOSE_WAIT",
        Effect::Told(Cause::PeerClosed),
        |bed| bed.signal_peer(9),
    )
};
