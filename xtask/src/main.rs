//! The project's own chores: `cargo xtask CHORE`. One file each; CI runs the
//! same ones (`.ci/run`).
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "a developer's tool: its output goes to a terminal or a CI log, and it times its own steps"
)]

mod apt;
#[cfg(target_os = "linux")]
mod bench;
mod demo;
mod dist;
mod elf;
mod fuzz;
mod paths;
mod run;
mod targets;
mod test;
mod tidy;
mod tour;
mod windows;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's own chores
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Check the house rules that no compiler checks
    Tidy(tidy::Args),
    /// Run every test, bringing the programs they need
    Test(test::Args),
    /// Fuzz the parsers, on stable Rust
    Fuzz(fuzz::Args),
    /// Build the one static binary and prove that it stands alone
    Dist,
    /// Prove that the product builds, and explains itself, where there is no Linux
    Windows,
    /// Check that the library compiles for every system it knows
    Targets(targets::Args),
    /// Make ghosts, a leak and a stuck server, to try ayt on
    Demo,
    /// Run the commands of docs/tour.md for real and record what they print
    Tour(tour::Args),
    /// Measure, with the peers beside it
    #[cfg(target_os = "linux")]
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().chore {
        Chore::Tidy(args) => tidy::run(&args),
        Chore::Test(args) => test::run(&args),
        Chore::Fuzz(args) => fuzz::run(&args),
        Chore::Dist => dist::run(),
        Chore::Windows => windows::run(),
        Chore::Targets(args) => targets::run(&args),
        Chore::Demo => demo::run(),
        Chore::Tour(args) => tour::run(&args),
        #[cfg(target_os = "linux")]
        Chore::Bench(args) => bench::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            run::exit_code(&error)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed_and_every_chore_has_one_line_of_help() {
        let command = super::Cli::command();
        command.clone().debug_assert();
        for chore in command.get_subcommands() {
            let about = chore.get_about().map(ToString::to_string);
            assert!(
                about.is_some_and(|text| !text.is_empty() && text.len() <= 80),
                "{}",
                chore.get_name()
            );
        }
    }
}
