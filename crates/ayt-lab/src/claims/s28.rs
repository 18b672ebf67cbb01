//! A machine that goes down.

use super::{Claim, cell, claim};
use crate::detectors::Detector;
use crate::faults::Fault;

pub(super) const CLAIM: Claim = Claim {
    cells: &[
        cell("shut down in order", Fault::Shutdown, Detector::None),
        cell("its power goes", Fault::Crash, Detector::None),
        cell("its power goes", Fault::Crash, Detector::Keepalive),
    ],
    ..claim(
        "S28",
        "An orderly shutdown sends FIN for every connection; a crash sends nothing, and is \
         found only by who asks.",
    )
};
