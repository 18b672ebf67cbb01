//! Measurements that anyone can rerun; each prints its peer beside it.

mod host;

use anyhow::Result;
use clap::Subcommand;

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// list, probe and doctor on many sockets of this host
    Host,
}

/// Runs one benchmark.
pub(crate) fn run(args: &Args) -> Result<()> {
    match args.bench {
        Bench::Host => host::run(),
    }
}
