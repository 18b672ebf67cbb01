//! A normal end.

use super::{Claim, cell, claim};
use crate::detectors::Detector;
use crate::faults::Fault;

pub(super) const CLAIM: Claim = Claim {
    cells: &[
        cell("the peer's program ends", Fault::PeerKilled, Detector::None),
        cell("its host is shut down", Fault::Shutdown, Detector::None),
    ],
    ..claim(
        "S6",
        "A normal end, FIN, wakes a blocked read at once: it answers 0, with nothing set.",
    )
};
