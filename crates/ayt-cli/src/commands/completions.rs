//! `ayt completions`.

use std::io::Write as _;

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::args::Cli;
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::output::Output;

/// Prints the script.
pub(crate) fn run(shell: Shell, out: &mut Output) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "ayt", &mut script);
    out.write_all(&script)?;
    Ok(ExitCode::Healthy)
}
