//! `ayt completions`.

use std::io::Write as _;

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;

use crate::args::Cli;
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::output::Output;

/// Prints the script.
pub(crate) fn run(shell: Shell, out: &mut Output) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut visible(), "ayt", &mut script);
    out.print(|out, _| out.write_all(&script))?;
    Ok(ExitCode::Healthy)
}

/// The command line without what is hidden: generators would offer it.
fn visible() -> Command {
    let all = Cli::command();
    Command::new("ayt")
        .version(env!("CARGO_PKG_VERSION"))
        .args(all.get_arguments().cloned())
        .subcommands(
            all.get_subcommands()
                .filter(|sub| !sub.is_hide_set())
                .cloned(),
        )
        .disable_help_flag(true)
        .disable_version_flag(true)
        .disable_help_subcommand(true)
}
