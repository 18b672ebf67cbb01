//! Keepalive or a heartbeat of one's own.

use super::{Claim, cell, claim};
use crate::detectors::Detector;
use crate::faults::Fault;

pub(super) const CLAIM: Claim = Claim {
    folk: Some("Kernel keepalive makes a heartbeat needless."),
    cells: &[
        cell("frozen by SIGSTOP", Fault::PeerFrozen, Detector::Keepalive),
        cell("the same, data in flight", Fault::PeerFrozen, Detector::Both).in_flight(),
        cell("frozen by SIGSTOP", Fault::PeerFrozen, Detector::Heartbeat),
        cell("frozen by SIGSTOP", Fault::PeerFrozen, Detector::Session),
    ],
    ..claim(
        "S20",
        "A frozen program's kernel answers probes and takes data: keepalive cannot see it, \
         nor a user timeout. A heartbeat of the program can.",
    )
};
