//! `ayt doctor` without probing, on a large host.

use anyhow::{Context, Result, ensure};
use ayt_testbed::Fixture;

use super::{Found, Tools, ms};
use crate::bench::crowd::Crowd;
use crate::bench::report::{Bar, Section, count, megabytes, milliseconds};
use crate::bench::stats::Samples;

/// The bar is for so many sockets.
pub(super) const SOCKETS: usize = 100_000;
/// Milliseconds.
const WALL: f64 = 2_000.0;

pub(super) fn run(tools: &Tools, crowd: &Crowd) -> Found {
    let mut section = Section::new(
        "doctor",
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
    let plain = format!("`ayt doctor --json`, {sockets} sockets");
    bars.push(measure(tools, crowd, plain, &mut section)?);
    // A server that never accepts, and one client: the doctor looks twice.
    let server = Fixture::start(crowd.ns(), ["no-accept"])?;
    let _client = Fixture::start(crowd.ns(), ["hold", &server.addr().to_string()])?;
    let waiting = "the same, and one connection waits for accept".to_owned();
    bars.push(measure(tools, crowd, waiting, &mut section)?);
    section.note("The second look comes a second after the first: that second is in the time.");
    Ok((section, bars))
}

fn measure(tools: &Tools, crowd: &Crowd, what: String, section: &mut Section) -> Result<Bar> {
    let run = tools.ayt(&["doctor", "--json"]);
    let (_, output) = run.keep(crowd.ns())?;
    check(&output, crowd.sockets()).context(what.clone())?;
    let (mut wall, mut cpu, mut peak) = (Samples::default(), Samples::default(), 0);
    for _ in 0..tools.rounds(5) {
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

/// Whether the whole crowd was looked at.
fn check(output: &str, sockets: usize) -> Result<()> {
    let diagnosis: serde_json::Value = serde_json::from_str(output)?;
    let looked = diagnosis["looked_at"]["sockets"].as_u64();
    ensure!(
        looked >= Some(sockets as u64),
        "{looked:?} of {sockets} sockets looked at"
    );
    Ok(())
}
