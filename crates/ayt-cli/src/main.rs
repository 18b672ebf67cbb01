//! The `ayt` command: finds dead TCP connections, says why, clears them.
//!
//! - [`args`]: what may be written on the command line;
//! - [`commands`]: one file each: look, decide by the library, print;
//! - [`text`] and [`json`]: what people and machines read, as pure functions;
//! - [`output`]: the only way to standard output and standard error;
//! - [`exit`] and [`failure`]: what the exit code says.

mod args;
mod commands;
mod exit;
mod failure;
mod json;
mod output;
#[cfg(test)]
mod testing;
mod text;

use clap::Parser as _;

use args::{Cli, Command};
use exit::ExitCode;
use failure::Failure;
use output::Output;

fn main() -> std::process::ExitCode {
    // The programs of the lab are this one: they come here first.
    ayt_lab::subjects::main_if_subject();
    let cli = Cli::parse_from(args::words(std::env::args_os().collect()));
    let mut out = Output::new(cli.global.color, cli.global.width);
    let exit = run(&cli.command, &mut out).unwrap_or_else(|failure| {
        out.error(&failure.to_string());
        failure.exit()
    });
    exit.into()
}

fn run(command: &Command, out: &mut Output) -> Result<ExitCode, Failure> {
    match command {
        Command::List(args) => commands::list::run(args, out),
        Command::Probe(args) => commands::probe::run(args, out),
        Command::Doctor(args) => commands::doctor::run(args, out),
        Command::Why(args) => commands::why::run(args, out),
        Command::Trace(args) => commands::trace::run(args, out),
        Command::Arm(args) => commands::arm::run(args, out),
        Command::Reap(args) => commands::reap::run(args, out),
        Command::Plan(args) => commands::plan::run(args, out),
        Command::Lab(args) => commands::lab::run(args, out),
        Command::Completions { shell } => commands::completions::run(*shell, out),
        Command::Man { dir } => commands::man::run(dir.as_deref(), out),
        Command::Docs { page } => commands::docs::run(*page, out),
    }
}
