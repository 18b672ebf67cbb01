//! A router answers what goes to the peer: administratively prohibited.

use super::{Effect, Spec, fault};
use crate::stage::Code;

pub(super) const SPEC: Spec = fault(
    "icmp-admin",
    "a router answers with ICMP: administratively prohibited",
    Effect::Unreachable,
    |bed| bed.unreachable(Code::Prohibited),
);
