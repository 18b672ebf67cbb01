//! `ayt list` beside the least work that could answer, and beside `ss`.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Tools, ms};
use crate::bench::crowd::Crowd;
use crate::bench::report::{Bar, Section, count, megabytes, milliseconds, times};
use crate::bench::stats::{Samples, ratios};
use crate::bench::watch::Run;
use crate::run::find_program;

/// `ayt list --json` against the bare work.
const RATIO: f64 = 1.3;
/// The most memory at this many sockets.
const PEAK: f64 = 60e6;
const PEAK_AT: usize = 100_000;
/// A socket of the largest crowd against one of the cheapest: within what
/// caches and noise explain, and far from the factor of a quadratic table.
const GROWTH: f64 = 1.3;
/// `ss -p` grows faster than the crowd: 12 s at 100,000.
const SS_UP_TO: usize = 100_000;

/// What is measured, in the order of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rival {
    Bare,
    Json,
    Exact,
    Text,
    Ss,
}

impl Rival {
    const ALL: [Self; 5] = [Self::Bare, Self::Json, Self::Exact, Self::Text, Self::Ss];

    const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare dump + readlinks",
            Self::Json => "`ayt list --json --no-exact`",
            Self::Exact => "`ayt list --json --exact`",
            Self::Text => "`ayt list`",
            Self::Ss => "`ss -tanoip`",
        }
    }

    fn run(self, tools: &Tools, crowd: &Crowd) -> Option<Run> {
        Some(match self {
            Self::Bare => {
                let holders = format!("--holders={}", crowd.holders());
                Run::new(&tools.fixture, &["bare", &holders])
            }
            Self::Json => tools.ayt(&["list", "--json", "--no-exact"]),
            Self::Exact => tools.ayt(&["list", "--json", "--exact"]),
            Self::Text => tools.ayt(&["list"]),
            Self::Ss if crowd.sockets() <= SS_UP_TO => Run::new(find_program("ss")?, &["-tanoip"]),
            Self::Ss => return None,
        })
    }

    fn rounds(self, tools: &Tools, sockets: usize) -> usize {
        match self {
            Self::Ss if sockets > 20_000 => 1,
            Self::Ss => 3,
            _ => tools.rounds(if sockets > 20_000 { 5 } else { 9 }),
        }
    }

    /// Whether the output shows the whole crowd with its owners.
    fn check(self, output: &str, sockets: usize) -> Result<()> {
        let shown = match self {
            Self::Bare => return check_bare(output, sockets),
            Self::Json => rows(output, |row| row.owners.len() == 1)?,
            Self::Exact => rows(output, |row| {
                row.owners.len() == 1 && row.keepalive.is_some()
            })?,
            Self::Text => output.lines().count(),
            Self::Ss => output.matches("pid=").count(),
        };
        ensure!(
            shown >= sockets,
            "{} shows {shown} of {sockets} sockets whole",
            self.name()
        );
        Ok(())
    }
}

#[derive(Deserialize)]
struct Row {
    state: String,
    owners: Vec<IgnoredAny>,
    keepalive: Option<IgnoredAny>,
}

/// Established rows that are as they should be.
fn rows(output: &str, good: impl Fn(&Row) -> bool) -> Result<usize> {
    let mut shown = 0;
    for line in output.lines() {
        let row: Row = serde_json::from_str(line).with_context(|| format!("in {line}"))?;
        shown += usize::from(row.state == "ESTABLISHED" && good(&row));
    }
    Ok(shown)
}

fn check_bare(output: &str, sockets: usize) -> Result<()> {
    let number = |name| -> Option<u64> {
        let field = output
            .split_whitespace()
            .find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        field?.parse().ok()
    };
    let (bytes, links) = (number("bytes"), number("links"));
    // 72 bytes of message and 16 of header, before any attribute.
    ensure!(
        links == Some(sockets as u64) && bytes >= Some(88 * sockets as u64),
        "the bare dump of {sockets} sockets: {output}"
    );
    Ok(())
}

/// One row of the table.
#[derive(Debug)]
struct Line {
    rival: Rival,
    wall: Samples,
    cpu: Samples,
    ratio: Samples,
    peak: u64,
    written: u64,
}

/// What was measured so far.
#[derive(Debug, Default)]
pub(super) struct Listed(Vec<(usize, usize, Vec<Line>)>);

