//! One connection, its peer a wire away: how soon, and how late, a verdict comes.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use ayt_testbed::{Fixture, Ns, Side, Wire};
use serde::Deserialize;

use super::{Found, Tools, let_peers_answer_again, ms};
use crate::bench::report::{Bar, Section, milliseconds};
use crate::bench::stats::Samples;

/// One way.
const DELAY: Duration = Duration::from_millis(10);
/// What may be added to the round trip, in milliseconds.
const EXTRA: f64 = 2.0;
/// The least patience, in milliseconds.
const PATIENCE: f64 = 5_000.0;
/// Nobody is there (RFC 5737).
const NOBODY: &str = "192.0.2.1:9";

#[derive(Deserialize)]
struct Row {
    verdict: String,
    cause: Option<String>,
    rtt_ms: Option<f64>,
}

pub(super) fn run(tools: &Tools) -> Found {
    let (a, b) = (Ns::new()?, Ns::new()?);
    let wire = Wire::join(&a, &b).context("joining two namespaces; it needs /dev/net/tun")?;
    let bind = format!("{}:0", wire.v4(Side::B));
    let server = Fixture::start(&b, ["serve", "--bind", &bind])?;
    let address = server.addr().to_string();
    let _client = Fixture::start(&a, ["hold", &address])?;
    wire.delay(DELAY, DELAY);

    let probe = |peer: &str| tools.ayt(&["probe", "--json", "--peer", peer]);
    let (one, none) = (probe(&address), probe(NOBODY));
    let mut section = Section::new("one connection", &["what", "median", "min – max", "rounds"]);
    let mut show = |what: &str, samples: &Samples| {
        let shown = |value: Option<f64>| value.map_or_else(String::new, milliseconds);
        section.row([
            what.to_owned(),
            shown(samples.median()),
            format!("{} – {}", shown(samples.min()), shown(samples.max())),
            samples.len().to_string(),
        ]);
    };
    let (mut path, mut startup) = (Samples::default(), Samples::default());
    let (mut reported, mut late, mut extra) =
        (Samples::default(), Samples::default(), Samples::default());
    let rounds = tools.rounds(9);
    for round in 0..=rounds {
        let trip = round_trip(&a, server.addr())?;
        let_peers_answer_again();
        let empty = none.time(&a)?;
        let (took, output) = one.keep(&a)?;
        let row = only_row(&output)?;
        ensure!(row.verdict == "alive", "a living peer: {output}");
        let rtt = row.rtt_ms.context("alive without rtt_ms")?;
        // The first is to fill caches.
        if round > 0 {
            path.push(ms(trip));
            startup.push(ms(empty.wall));
            reported.push(rtt);
            late.push(rtt - ms(trip));
            extra.push(ms(took.wall) - ms(empty.wall) - ms(trip));
        }
    }
    show("round trip of the path (a connect)", &path);
    show("`rtt_ms` in the verdict", &reported);
    show(
        "`ayt probe` of nobody: start and end of the command",
        &startup,
    );
    show(
        "`ayt probe` of one, less the two: what the verdict took beyond the round trip",
        &extra,
    );

    wire.cut();
    let (took, output) = one.keep(&a)?;
    let row = only_row(&output)?;
    ensure!(
        row.verdict == "dead" && row.cause.as_deref() == Some("unanswered"),
        "a silent peer: {output}"
    );
    let silent: Samples = [ms(took.wall)].into_iter().collect();
    show("path cut: `unanswered` after", &silent);
    let bars = vec![
        Bar::at_most(
            "one connection: `rtt_ms` of the verdict beyond the round trip",
            late.median().context("no round")?,
            EXTRA,
            milliseconds,
        ),
        Bar::at_most(
            "one connection: the whole command beyond the round trip and a command that asks nobody",
            extra.median().context("no round")?,
            EXTRA,
            milliseconds,
        ),
        // Not sooner than patience: the bar the other way round.
        Bar::at_most(
            "`unanswered` not before the patience of 5 s: what is missing of it",
            (PATIENCE - ms(took.wall)).max(0.0),
            0.0,
            milliseconds,
        ),
    ];
    section.note("Two namespaces, joined by a wire that delays every packet by 10 ms each way.");
    Ok((section, bars))
}

fn only_row(output: &str) -> Result<Row> {
    let mut lines = output.lines();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        anyhow::bail!("one row was expected: {output}");
    };
    serde_json::from_str(line).with_context(|| format!("in {line}"))
}

/// How long a connect takes: one round trip, and what the path itself adds.
fn round_trip(ns: &Ns, address: SocketAddr) -> Result<Duration> {
    ns.run(|| {
        let start = Instant::now();
        let stream = TcpStream::connect(address).context("connecting over the wire")?;
        let took = start.elapsed();
        drop(stream);
        Ok(took)
    })
}
