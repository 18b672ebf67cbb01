//! `ayt doctor` without probing, on a large host.

use ayt_testbed::Fixture;

use super::answer::Answers;
use super::{Found, Tools};
use crate::bench::crowd::Crowd;
use crate::bench::report::count;

/// The bar is for so many sockets.
pub(super) const SOCKETS: usize = 100_000;
/// Milliseconds.
const WALL: f64 = 2_000.0;

pub(super) fn run(tools: &Tools, crowd: &Crowd) -> Found {
    let sockets = count(crowd.sockets());
    let doctor = tools.ayt(&["doctor", "--json"]);
    let mut answers = Answers::new("doctor", crowd, tools.rounds(5), WALL);
    let plain = format!("`ayt doctor --json`, {sockets} sockets");
    answers.measure(&doctor, plain, |_| Ok(()))?;
    // A server that never accepts, and one client: the doctor looks twice.
    let server = Fixture::start(crowd.ns(), ["no-accept"])?;
    let _client = Fixture::start(crowd.ns(), ["hold", &server.addr().to_string()])?;
    let waiting = "the same, and one connection waits for accept".to_owned();
    answers.measure(&doctor, waiting, |_| Ok(()))?;
    answers.found("The second look comes a second after the first: that second is in the time.")
}
