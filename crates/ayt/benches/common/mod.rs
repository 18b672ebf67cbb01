//! What the benchmarks of this crate share: options, the page, the machine, numbers.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

const PAGE: &str = "docs/benchmarks.md";

/// What a benchmark has found.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// As it is to stand in the page.
    pub(crate) text: String,
    /// How many bars were missed.
    pub(crate) missed: usize,
}

/// A whole benchmark, from its options to its exit status: 1 where the page could not be
/// written, or where a bar was missed that had to be met; 2 for options it does not have.
pub(crate) fn run(
    command: &str,
    usage: &str,
    arguments: impl Iterator<Item = String>,
    measure: impl FnOnce(Options) -> Outcome,
) -> ExitCode {
    let options = match Options::read(arguments, usage) {
        Ok(options) => options,
        Err(text) => {
            say(&text);
            return ExitCode::from(2);
        }
    };
    let outcome = measure(options);
    say(&outcome.text);
    if options.write
        && let Err(error) = write(command, &outcome.text)
    {
        progress(&format!("{PAGE}: {error}\n"));
        return ExitCode::FAILURE;
    }
    if options.strict && outcome.missed > 0 {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// What every benchmark here takes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Options {
    /// Fewer rounds.
    pub(crate) quick: bool,
    /// The result goes into the page.
    pub(crate) write: bool,
    /// A missed bar is a failure.
    pub(crate) strict: bool,
}

impl Options {
    /// From the command line; otherwise what to say to whoever asked for something else.
    fn read(arguments: impl Iterator<Item = String>, usage: &str) -> Result<Self, String> {
        let mut options = Self::default();
        for argument in arguments {
            match argument.as_str() {
                "--quick" => options.quick = true,
                "--write" => options.write = true,
                "--strict" => options.strict = true,
                // Given by cargo to every benchmark.
                "--bench" => {}
                _ => return Err(usage.to_owned()),
            }
        }
        if options.write && options.quick {
            return Err("--write wants the whole measurement, not --quick\n".to_owned());
        }
        Ok(options)
    }
}

/// A limit, what was measured, and whether that is within it.
#[derive(Debug)]
pub(crate) struct Bar {
    pub(crate) what: String,
    pub(crate) limit: String,
    pub(crate) got: String,
    pub(crate) met: bool,
}

/// How the text of every result begins.
pub(crate) fn head(command: &str, busy: bool) -> String {
    let mut text = format!("Written by `{command} -- --write` on: {}.\n", machine());
    if busy {
        text += "The machine was busy with other work when this began.\n";
    }
    text
}

/// Bars as a table.
pub(crate) fn bars(bars: &[Bar]) -> String {
    let mut text =
        "\n### Bars\n\n| what | bar | measured | verdict |\n| --- | --- | --- | --- |\n".to_owned();
    for bar in bars {
        let verdict = if bar.met { "met" } else { "**missed**" };
        text += &format!(
            "| {} | {} | {} | {verdict} |\n",
            bar.what, bar.limit, bar.got
        );
    }
    text
}

/// Puts the text into the page, in the place of what was written there last.
fn write(command: &str, text: &str) -> std::io::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(PAGE);
    let page = std::fs::read_to_string(&path)?;
    let begin = format!("<!-- begin: {command} -->\n");
    let end = format!("<!-- end: {command} -->");
    let missing = || std::io::Error::other(format!("no `{}` ... `{end}`", begin.trim_end()));
    let (before, rest) = page.split_once(&begin).ok_or_else(missing)?;
    let (old, after) = rest.split_once(&end).ok_or_else(missing)?;
    if old.contains("<!-- begin:") {
        return Err(missing());
    }
    std::fs::write(path, format!("{before}{begin}\n{text}\n{end}{after}"))
}

/// To standard output; who does not read it any more has seen enough.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// To standard error.
pub(crate) fn progress(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// The middle one, or what lies between the two in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match (
        values.get(values.len().saturating_sub(1) / 2),
        values.get(values.len() / 2),
    ) {
        (Some(&lower), Some(&upper)) => f64::midpoint(lower, upper),
        _ => f64::NAN,
    }
}

/// With commas.
pub(crate) fn count(number: usize) -> String {
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

/// Other work is going on.
pub(crate) fn busy() -> bool {
    load_per_core().is_some_and(|load| load > 0.5)
}

fn load_per_core() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    let load: f64 = text.split_whitespace().next()?.parse().ok()?;
    let cores = std::thread::available_parallelism().ok()?.get();
    Some(load / cores as f64)
}
