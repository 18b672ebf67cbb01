//! `ayt probe` on many connections, of which some have lost their peers.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::{Found, Tools, let_peers_answer_again, ms};
use crate::bench::crowd::{Crowd, fresh_namespace};
use crate::bench::report::{Bar, Section, count, megabytes, milliseconds};
use crate::bench::stats::Samples;

/// The servers' port: the probe is for their ends only.
const PORT: u16 = 7_777;
/// Milliseconds, for this many connections.
const WALL: f64 = 300.0;

#[derive(Deserialize)]
struct Row {
    verdict: String,
    cause: Option<String>,
}

pub(super) fn run(tools: &Tools) -> Found {
    let (alive, gone) = if tools.quick {
        (1_800, 200)
    } else {
        (9_000, 1_000)
    };
    let ns = fresh_namespace()?;
    let mut living = Crowd::on_port(ns.clone(), PORT, 0);
    living.grow_to(2 * alive)?;
    let filter = format!(":{PORT}");
    let all = tools.ayt(&["probe", "--json", "--local", &filter]);
    let list = tools.ayt(&["list", "--json", "--no-exact", "--local", &filter]);
    let (mut wall, mut last, mut listed) =
        (Samples::default(), Samples::default(), Samples::default());
    let (mut cpu, mut peak) = (Samples::default(), 0);
    let rounds = tools.rounds(7);
    // The first is to fill caches.
    for round in 0..=rounds {
        // An answer of RST ends the connection: the dead are new in each round.
        let mut dead = Crowd::on_port(ns.clone(), PORT, 1 + round);
        dead.grow_to(2 * gone)?;
        dead.vanish()?;
        let looked = list.time(&ns)?;
        let_peers_answer_again();
        let (took, output) = all.keep(&ns)?;
        check(&output, alive, gone)?;
        if round > 0 {
            wall.push(ms(took.wall));
            last.push(ms(took.last));
            listed.push(ms(looked.wall));
            cpu.push(ms(took.cpu));
            peak = peak.max(took.peak);
        }
    }
    let mut section = Section::new(
        "probe",
        &[
            "what",
            "wall, median",
            "min – max",
            "CPU",
            "peak memory",
            "rounds",
        ],
    );
    let show = |value: Option<f64>| value.map_or_else(String::new, milliseconds);
    let what = format!(
        "`ayt probe --json`, {} alive and {} refused",
        count(alive),
        count(gone)
    );
    let mut row = |what: String, samples: &Samples, cpu: String, peak: String| {
        section.row([
            what,
            show(samples.median()),
            format!("{} – {}", show(samples.min()), show(samples.max())),
            cpu,
            peak,
            samples.len().to_string(),
        ]);
    };
    row(
        format!("{what}: until the last answer is out"),
        &last,
        String::new(),
        String::new(),
    );
    row(
        "the whole command, from start to exit".to_owned(),
        &wall,
        show(cpu.median()),
        megabytes(peak as f64),
    );
    row(
        "of it, to find them (`ayt list --json` with the same filter)".to_owned(),
        &listed,
        String::new(),
        String::new(),
    );
    section.note(
        "Over loopback. The peers that refuse were closed under TCP_REPAIR: no FIN, no RST; the \
         kernel answers for them with RST, as a host does that was restarted. \
         Rounds are more than half a second apart, because a kernel answers such segments only twice \
         a second (`tcp_invalid_ratelimit`).",
    );
    let median = last.median().context("no round")?;
    let bar = Bar::at_most(format!("{what}: all answers"), median, WALL, milliseconds);
    Ok((section, vec![bar]))
}

/// Whether every connection got the verdict it should.
fn check(output: &str, alive: usize, gone: usize) -> Result<()> {
    let mut tally: BTreeMap<(String, Option<String>), usize> = BTreeMap::new();
    for line in output.lines() {
        let row: Row = serde_json::from_str(line).with_context(|| format!("in {line}"))?;
        *tally.entry((row.verdict, row.cause)).or_default() += 1;
    }
    let of = |verdict: &str, cause: Option<&str>| {
        let key = (verdict.to_owned(), cause.map(str::to_owned));
        tally.get(&key).copied().unwrap_or(0)
    };
    ensure!(
        of("alive", None) == alive && of("dead", Some("peer_reset")) == gone,
        "{alive} should be alive and {gone} dead by peer_reset: {tally:?}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wrong_verdict_is_found() {
        let alive = r#"{"verdict":"alive","cause":null,"rtt_ms":0.1}"#;
        let dead = r#"{"verdict":"dead","cause":"peer_reset"}"#;
        let silent = r#"{"verdict":"dead","cause":"unanswered"}"#;
        let join = |rows: &[&str]| rows.join("\n");
        assert!(check(&join(&[alive, dead, alive]), 2, 1).is_ok());
        assert!(check(&join(&[alive, silent, alive]), 2, 1).is_err());
        assert!(check(&join(&[alive, dead]), 2, 1).is_err());
    }
}
