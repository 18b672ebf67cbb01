//! The command line: what may be written, and nothing that touches the system.

mod arm;
mod doctor;
mod filter;
mod lab;
mod list;
mod plan;
mod probe;
mod reap;
mod trace;
mod values;
mod why;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use arm::ArmArgs;
pub(crate) use doctor::DoctorArgs;
pub(crate) use filter::FilterArgs;
pub(crate) use lab::{LabArgs, LabCommand};
pub(crate) use list::{ListArgs, SortColumn};
pub(crate) use plan::PlanArgs;
pub(crate) use probe::{AskArgs, ProbeArgs};
pub(crate) use reap::{Named, ReapArgs};
pub(crate) use trace::{TraceArgs, Word};
pub(crate) use why::WhyArgs;

use crate::output::page::Colour;

const LONG_ABOUT: &str = "\
Finds dead TCP connections on a Linux host, says why they died, and clears them.

ayt asks the peer's kernel on any live connection of any process, with no data \
sent and the program unaware. `list` and `doctor` only look; `probe` and `trace` ask; `arm` \
and `reap` change what you name; `plan` says which settings to choose.";

const AFTER: &str = "\
Exit status:
  0  everything was looked at and is healthy, or was done as asked
  1  something was found: a finding, a dead or suspect connection
  2  usage, or what was asked for failed
  3  could not look; or only in part, and found nothing in it, or armed or
     destroyed all it found
  130, 143  stopped by SIGINT or SIGTERM; what was known by then was printed

A reader that leaves early (ayt list | head) changes none of these.

Environment:
  NO_COLOR         set and not empty: no colours
  AYT_RUNTIME_DIR  the folder, an absolute path, for the journals of probe and
                   arm and for the lock that all ayts on a host must share
                   [default: /run/ayt for root; for others $XDG_RUNTIME_DIR/ayt,
                   or /tmp/ayt-UID]";

/// Find dead TCP connections, say why, clear them
#[derive(Debug, Parser)]
#[command(
    name = "ayt",
    version,
    long_about = LONG_ABOUT,
    after_help = "Start with `ayt doctor`. `ayt COMMAND --help` has examples.",
    after_long_help = AFTER,
    term_width = 80,
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    disable_help_flag = true,
    disable_version_flag = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    /// Print the version
    #[arg(
        short = 'V',
        long,
        action = clap::ArgAction::Version,
        help_heading = "Output",
        display_order = 903
    )]
    version: Option<bool>,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// always, never or auto, which respects NO_COLOR
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        hide_default_value = true,
        hide_possible_values = true,
        value_name = "WHEN",
        help_heading = "Output",
        display_order = 900
    )]
    pub(crate) color: Colour,
    /// Lay text out for so many columns, as on a terminal
    #[arg(
        long,
        global = true,
        value_name = "COLUMNS",
        value_parser = clap::value_parser!(u16).range(20..),
        help_heading = "Output",
        display_order = 901
    )]
    pub(crate) width: Option<u16>,
    /// Print help; --help says more
    #[arg(
        short,
        long,
        global = true,
        action = clap::ArgAction::Help,
        help_heading = "Output",
        display_order = 902
    )]
    help: Option<bool>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show every TCP connection with its owner
    #[command(long_about = list::HELP)]
    List(ListArgs),
    /// Ask the peers of live connections whether they are there
    #[command(long_about = probe::HELP)]
    Probe(ProbeArgs),
    /// Say what is wrong and why, and what to do
    #[command(long_about = doctor::HELP)]
    Doctor(DoctorArgs),
    /// Say in one paragraph why something does not answer
    #[command(long_about = why::HELP)]
    Why(WhyArgs),
    /// Show where a connection's path ends, hop by hop
    #[command(long_about = trace::HELP)]
    Trace(TraceArgs),
    /// Set keepalive on live sockets of running processes
    #[command(long_about = arm::HELP)]
    Arm(ArmArgs),
    /// Destroy connections that are dead
    #[command(long_about = reap::HELP)]
    Reap(ReapArgs),
    /// Say which settings find a dead peer in time, and what settings do
    #[command(long_about = plan::HELP)]
    Plan(PlanArgs),
    /// Break connections on purpose and measure who notices, and when
    #[command(long_about = lab::HELP)]
    Lab(LabArgs),
    /// Print a completion script for a shell
    Completions {
        /// bash, elvish, fish, powershell or zsh
        #[arg(value_enum, hide_possible_values = true)]
        shell: clap_complete::Shell,
    },
    /// Print the man page, or write all of them to a folder
    Man {
        /// Folder for ayt.1, ayt-list.1, …
        #[arg(long, help_heading = "Output")]
        dir: Option<PathBuf>,
    },
    /// Print a page of the reference, made from this program itself
    #[command(hide = true)]
    Docs {
        /// Which page
        #[arg(value_enum)]
        page: crate::commands::docs::PageName,
    },
}

/// Output for machines.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Json {
    /// Print JSON in a stable shape (docs/json.md)
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

/// The words of a command line; `help COMMAND` is another way to say `COMMAND --help`.
pub(crate) fn words(mut all: Vec<OsString>) -> Vec<OsString> {
    if all.get(1).is_some_and(|first| first == "help") {
        all.remove(1);
        all.push("--help".into());
    }
    all
}

#[cfg(test)]
mod tests;
