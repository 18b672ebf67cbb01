//! The four states of a peer at a probe.

use super::{Claim, cell, claim};
use crate::detectors::Detector;
use crate::faults::Fault;

pub(super) const CLAIM: Claim = Claim {
    folk: Some(
        "A probe tells four peers apart: alive (it answers), crashed (ETIMEDOUT), rebooted \
         (ECONNRESET), unreachable (EHOSTUNREACH).",
    ),
    cells: &[
        cell("alive, late answers", Fault::Jitter, Detector::Keepalive),
        cell("crashed", Fault::Crash, Detector::Keepalive),
        cell("rebooted", Fault::PeerRebooted, Detector::Keepalive),
        cell("unreachable, ICMP says so", Fault::IcmpHost, Detector::Keepalive),
        cell("the same with data in flight", Fault::IcmpHost, Detector::UserTimeout).in_flight(),
        cell("crashed", Fault::Crash, Detector::Probe),
        cell("rebooted", Fault::PeerRebooted, Detector::Probe),
        cell("unreachable, ICMP says so", Fault::IcmpHost, Detector::Probe),
    ],
    ..claim(
        "S5",
        "On an idle connection the kernel ignores ICMP: unreachable is found like silence, \
         ETIMEDOUT. `ayt probe` listens to it and tells all four apart.",
    )
};
