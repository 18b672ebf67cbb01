//! A server that is stuck and takes nothing out of its accept queue; a client watches.

use super::{Effect, GOOD, Manners, Spec, fault};
use crate::clock;
use crate::packet::Side;

pub(super) const SPEC: Spec = Spec {
    observer: Side::B,
    manners: Manners {
        accepts: false,
        ..GOOD
    },
    verify: |bed| {
        let sockets = bed.sockets(Side::A)?;
        let waits = sockets.iter().any(|socket| socket.never_accepted());
        let what = "to the server's kernel it is ESTABLISHED, and no program has it";
        Ok(vec![(what.to_owned(), waits)])
    },
    ..fault(
        "never-accepts",
        "the server is stuck and never accepts (client)",
        Effect::Frozen,
        |_| Ok(clock::now()),
    )
};
