//! `ayt why` about one server on a large host, where nobody is silent.

use anyhow::{Context, Result, ensure};
use ayt_testbed::Fixture;

use super::{Found, Tools, ms};
use crate::bench::crowd::Crowd;
use crate::bench::report::{Bar, Section, count, megabytes, milliseconds};
use crate::bench::stats::Samples;

/// The bar is for so many sockets.
pub(super) const SOCKETS: usize = 10_000;
/// Milliseconds.
const WALL: f64 = 300.0;

pub(super) fn run(tools: &Tools, crowd: &Crowd) -> Found {
    let mut section = Section::new(
        "why",
        &[
            "what",
            "wall, median",
            "min – max",
            "CPU",
            "peak memory",
            "rounds",
        ],
    );
    let sockets = count(crowd.sockets());
    let mut bars = Vec::new();
    let server = Fixture::start(crowd.ns(), ["serve"])?;
    let _client = Fixture::start(crowd.ns(), ["hold", &server.addr().to_string()])?;
    let healthy = format!("`ayt why :PORT --json`, {sockets} sockets, nothing is wrong");
    bars.push(measure(tools, crowd, &server, healthy, "", &mut section)?);
    // A server that sits in a read, and one client behind it: two looks.
    let stuck = Fixture::start(crowd.ns(), ["stuck-accept"])?;
    let to = stuck.addr().to_string();
    let _two = Fixture::start(crowd.ns(), ["hold", &to, "--number", "2"])?;
    let blocked = "the same, and the server does not accept".to_owned();
    let cause = "accept-stuck";
    bars.push(measure(tools, crowd, &stuck, blocked, cause, &mut section)?);
    section.note("The second look comes 150 ms after the first: these are in the time.");
    Ok((section, bars))
}

fn measure(
    tools: &Tools,
    crowd: &Crowd,
    server: &Fixture,
    what: String,
    cause: &str,
    section: &mut Section,
) -> Result<Bar> {
    let port = format!(":{}", server.port());
    let run = tools.ayt(&["why", &port, "--json"]);
    let (_, output) = run.keep(crowd.ns())?;
    check(&output, crowd.sockets(), cause).context(what.clone())?;
    let (mut wall, mut cpu, mut peak) = (Samples::default(), Samples::default(), 0);
    for _ in 0..tools.rounds(9) {
        let took = run.time(crowd.ns())?;
        wall.push(ms(took.wall));
        cpu.push(ms(took.cpu));
        peak = peak.max(took.peak);
    }
    let show = |value: Option<f64>| value.map_or_else(String::new, milliseconds);
    section.row([
        what.clone(),
        show(wall.median()),
        format!("{} – {}", show(wall.min()), show(wall.max())),
        show(cpu.median()),
        megabytes(peak as f64),
        wall.len().to_string(),
    ]);
    let median = wall.median().context("no round")?;
    Ok(Bar::at_most(what, median, WALL, milliseconds))
}

/// Whether the whole crowd was looked at, and what was said of the server.
fn check(output: &str, sockets: usize, cause: &str) -> Result<()> {
    let answer: serde_json::Value = serde_json::from_str(output)?;
    let looked = answer["looked_at"]["sockets"].as_u64();
    ensure!(
        looked >= Some(sockets as u64),
        "{looked:?} of {sockets} sockets looked at"
    );
    let found = answer["causes"][0]["cause"].as_str().unwrap_or_default();
    ensure!(
        found == cause,
        "`{found}` was found, not `{cause}`: {output}"
    );
    Ok(())
}
