//! The table, the bars, and the page.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

const PAGE: &str = "docs/benchmarks.md";
const COMMAND: &str = "cargo bench -p ayt --bench sessions";

/// What one contender took at one size.
#[derive(Debug)]
pub(crate) struct Row {
    sessions: usize,
    name: &'static str,
    bytes: Option<usize>,
    nanos: Vec<f64>,
}

impl Row {
    pub(crate) fn new(sessions: usize, name: &'static str, bytes: Option<usize>) -> Self {
        Self {
            sessions,
            name,
            bytes,
            nanos: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, nanos: f64) {
        self.nanos.push(nanos);
    }

    fn median(&self) -> f64 {
        median(self.nanos.clone())
    }

    /// Median of how often its time is that of `base` in the same round.
    fn times(&self, base: &Self) -> f64 {
        median(
            self.nanos
                .iter()
                .zip(&base.nanos)
                .map(|(mine, theirs)| mine / theirs)
                .collect(),
        )
    }

    fn bytes_each(&self) -> Option<f64> {
        Some(self.bytes? as f64 / self.sessions as f64)
    }
}

/// All that was measured.
#[derive(Debug)]
pub(crate) struct Report {
    /// One list a size: ours first, then the queue, the tasks, the tasks without.
    sizes: Vec<Vec<Row>>,
    lateness: Vec<(usize, Result<f64, String>)>,
    busy: bool,
}

/// A limit, what was measured, and whether that is within it.
struct Bar {
    what: String,
    limit: String,
    got: String,
    met: bool,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self {
            sizes: Vec::new(),
            lateness: Vec::new(),
            busy: load_per_core().is_some_and(|load| load > 0.5),
        }
    }

    pub(crate) fn rows(&mut self, rows: Vec<Row>) {
        self.sizes.push(rows);
    }

    pub(crate) fn lateness(&mut self, sessions: usize, ticks: Result<f64, String>) {
        self.lateness.push((sessions, ticks));
    }

    pub(crate) fn missed(&self) -> usize {
        self.bars().iter().filter(|bar| !bar.met).count()
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("Written by `{COMMAND} -- --write` on: {}.\n", machine());
        if self.busy {
            text += "The machine was busy with other work when this began.\n";
        }
        text += "\n### Bars\n\n| what | bar | measured | verdict |\n| --- | --- | --- | --- |\n";
        for bar in self.bars() {
            let verdict = if bar.met { "met" } else { "**missed**" };
            let _ = writeln!(
                text,
                "| {} | {} | {} | {verdict} |",
                bar.what, bar.limit, bar.got
            );
        }
        text += "\n### sessions\n\n\
            | sessions | with | CPU per chunk, median | min – max | against ours | memory per session | rounds |\n\
            | --- | --- | --- | --- | --- | --- | --- |\n";
        for rows in &self.sizes {
            for row in rows {
                let _ = writeln!(
                    text,
                    "| {} | {} | {} | {} – {} | {:.2}× | {} | {} |",
                    count(row.sessions),
                    row.name,
                    nanos(row.median()),
                    nanos(row.nanos.iter().copied().fold(f64::INFINITY, f64::min)),
                    nanos(row.nanos.iter().copied().fold(0.0, f64::max)),
                    row.times(&rows[0]),
                    row.bytes_each()
                        .map_or("unknown".to_owned(), |each| format!("{each:.0} B")),
                    row.nanos.len(),
                );
            }
        }
        text += "\nMemory of ours is what its arrays have allocated; of the others, by how much \
            the resident memory grew when they were made, in whole pages. \"Against ours\" is the \
            median of the ratios within each round.\n";
        text
    }

