//! A copy of a program, to be run.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

/// Copies a program, with its mode. Another process does it: this one never has the
/// copy open for writing, and so none of the programs that its other threads start
/// meanwhile inherits that descriptor, with which the copy could not be run (ETXTBSY,
/// execve(2)).
///
/// # Errors
/// When `cp` fails.
pub fn copy_program(from: &Path, to: &Path) -> Result<()> {
    let output = Command::new("cp").arg("--").args([from, to]).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "copy {}: {said}", from.display());
    Ok(())
}
