//! A router answers what goes to the peer: no route to the host.

use super::{Effect, Spec, fault};
use crate::stage::Code;

pub(super) const SPEC: Spec = fault(
    "icmp-host",
    "a router answers with ICMP: no route to the host",
    Effect::Unreachable,
    |bed| bed.unreachable(Code::Host),
);
