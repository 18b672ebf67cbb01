//! The peer closes, the server does not: the peer's half in FIN_WAIT_2 goes after
//! `tcp_fin_timeout`, because no program holds it.

use ayt_core::cause::Cause;
use ayt_core::tcp_state::TcpState;

use super::{Effect, GOOD, Manners, Spec, fault};

pub(super) const SPEC: Spec = Spec {
    manners: Manners {
        closes: false,
        ..GOOD
    },
    ready: |ready| ready.hosts[1].set_sysctl("net.ipv4.tcp_fin_timeout", "2"),
    verify: |bed| {
        let there = bed.eventually(|_, client| client.contains(&TcpState::FinWait2))?;
        // It shows as FIN_WAIT_2 also while the kernel counts it as a time-wait socket.
        let gone = bed.eventually(|_, client| client.is_empty())?;
        let held = bed.eventually(|server, _| server.contains(&TcpState::CloseWait))?;
        Ok(vec![
            ("the peer's kernel has FIN_WAIT_2 and no program".to_owned(), there),
            ("after tcp_fin_timeout (here 2 s) it is gone".to_owned(), gone),
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
