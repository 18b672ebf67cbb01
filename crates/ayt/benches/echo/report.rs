//! The table and the bars.

use std::fmt::Write as _;
use std::time::Duration;

use crate::common::{Bar, bars, busy, count, head, median};
use crate::{COMMAND, Contender, Done, Job};

/// What one contender took for one job.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) contender: Contender,
    job: Job,
    /// Of each round: messages a second.
    rates: Vec<f64>,
    /// Of each round, in microseconds.
    middles: Vec<f64>,
    p99s: Vec<f64>,
}

impl Row {
    pub(crate) fn new(contender: Contender, job: Job) -> Self {
        Self {
            contender,
            job,
            rates: Vec::new(),
            middles: Vec::new(),
            p99s: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, mut done: Done) {
        let (Job::Stream { messages, .. } | Job::PingPong { messages, .. }) = self.job;
        self.rates.push(messages as f64 / done.wall.as_secs_f64());
        done.times.sort_unstable();
        if !done.times.is_empty() {
            self.middles.push(micros(done.times[done.times.len() / 2]));
            self.p99s
                .push(micros(done.times[done.times.len() * 99 / 100]));
        }
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Median over the rounds of what two contenders make together.
fn paired(mine: &[f64], theirs: &[f64], both: impl Fn(f64, f64) -> f64) -> f64 {
    median(
        mine.iter()
            .zip(theirs)
            .map(|(&mine, &theirs)| both(mine, theirs))
            .collect(),
    )
}

#[derive(Debug)]
pub(crate) struct Report {
    jobs: Vec<(&'static str, [Row; 3])>,
    busy: bool,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self {
            jobs: Vec::new(),
            busy: busy(),
        }
    }

    pub(crate) fn add(&mut self, name: &'static str, rows: [Row; 3]) {
        self.jobs.push((name, rows));
    }

    pub(crate) fn missed(&self) -> usize {
        self.bars().iter().filter(|bar| !bar.met).count()
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = head(COMMAND, self.busy) + &bars(&self.bars());
        text += "\n### messages to a server and back\n\n\
            | messages | with | a second, median | MiB/s each way | against bare | round trip, p50 | p99 | rounds |\n\
            | --- | --- | --- | --- | --- | --- | --- | --- |\n";
        for (name, rows) in &self.jobs {
            for row in rows {
                let (Job::Stream { length, .. } | Job::PingPong { length, .. }) = row.job;
                let rate = median(row.rates.clone());
                let time = |times: &[f64]| {
                    if times.is_empty() {
                        String::from("–")
                    } else {
                        format!("{:.1} µs", median(times.to_vec()))
                    }
                };
                let _ = writeln!(
                    text,
                    "| {name} | {} | {} | {:.0} | {:.2}× | {} | {} | {} |",
                    row.contender.name(),
                    count(rate as usize),
                    rate * length as f64 / f64::from(1 << 20),
                    paired(&row.rates, &rows[0].rates, |mine, bare| mine / bare),
                    time(&row.middles),
                    time(&row.p99s),
                    row.rates.len(),
                );
            }
        }
        text += "\nMedians over the rounds; \"against bare\" is the median of the ratios within \
            each round. \"Bare\" knows nothing of messages: it passes on bytes as they come.\n";
        text
    }

    fn bars(&self) -> Vec<Bar> {
        let mut bars = Vec::new();
        for (name, [bare, _, session]) in &self.jobs {
            match session.job {
                Job::Stream {
                    length: crate::LARGE,
                    ..
                } => {
                    let ratio = paired(&session.rates, &bare.rates, |mine, bare| mine / bare);
                    bars.push(Bar {
                        what: format!("{name}: throughput of a session against bare TCP"),
                        limit: "≥ 0.80×".to_owned(),
                        got: format!("{ratio:.2}×"),
                        met: ratio >= 0.8,
                    });
                }
                Job::Stream { .. } => {}
                Job::PingPong { .. } => {
                    let added = paired(&session.p99s, &bare.p99s, |mine, bare| mine - bare);
                    bars.push(Bar {
                        what: format!("{name}: what a session adds to the round trip at p99"),
                        limit: "< 30 µs".to_owned(),
                        got: format!("{added:.1} µs"),
                        met: added < 30.0,
                    });
                }
            }
        }
        bars
    }
}
