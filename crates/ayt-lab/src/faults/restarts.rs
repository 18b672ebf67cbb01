//! A device that restarts again and again, and connects anew each time, before anybody
//! has noticed that the old connection is dead.

use ayt_core::tcp_state::TcpState;

use super::{Effect, Spec, fault};
use crate::detectors::Detector;

/// How often it restarts.
const TIMES: usize = 3;

pub(super) const SPEC: Spec = Spec {
    verify: |bed| {
        // Where something finds them they go one after another.
        if bed.cell.detector != Detector::None {
            return Ok(Vec::new());
        }
        let count = |states: &[TcpState]| {
            let open = |state: &&TcpState| **state == TcpState::Established;
            states.iter().filter(open).count()
        };
        let ghosts = bed.eventually(|server, _| count(server) == TIMES + 1)?;
        let alive = bed.eventually(|_, client| count(client) == 1)?;
        Ok(vec![
            (
                format!("the server holds {} connections of one device", TIMES + 1),
                ghosts,
            ),
            ("the device knows one of them".to_owned(), alive),
        ])
    },
    ..fault(
        "restarts",
        "the device restarts three times and connects anew",
        Effect::ResetOnNext,
        |bed| {
            let mut zero = None;
            for _ in 0..TIMES {
                let at = bed.reboot_peer()?;
                zero.get_or_insert(at);
                bed.connect_again()?;
            }
            Ok(zero.unwrap_or_default())
        },
    )
};
