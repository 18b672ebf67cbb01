//! The power of the peer's host goes: nothing is sent, nothing comes back.

use super::{Effect, Spec, fault};

pub(super) const SPEC: Spec = fault(
    "crash",
    "the peer's host loses its power: no FIN, no RST",
    Effect::Silence,
    |bed| {
        let at = bed.wire.carrier(bed.peer(), false)?;
        bed.signal_peer(9)?;
        Ok(at)
    },
);
