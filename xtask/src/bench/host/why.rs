//! `ayt why` about one server on a large host, where nobody is silent.

use anyhow::{Result, ensure};
use ayt_testbed::Fixture;

use super::answer::Answers;
use super::{Found, Tools};
use crate::bench::crowd::Crowd;
use crate::bench::report::count;

/// The bar is for so many sockets.
pub(super) const SOCKETS: usize = 10_000;
/// Milliseconds.
const WALL: f64 = 300.0;

pub(super) fn run(tools: &Tools, crowd: &Crowd) -> Found {
    let sockets = count(crowd.sockets());
    let mut answers = Answers::new("why", crowd, tools.rounds(9), WALL);
    let mut measure = |server: &Fixture, what: String, cause: &str| -> Result<()> {
        let port = format!(":{}", server.port());
        answers.measure(&tools.ayt(&["why", &port, "--json"]), what, |answer| {
            let found = answer["causes"][0]["cause"].as_str().unwrap_or_default();
            ensure!(
                found == cause,
                "`{found}` was found, not `{cause}`: {answer}"
            );
            Ok(())
        })
    };
    let server = Fixture::start(crowd.ns(), ["serve"])?;
    let _client = Fixture::start(crowd.ns(), ["hold", &server.addr().to_string()])?;
    let healthy = format!("`ayt why :PORT --json`, {sockets} sockets, nothing is wrong");
    measure(&server, healthy, "")?;
    // A server that sits in a read, and one client behind it: two looks.
    let stuck = Fixture::start(crowd.ns(), ["stuck-accept"])?;
    let to = stuck.addr().to_string();
    let _two = Fixture::start(crowd.ns(), ["hold", &to, "--number", "2"])?;
    let blocked = "the same, and the server does not accept".to_owned();
    measure(&stuck, blocked, "accept-stuck")?;
    answers.found(
        "The second look comes 150 ms after the first: these are in the time. The server had \
         been stuck for two seconds by then; in the first two it is looked at for longer, for \
         it may be slow.",
    )
}