impl Listed {
    /// Measures all rivals on the crowd, in turns.
    pub(super) fn measure(&mut self, tools: &Tools, crowd: &Crowd) -> Result<()> {
        let sockets = crowd.sockets();
        let mut runs = Vec::new();
        for rival in Rival::ALL {
            let Some(run) = rival.run(tools, crowd) else {
                continue;
            };
            let run = run.timeout(Duration::from_secs(120).min(tools.budget.left()));
            // Once untimed, to fill the kernel's caches and to see that all of
            // them answer the same question; twelve seconds of ss say no more.
            if rival != Rival::Ss || sockets <= 20_000 {
                let (_, output) = run.keep(crowd.ns())?;
                rival.check(&output, sockets)?;
            }
            let line = Line {
                rival,
                wall: Samples::default(),
                cpu: Samples::default(),
                ratio: Samples::default(),
                peak: 0,
                written: 0,
            };
            runs.push((run, line));
        }
        let rounds = runs
            .iter()
            .map(|(_, line)| line.rival.rounds(tools, sockets))
            .max();
        let mut longest = Duration::ZERO;
        for round in 0..rounds.unwrap_or(0) {
            if !tools.budget.allows(longest) {
                eprintln!("out of time after {round} rounds");
                break;
            }
            let begin = tools.budget.left();
            // Each round begins with another of them.
            let first = round % runs.len();
            let (later, first) = runs.split_at_mut(first);
            for (run, line) in first.iter_mut().chain(later) {
                if round < line.rival.rounds(tools, sockets) {
                    let took = run.time(crowd.ns())?;
                    line.wall.push(ms(took.wall));
                    line.cpu.push(ms(took.cpu));
                    line.peak = line.peak.max(took.peak);
                    line.written = took.bytes;
                }
            }
            longest = longest.max(begin.saturating_sub(tools.budget.left()));
        }
        let base = runs
            .first()
            .map(|(_, line)| line.wall.clone())
            .unwrap_or_default();
        let lines: Vec<Line> = runs
            .into_iter()
            .map(|(_, line)| Line {
                ratio: ratios(&line.wall, &base),
                ..line
            })
            .collect();
        ensure!(base.len() > 0, "no time was left for a single round");
        for line in &lines {
            eprintln!("   {}", cells(sockets, line).join("  "));
        }
        self.0.push((sockets, crowd.processes(), lines));
        Ok(())
    }

    /// Tables and verdicts.
    pub(super) fn report(&self) -> (Vec<Section>, Vec<Bar>) {
        if self.0.is_empty() {
            return (Vec::new(), Vec::new());
        }
        let mut section = Section::new(
            "list",
            &[
                "sockets",
                "what",
                "wall, median",
                "min – max",
                "CPU",
                "against bare",
                "per socket",
                "peak memory",
                "written",
                "rounds",
            ],
        );
        let mut bars = Vec::new();
        for (sockets, _, lines) in &self.0 {
            for line in lines {
                section.row(cells(*sockets, line));
                if line.rival == Rival::Json {
                    bars.extend(line.ratio.median().map(|ratio| {
                        let what = format!(
                            "{} of {} sockets against bare",
                            Rival::Json.name(),
                            count(*sockets)
                        );
                        Bar::at_most(what, ratio, RATIO, times)
                    }));
                    if *sockets == PEAK_AT {
                        let what = format!("its peak memory at {}", count(PEAK_AT));
                        bars.push(Bar::at_most(what, line.peak as f64, PEAK, megabytes));
                    }
                }
            }
        }
        bars.extend(self.growth());
        let processes = self.0.last().map_or(0, |(_, processes, _)| *processes);
        section.note(format!(
            "Established connections over loopback, both ends in one namespace and \
             held by {processes} processes at the last size; one in ten is IPv6. \
             \"Against bare\" is the median of the ratios within each round."
        ));
        (vec![section], bars)
    }

    /// The time per socket of the largest crowd against the smallest such time.
    fn growth(&self) -> Option<Bar> {
        let each = |(sockets, _, lines): &(usize, usize, Vec<Line>)| {
            let line = lines.iter().find(|line| line.rival == Rival::Json)?;
            Some(line.wall.median()? / *sockets as f64)
        };
        let (last, earlier) = self.0.split_last()?;
        let least = earlier.iter().filter_map(each).min_by(f64::total_cmp)?;
        let what = format!(
            "linear: a socket of {} against the cheapest of the smaller crowds",
            count(last.0)
        );
        Some(Bar::at_most(what, each(last)? / least, GROWTH, times))
    }
}

fn cells(sockets: usize, line: &Line) -> Vec<String> {
    let show = |value: Option<f64>| value.map_or_else(String::new, milliseconds);
    let per_socket = line.wall.median().map_or_else(String::new, |wall| {
        format!("{:.2} µs", 1000.0 * wall / sockets as f64)
    });
    vec![
        count(sockets),
        line.rival.name().to_owned(),
        show(line.wall.median()),
        format!("{} – {}", show(line.wall.min()), show(line.wall.max())),
        show(line.cpu.median()),
        line.ratio.median().map_or_else(String::new, times),
        per_socket,
        megabytes(line.peak as f64),
        megabytes(line.written as f64),
        line.wall.len().to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_without_owner_or_settings_does_not_count() {
        let whole = r#"{"state":"ESTABLISHED","owners":[{"pid":1}],"keepalive":{"enabled":false}}"#;
        let unowned = r#"{"state":"ESTABLISHED","owners":[],"keepalive":null}"#;
        let output = format!("{whole}\n{unowned}\n");
        assert!(Rival::Exact.check(&output, 1).is_ok());
        assert!(Rival::Exact.check(&output, 2).is_err());
        assert!(Rival::Json.check("no json", 1).is_err());
    }

    #[test]
    fn the_bare_dump_must_have_read_every_link() {
        assert!(check_bare("bytes=880 links=10\n", 10).is_ok());
        assert!(check_bare("bytes=880 links=9\n", 10).is_err());
        assert!(check_bare("bytes=879 links=10\n", 10).is_err());
        assert!(check_bare("", 10).is_err());
    }
}
