//! Measurements that anyone can rerun; each prints its peer beside it.
//!
//! - [`host`]: the `ayt` command on a crowd of connections;
//! - [`netlink`]: three ways to read the kernel's socket table;
//! - `crowd` makes the connections, `watch` runs a program under the stopwatch
//!   of `ayt-fixture measure`, `stats` sums up rounds, `report` writes tables
//!   and verdicts.

mod budget;
mod crowd;
mod host;
mod machine;
mod netlink;
mod report;
mod stats;
mod watch;

use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::run::{cargo, run as run_command};
use report::Report;

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Debug, clap::Subcommand)]
enum Bench {
    /// list, probe and doctor on many sockets of this host
    Host(host::Args),
    /// our own netlink layer beside the crates that could replace it
    Netlink(netlink::Args),
}

/// How to run, and what to do with the result.
#[derive(Debug, Clone, clap::Args)]
struct Common {
    /// Smaller and with fewer rounds: done within a minute
    #[arg(long)]
    quick: bool,
    /// Put the result into docs/benchmarks.md
    #[arg(long)]
    write: bool,
    /// Exit with 1 when a bar is missed
    #[arg(long)]
    strict: bool,
    /// Stop after so many minutes with what there is
    #[arg(long, default_value_t = 10)]
    minutes: u64,
}

/// Runs one benchmark.
pub(crate) fn run(args: &Args) -> Result<()> {
    if cfg!(debug_assertions) {
        return run_in_release(&args.bench);
    }
    let (common, report) = match &args.bench {
        Bench::Host(args) => (&args.common, host::run(args)?),
        Bench::Netlink(args) => (&args.common, netlink::run(args)?),
    };
    finish(common, &report)
}

/// A debug build measures nothing worth knowing: builds and runs us again.
fn run_in_release(bench: &Bench) -> Result<()> {
    let mut command = cargo();
    command
        .current_dir(crate::paths::root())
        .args(["run", "--release", "--locked", "--quiet"])
        .args(["--package", "xtask"]);
    if matches!(bench, Bench::Netlink(_)) {
        command.args(["--features", "netlink-peers"]);
    }
    run_command(command.arg("--").args(std::env::args_os().skip(1)))
}

/// Builds what is measured and what measures, and returns where it is.
fn build(packages: &[&str]) -> Result<PathBuf> {
    let mut command = cargo();
    command
        .current_dir(crate::paths::root())
        .args(["build", "--release", "--locked", "--bins"]);
    for package in packages {
        command.args(["--package", package]);
    }
    run_command(&mut command)?;
    Ok(crate::paths::target().join("release"))
}

fn finish(common: &Common, report: &Report) -> Result<()> {
    println!("\n{}", report.markdown());
    if common.write {
        ensure!(
            !common.quick,
            "--write wants the whole measurement, not --quick"
        );
        report.write()?;
    }
    ensure!(
        report.gaps().is_empty(),
        "could not measure: {}",
        report.gaps().join("; ")
    );
    ensure!(
        !common.strict || report.missed() == 0,
        "{} bars missed",
        report.missed()
    );
    Ok(())
}
