//! Running the built command beside the test.

#![allow(dead_code, reason = "no test file uses all of it")]

pub(crate) mod scene;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ayt_testbed::{Ns, copy_program};
use serde_json::Value;
use tempfile::TempDir;

/// The user and group `nobody`, for whom everything of root's is hidden.
pub(crate) const NOBODY: u32 = 65534;

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

    /// The run, if it ended with this exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.exit, code, "{self:#?}");
        self
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

/// A folder for the journals of one test alone: tests run beside each other, and
/// each looks only at namespaces of its own.
#[derive(Debug)]
pub(crate) struct Home(TempDir);

impl Home {
    /// A new one.
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The built command with its journals here.
    pub(crate) fn command(&self) -> Command {
        let mut command = command();
        command.env("AYT_RUNTIME_DIR", self.path());
        command
    }

    /// Runs `ayt ARGUMENTS`, split at spaces, to its end.
    #[track_caller]
    pub(crate) fn ayt(&self, arguments: &str) -> Ran {
        run(self.command().args(arguments.split_whitespace()))
    }

    /// The journals of probes in it.
    pub(crate) fn journals(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path()).expect("a folder");
        let paths = entries.flatten().map(|entry| entry.path());
        let is_journal = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("probe-")
        };
        paths.filter(is_journal).collect()
    }

    /// The journal of armed sockets; `None` where there is none.
    pub(crate) fn armed(&self) -> Option<String> {
        fs::read_to_string(self.path().join("armed.jsonl")).ok()
    }
}

/// What runs as [`NOBODY`]: a copy of the command where that user may run it.
#[derive(Debug)]
pub(crate) struct Nobody(TempDir);

impl Nobody {
    /// A copy in a new folder.
    pub(crate) fn new() -> Self {
        use std::os::unix::fs::{PermissionsExt as _, chown};
        let folder = tempfile::tempdir().expect("a folder");
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder.path(), open).expect("opening a folder");
        let built = Path::new(env!("CARGO_BIN_EXE_ayt"));
        copy_program(built, &folder.path().join("ayt")).expect("a copy");
        let home = folder.path().join("home");
        fs::create_dir(&home).expect("a folder");
        fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).expect("closing a folder");
        chown(&home, Some(NOBODY), Some(NOBODY)).expect("giving it away");
        Self(folder)
    }

    /// The command, to be run by root, that runs `ayt` as nobody.
    pub(crate) fn command(&self) -> Command {
        let mut command = clean(Command::new("setpriv"));
        command
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(self.0.path().join("ayt"))
            .env("AYT_RUNTIME_DIR", self.0.path().join("home"))
            .current_dir("/");
        command
    }

    /// Runs `ayt ARGUMENTS`, split at spaces, in a namespace, where it looks at
    /// that namespace alone.
    #[track_caller]
    pub(crate) fn ayt(&self, ns: &Ns, arguments: &str) -> Ran {
        let mut command = self.command();
        command
            .args(arguments.split_whitespace())
            .args(["--netns", "host"]);
        ns.run(|| run(&mut command))
    }
}
