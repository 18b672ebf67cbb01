//! `ayt lab`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::{Json, values};

pub(super) const HELP: &str = "\
Breaks connections between real kernels on purpose and measures who notices, and \
when, against what `ayt plan` promises.

Each cell is two hosts of its own (network namespaces), joined by a wire that sees \
every packet. A fault is inflicted; a detector watches in one of two programs; the \
time until it notices must lie within the planner's. Nothing of this machine's own \
network is touched, and everything vanishes with this program. It needs root, or a \
system that allows ordinary users user namespaces.

Without a FILE the standard set is run, in about a minute; `ayt lab list` shows it. \
A FILE is a scenario: its fault, and who watches with which settings (the comments of \
`ayt lab list --files` say how). `ayt lab claims` shows, sentence by sentence, what is \
told of keepalive, heartbeats and closing, what is so, and what was measured here.

--server and --client put your own programs at both ends, unchanged; the client's \
host is the one that breaks. When each side noticed is read from its kernel.";

const EXAMPLES: &str = "\
Examples:
  ayt lab
  ayt lab --fault silent-drop --cells
  ayt lab --detector keepalive --detector both --json
  ayt lab my-scenario.toml
  ayt lab --fault nat-silent --report nat
  ayt lab --server ./serve --client ./call
  ayt lab list
  ayt lab claims
  ayt lab claims S12 S16

Exit status: 0 everything as planned, 1 something differed, 2 usage, 3 no ground for
a lab here, or a fault that could not be tried with your own programs.";

/// Options of `ayt lab`.
#[derive(Debug, Args)]
#[command(
    after_long_help = EXAMPLES,
    override_usage = "ayt lab [FILE]... [OPTIONS]\n       ayt lab list [--files]\n       \
                      ayt lab claims [ROW]... [OPTIONS]",
    args_conflicts_with_subcommands = false,
    disable_help_subcommand = true
)]
pub(crate) struct LabArgs {
    /// Scenario files; without any, the standard set
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Only cells of this fault; may be given again
    #[arg(long, value_name = "NAME", help_heading = "Which cells")]
    pub(crate) fault: Vec<String>,
    /// Only cells of this detector; may be given again
    #[arg(long, value_name = "NAME", help_heading = "Which cells")]
    pub(crate) detector: Vec<String>,
    /// Also those that need a minute or more
    #[arg(long, global = true, help_heading = "Which cells")]
    pub(crate) slow: bool,
    /// Throw all dice with this seed, not the scenarios' own
    #[arg(long, value_name = "NUMBER", help_heading = "Which cells")]
    pub(crate) seed: Option<u64>,
    /// Try this server instead: 'redis-server --port {port}'
    #[arg(
        long,
        value_name = "COMMAND",
        requires = "client",
        conflicts_with_all = ["files", "detector", "slow", "cells"],
        help_heading = "Your own"
    )]
    pub(crate) server: Option<String>,
    /// And this client, which connects to {address} and {port}
    #[arg(
        long,
        value_name = "COMMAND",
        requires = "server",
        help_heading = "Your own"
    )]
    pub(crate) client: Option<String>,
    /// For how long to watch them [default: 15s]
    #[arg(
        long,
        value_name = "TIME",
        requires = "server",
        value_parser = values::positive_duration,
        help_heading = "Your own"
    )]
    pub(crate) watch: Option<Duration>,
    /// Print a line for each cell, not only the matrix
    #[arg(long, help_heading = "Output")]
    pub(crate) cells: bool,
    /// Write a page there: matrix, plot, and every packet of each run
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(crate) report: Option<PathBuf>,
    /// Write the packets of each run there, for Wireshark (pcapng)
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(crate) pcap: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) json: Json,
    /// Something else than to run.
    #[command(subcommand)]
    pub(crate) command: Option<LabCommand>,
}

/// What else there is.
#[derive(Debug, Subcommand)]
pub(crate) enum LabCommand {
    /// Show faults, detectors and the standard set
    List {
        /// Print the scenario files of the standard set
        #[arg(long)]
        files: bool,
    },
    /// Show what is told of dead connections, and what is so
    ///
    /// Each row is a sentence found in well-known texts, put right where it is wrong
    /// (`refuted`), and measured here, on hosts of the lab: in about a minute. With
    /// --slow what needs a minute or more is waited for as well.
    ///
    /// Exit status: 0 every sentence was shown, 1 something differed, 2 usage, 3 no
    /// ground for a lab here, or this machine was too busy to measure all.
    Claims {
        /// Only these rows, such as S12
        #[arg(value_name = "ROW")]
        rows: Vec<String>,
        #[command(flatten)]
        json: Json,
    },
}
