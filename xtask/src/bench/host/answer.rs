//! A command that answers once about a large host: how long it takes, and that all of
//! the host was looked at.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Found, ms};
use crate::bench::crowd::Crowd;
use crate::bench::report::{Bar, Section, megabytes, milliseconds};
use crate::bench::stats::Samples;
use crate::bench::watch::Run;

/// The rows and bars of one command.
pub(super) struct Answers<'c> {
    crowd: &'c Crowd,
    rounds: usize,
    /// Milliseconds that the median may take.
    most: f64,
    section: Section,
    bars: Vec<Bar>,
}

impl<'c> Answers<'c> {
    pub(super) fn new(name: &str, crowd: &'c Crowd, rounds: usize, most: f64) -> Self {
        let columns = [
            "what",
            "wall, median",
            "min – max",
            "CPU",
            "peak memory",
            "rounds",
        ];
        Self {
            crowd,
            rounds,
            most,
            section: Section::new(name, &columns),
            bars: Vec::new(),
        }
    }

    /// Measures one; `check` sees the first answer.
    pub(super) fn measure(
        &mut self,
        run: &Run,
        what: String,
        check: impl Fn(&Value) -> Result<()>,
    ) -> Result<()> {
        let crowd = self.crowd;
        let (_, output) = run.keep(crowd.ns())?;
        self.look(&output, check).context(what.clone())?;
        let (mut wall, mut cpu, mut peak) = (Samples::default(), Samples::default(), 0);
        for _ in 0..self.rounds {
            let took = run.time(crowd.ns())?;
            wall.push(ms(took.wall));
            cpu.push(ms(took.cpu));
            peak = peak.max(took.peak);
        }
        let show = |value: Option<f64>| value.map_or_else(String::new, milliseconds);
        self.section.row([
            what.clone(),
            show(wall.median()),
            format!("{} – {}", show(wall.min()), show(wall.max())),
            show(cpu.median()),
            megabytes(peak as f64),
            wall.len().to_string(),
        ]);
        let median = wall.median().context("no round")?;
        let bar = Bar::at_most(what, median, self.most, milliseconds);
        self.bars.push(bar);
        Ok(())
    }

    fn look(&self, output: &str, check: impl Fn(&Value) -> Result<()>) -> Result<()> {
        let answer: Value = serde_json::from_str(output)?;
        let looked = answer["looked_at"]["sockets"].as_u64();
        let sockets = self.crowd.sockets();
        ensure!(
            looked >= Some(sockets as u64),
            "{looked:?} of {sockets} sockets looked at"
        );
        check(&answer)
    }

    pub(super) fn found(mut self, note: &str) -> Found {
        self.section.note(note);
        Ok((self.section, self.bars))
    }
}
