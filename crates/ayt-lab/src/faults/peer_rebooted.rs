//! The peer's host starts again with the same address and has forgotten all.

use super::{Effect, Spec, fault};

pub(super) const SPEC: Spec = fault(
    "peer-rebooted",
    "the peer's host loses its power and is back at once",
    Effect::ResetOnNext,
    |bed| bed.reboot_peer(),
);
