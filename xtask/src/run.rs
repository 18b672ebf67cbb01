//! Running other programs: said before, with their exit status kept.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Context, Result};

/// A program that ran and failed; its exit code becomes ours.
#[derive(Debug)]
pub(crate) struct Failed {
    what: String,
    status: ExitStatus,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.what, self.status)
    }
}

impl std::error::Error for Failed {}

impl Failed {
    /// The failure of `command`.
    pub(crate) fn new(command: &Command, status: ExitStatus) -> Self {
        Self {
            what: shown(command),
            status,
        }
    }
}

/// Our exit code for an error: that of the program that failed, else 1.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    error
        .downcast_ref::<Failed>()
        .and_then(|failed| failed.status.code())
        .and_then(|code| u8::try_from(code).ok())
        .filter(|&code| code != 0)
        .map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Runs a program to its end with our input and output; failure is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    say(command);
    let status = command
        .status()
        .with_context(|| format!("cannot start `{}`", shown(command)))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failed::new(command, status).into())
    }
}

/// Runs a program quietly and gives what it wrote to standard output.
pub(crate) fn output_of(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("cannot start `{}`", shown(command)))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(Failed::new(command, output.status)).with_context(|| stderr.trim().to_owned());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{}`: not UTF-8", shown(command)))
}

/// Says what is about to run.
pub(crate) fn say(command: &Command) {
    eprintln!("$ {}", shown(command));
}

fn shown(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .map(|word| {
            if word.contains(' ') {
                format!("'{word}'")
            } else {
                word.into_owned()
            }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// The cargo that runs us.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The target triple of this host.
pub(crate) fn host_triple() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = output_of(Command::new(rustc).arg("-vV"))?;
    version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .context("rustc -vV names no host")
}

/// Where a program is: in PATH, or where Debian keeps those for root.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into(), "/usr/bin".into()])
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
}

/// Whether we are root.
pub(crate) fn is_root() -> bool {
    output_of(Command::new("id").arg("-u")).is_ok_and(|uid| uid.trim() == "0")
}

/// Whether a CI runs us: then nothing may be left out quietly.
pub(crate) fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}

/// A size for people.
pub(crate) fn mebibytes(bytes: u64) -> String {
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    format!("{mebibytes:.1} MiB")
}

/// The size of a file.
pub(crate) fn size_of(path: &Path) -> Result<u64> {
    Ok(std::fs::metadata(path)
        .with_context(|| path.display().to_string())?
        .len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_program_keeps_its_exit_code_through_added_context() {
        let error = run(Command::new("sh").args(["-c", "exit 7"]))
            .context("while testing")
            .unwrap_err();
        assert_eq!(exit_code(&error), ExitCode::from(7));
        assert!(format!("{error:#}").contains("`sh -c 'exit 7'`"));
    }

    #[test]
    fn an_error_of_our_own_is_one() {
        assert_eq!(exit_code(&anyhow::anyhow!("ours")), ExitCode::FAILURE);
    }
}
