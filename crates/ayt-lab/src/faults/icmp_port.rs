//! A router answers what goes to the peer: port unreachable.

use super::{Effect, Spec, fault};
use crate::stage::Code;

pub(super) const SPEC: Spec = fault(
    "icmp-port",
    "a router answers with ICMP: port unreachable",
    Effect::Unreachable,
    |bed| bed.unreachable(Code::Port),
);