    fn bars(&self) -> Vec<Bar> {
        let mut bars = Vec::new();
        let Some([ours, others @ ..]) = self.sizes.last().map(Vec::as_slice) else {
            return bars;
        };
        let at = count(ours.sessions);
        let cost = ours.median();
        bars.push(Bar {
            what: format!("CPU per received chunk at {at}, its share of expiry included"),
            limit: "≤ 25.0 ns".to_owned(),
            got: nanos(cost),
            met: cost <= 25.0,
        });
        let bytes = ours.bytes_each().unwrap_or(f64::INFINITY);
        bars.push(Bar {
            what: format!("timer state of a session at {at}"),
            limit: "≤ 64 B".to_owned(),
            got: format!("{bytes:.1} B"),
            met: bytes <= 64.0,
        });
        bars.push(self.lateness_bar());
        for other in others.iter().take(2) {
            let times = other.times(ours);
            bars.push(Bar {
                what: format!("{} at {at}", other.name),
                limit: "≥ 5.0× ours".to_owned(),
                got: format!("{times:.1}×"),
                met: times >= 5.0,
            });
        }
        if let [_, timed, bare, ..] = others {
            // What the timeouts alone cost: the tasks and their waking taken away.
            let alone = (timed.times(ours) - bare.times(ours)).max(0.0);
            bars.push(Bar {
                what: format!("of it the timeouts alone, tasks and waking taken away, at {at}"),
                limit: "≥ 5.0× ours".to_owned(),
                got: format!("{alone:.1}×"),
                met: alone >= 5.0,
            });
        }
        if let Some(small) = self.sizes.first().map(|rows| &rows[0]) {
            // CPU of all chunks against their number, both of them on a scale of powers.
            let grown = ours.sessions as f64 / small.sessions as f64;
            let power = (grown * cost / small.median()).ln() / grown.ln();
            bars.push(Bar {
                what: format!(
                    "growth of CPU from {} to {at}: power of the number of sessions",
                    count(small.sessions)
                ),
                limit: "≤ 1.2".to_owned(),
                got: format!("{power:.2}"),
                met: power <= 1.2,
            });
        }
        bars
    }

    fn lateness_bar(&self) -> Bar {
        let mut worst = 0.0f64;
        let mut wrong = None;
        for (sessions, ticks) in &self.lateness {
            match ticks {
                Ok(ticks) => worst = worst.max(*ticks),
                Err(error) => wrong = Some(format!("{}: {error}", count(*sessions))),
            }
        }
        Bar {
            what: "lateness of expiry, worst of all sizes; none early, none missed".to_owned(),
            limit: "≤ 1 tick".to_owned(),
            met: wrong.is_none() && worst <= 1.0,
            got: wrong.unwrap_or_else(|| format!("{worst:.5} ticks")),
        }
    }
}

/// Puts the text into the page, in the place of what was written there last.
pub(crate) fn write(text: &str) -> std::io::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(PAGE);
    let page = std::fs::read_to_string(&path)?;
    let begin = format!("<!-- begin: {COMMAND} -->\n");
    let end = format!("<!-- end: {COMMAND} -->");
    let missing = || std::io::Error::other(format!("no `{}` ... `{end}`", begin.trim_end()));
    let (before, rest) = page.split_once(&begin).ok_or_else(missing)?;
    let (old, after) = rest.split_once(&end).ok_or_else(missing)?;
    if old.contains("<!-- begin:") {
        return Err(missing());
    }
    std::fs::write(path, format!("{before}{begin}\n{text}\n{end}{after}"))
}

/// To standard output; who does not read it any more has seen enough.
pub(crate) fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// To standard error.
pub(crate) fn progress(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match (
        values.get(values.len().saturating_sub(1) / 2),
        values.get(values.len() / 2),
    ) {
        (Some(&lower), Some(&upper)) => f64::midpoint(lower, upper),
        _ => f64::NAN,
    }
}

fn nanos(value: f64) -> String {
    if value < 1_000.0 {
        format!("{value:.1} ns")
    } else {
        format!("{:.2} µs", value / 1_000.0)
    }
}

fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Processor, cores, memory, kernel, as far as /proc tells.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?.to_owned();
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let cpu = field(&read("/proc/cpuinfo"), "model name")
        .unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let memory = field(&read("/proc/meminfo"), "MemTotal")
        .and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok())
        .map_or_else(String::new, |kib| {
            format!(", {:.0} GiB", kib / f64::from(1 << 20))
        });
    let kernel = read("/proc/sys/kernel/osrelease");
    format!(
        "{cpu}, {cores} cores{memory}, {} {}",
        std::env::consts::OS,
        kernel.trim()
    )
}

fn load_per_core() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    let load: f64 = text.split_whitespace().next()?.parse().ok()?;
    let cores = std::thread::available_parallelism().ok()?.get();
    Some(load / cores as f64)
}
