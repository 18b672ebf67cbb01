//! Running the built command beside the test.

#![allow(dead_code, reason = "no test file uses all of it")]

use std::ffi::OsStr;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// What a run of the command printed, and its exit code.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The exit code; 128 + N where signal N ended it.
    pub(crate) exit: i32,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

impl Ran {
    /// Every line of standard output as JSON.
    #[track_caller]
    pub(crate) fn rows(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| {
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
            })
            .collect()
    }

    /// The only line of standard output as JSON.
    #[track_caller]
    pub(crate) fn row(&self) -> Value {
        let mut rows = self.rows();
        assert_eq!(rows.len(), 1, "{self:?}");
        rows.remove(0)
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        let text = |bytes| String::from_utf8(bytes).expect("ayt prints UTF-8");
        let status = output.status;
        Self {
            exit: status
                .code()
                .unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

/// The built command, not run yet; the environment says nothing about colours.
pub(crate) fn command() -> Command {
    clean(Command::new(env!("CARGO_BIN_EXE_ayt")))
}

/// A command that begins with another program: `["setpriv", …]`, then ayt.
pub(crate) fn command_under(before: &[&str]) -> Command {
    let (program, arguments) = before.split_first().expect("a program");
    let mut command = Command::new(program);
    command.args(arguments).arg(env!("CARGO_BIN_EXE_ayt"));
    clean(command)
}

fn clean(mut command: Command) -> Command {
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS"] {
        command.env_remove(name);
    }
    command.env("TERM", "xterm-256color").stdin(Stdio::null());
    command
}

/// Runs a command to its end.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> Ran {
    command.output().expect("the command starts").into()
}

/// Runs `ayt ARGUMENTS` to its end.
#[track_caller]
pub(crate) fn ayt<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Ran {
    run(command().args(arguments))
}
