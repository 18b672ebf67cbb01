//! `cargo xtask fuzz`: libFuzzer on stable Rust, without cargo-fuzz.
//!
//! What cargo-fuzz asks of a nightly compiler is its address sanitizer; the
//! coverage that steers the search is an LLVM pass which stable can run. Without
//! the sanitizer a fuzz run finds panics, overflows, hangs and memory blow-ups,
//! which is all that parsers without `unsafe` can do wrong. The same crate works
//! under `cargo +nightly fuzz run TARGET` as well.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::paths;
use crate::run::{Failed, cargo, host_triple, run as run_command, say};

/// What may be said to `fuzz`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The target; all of them in turn if none is named
    target: Option<String>,
    /// How long each target runs
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Name the targets and stop
    #[arg(long)]
    list: bool,
    /// Handed on to libFuzzer, such as the file of a crash
    #[arg(last = true)]
    rest: Vec<String>,
}

/// The flags that cargo-fuzz gives as well, less the sanitizer: edges counted,
/// their addresses known, comparisons traced so that magic numbers are found.
/// Short memory comparisons (`strip_prefix(b"AYT1")`) become plain ones first:
/// the code generator would do so anyway, but after the tracing was put in, and
/// the search would never see them.
const COVERAGE: &[&str] = &[
    "-Cpasses=function(expand-memcmp)",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "--cfg=fuzzing",
];

/// Builds and runs fuzz targets.
pub(crate) fn run(args: &Args) -> Result<()> {
    let targets = targets(&paths::root().join("fuzz/fuzz_targets"))?;
    if args.list {
        println!("{}", targets.join("\n"));
        return Ok(());
    }
    let chosen: Vec<&String> = targets
        .iter()
        .filter(|name| args.target.as_ref().is_none_or(|wanted| wanted == *name))
        .collect();
    if chosen.is_empty() {
        bail!(
            "fuzz: no target {}; there are: {}",
            args.target.as_deref().unwrap_or("at all"),
            targets.join(", ")
        );
    }
    let binaries = build()?;
    for name in chosen {
        fuzz_one(&binaries, name, args.seconds, &args.rest)?;
    }
    Ok(())
}

/// Builds every target and runs each for a while.
pub(crate) fn run_every(seconds: u64) -> Result<()> {
    run(&Args {
        target: None,
        seconds,
        list: false,
        rest: Vec::new(),
    })
}

/// The targets: one file each.
fn targets(directory: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(
                path.file_stem()
                    .map(|stem| stem.to_string_lossy().into_owned()),
            );
        }
    }
    names.sort();
    Ok(names)
}

/// Builds all targets; gives the directory of the programs.
fn build() -> Result<PathBuf> {
    let triple = host_triple()?;
    let target_dir = paths::target().join("fuzz");
    // With --target the flags reach neither build scripts nor procedural macros.
    run_command(
        cargo()
            .args(["build", "--release", "--locked", "--target", &triple])
            .arg("--manifest-path")
            .arg(paths::root().join("fuzz/Cargo.toml"))
            .arg("--target-dir")
            .arg(&target_dir)
            .env("CARGO_ENCODED_RUSTFLAGS", COVERAGE.join("\x1f")),
    )?;
    Ok(target_dir.join(triple).join("release"))
}

fn fuzz_one(binaries: &Path, name: &str, seconds: u64, rest: &[String]) -> Result<()> {
    let fuzz = paths::root().join("fuzz");
    let corpus = fuzz.join("corpus").join(name);
    let artifacts = fuzz.join("artifacts").join(name);
    let seeds = fuzz.join("seeds").join(name);
    std::fs::create_dir_all(&corpus)?;
    std::fs::create_dir_all(&artifacts)?;

    let mut command = Command::new(binaries.join(name));
    if rest.is_empty() {
        command
            .arg(format!("-max_total_time={seconds}"))
            .arg("-timeout=10")
            .arg("-rss_limit_mb=1024")
            .arg("-print_final_stats=1")
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .arg(&corpus);
        // libFuzzer writes into the first directory only.
        if seeds.is_dir() {
            command.arg(&seeds);
        }
    } else {
        command.args(rest);
    }
    say(&command);
    let mut child = command
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("fuzz target {name}"))?;
    let mut seen = Seen::default();
    let mut last_lines = Vec::new();
    if let Some(log) = child.stderr.take() {
        for line in BufReader::new(log).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).into_owned();
            seen.read(&line);
            // The search itself is one line for each find: too much for a log.
            if !line.starts_with('#') && rest.is_empty() {
                last_lines.push(line);
            } else if !rest.is_empty() {
                println!("{line}");
            }
        }
    }
    let status = child.wait()?;
    if !status.success() {
        println!("{}", last_lines.join("\n"));
        return Err(Failed::new(&command, status)).with_context(|| {
            format!(
                "fuzz target {name} failed; run the input again: cargo xtask fuzz {name} -- {}/…",
                artifacts.display()
            )
        });
    }
    if rest.is_empty() {
        println!("fuzz: {name}: {}", seen.verdict(seconds)?);
    }
    Ok(())
}

/// What libFuzzer's log tells of coverage.
#[derive(Debug, Default)]
struct Seen {
    counters: u64,
    first: Option<u64>,
    last: u64,
    runs: u64,
}

impl Seen {
    fn read(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("INFO: Loaded ") {
            let counters = rest
                .split_once('(')
                .filter(|(_, rest)| rest.contains("inline 8-bit counters"))
                .and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
            self.counters = counters.unwrap_or(self.counters);
        }
        if let Some(rest) = line.strip_prefix("stat::number_of_executed_units:") {
            self.runs = rest.trim().parse().unwrap_or(0);
        }
        let mut words = line.split_whitespace().skip_while(|word| *word != "cov:");
        if line.starts_with('#')
            && let Some(covered) = words.nth(1).and_then(|word| word.parse().ok())
        {
            self.first.get_or_insert(covered);
            self.last = covered;
        }
    }

    /// One line of result; an error where nothing was measured, since such a run
    /// searches blindly and would pass for a real one.
    fn verdict(&self, seconds: u64) -> Result<String> {
        let Some(first) = self.first.filter(|_| self.counters > 0) else {
            bail!("no coverage counters: the compiler flags did not work");
        };
        Ok(format!(
            "{} runs in {seconds} s, {first} → {} of {} edges, nothing found",
            self.runs, self.last, self.counters
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coverage_is_read_from_the_log() {
        let mut seen = Seen::default();
        for line in [
            "INFO: Loaded 1 modules   (115 inline 8-bit counters): 115 [0x55c1, 0x55c2), ",
            "INFO: Loaded 1 PC tables (115 PCs): 115 [0x55c1,0x55c2), ",
            "#2\tINITED cov: 7 ft: 7 corp: 1/1b exec/s: 0 rss: 27Mb",
            "#16\tNEW    cov: 8 ft: 8 corp: 2/5b lim: 4 exec/s: 0 rss: 27Mb",
            "stat::number_of_executed_units: 169053",
        ] {
            seen.read(line);
        }
        assert_eq!(
            seen.verdict(10).unwrap(),
            "169053 runs in 10 s, 7 → 8 of 115 edges, nothing found"
        );
    }

    #[test]
    fn a_run_without_counters_is_an_error() {
        let mut seen = Seen::default();
        seen.read("#2\tINITED exec/s: 0 rss: 27Mb");
        assert!(seen.verdict(10).is_err());
    }
}
