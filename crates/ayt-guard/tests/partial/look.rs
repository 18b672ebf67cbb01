//! A look taken by another process, and how it tells what it saw: one line each
//! on its standard output, after a word that says what the line is.

use std::env;
use std::error::Error;
use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use ayt_core::doctor::{Limits, rules};
use ayt_core::fact::{Fact, Partial};
use ayt_core::facts::HostFacts;
use ayt_core::filter::Filter;
use ayt_guard::collect::{Collect, Exact, collect};
use ayt_testbed::{Ns, copy_program};
use tempfile::TempDir;

const NAMESPACE: &str = "AYT_TEST_NAMESPACE";
const PIDS: &str = "AYT_TEST_PIDS";

/// This program, for others to run in a namespace.
pub(crate) struct Elsewhere {
    ns: Ns,
    /// Look only at these processes, and at no namespace in particular.
    pub(crate) pids: Vec<u32>,
    /// Look at all that is in sight: for a user who sees no more than that.
    pub(crate) everywhere: bool,
    folder: TempDir,
}

/// What the other process told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) error: Option<String>,
    pub(crate) partial: Vec<String>,
    pub(crate) sockets: Vec<String>,
    pub(crate) findings: Vec<String>,
    pub(crate) unknown: Vec<String>,
}

impl Told {
    #[track_caller]
    pub(crate) fn partial_of(&self, start: &str) -> &str {
        let found = self.partial.iter().find(|line| line.starts_with(start));
        found.unwrap_or_else(|| panic!("no '{start}': {self:#?}"))
    }

    #[track_caller]
    pub(crate) fn unknown_of(&self, start: &str) -> &str {
        let found = self.unknown.iter().find(|line| line.starts_with(start));
        found.unwrap_or_else(|| panic!("no '{start}': {self:#?}"))
    }
}

impl Elsewhere {
    pub(crate) fn new(ns: &Ns) -> Result<Self, Box<dyn Error>> {
        // The target folder may be closed to other users.
        let folder = tempfile::tempdir()?;
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
        let copy = folder.path().join("look");
        copy_program(&env::current_exe()?, &copy)?;
        fs::set_permissions(&copy, Permissions::from_mode(0o755))?;
        Ok(Self {
            ns: ns.clone(),
            pids: Vec::new(),
            everywhere: false,
            folder,
        })
    }

    /// Runs it by a line of shell in which `"$@"` is the program.
    pub(crate) fn told(&self, shell: &str) -> Told {
        let mut command = Command::new("sh");
        command.args(["-c", shell, "sh"]);
        command.arg(self.folder.path().join("look"));
        command.args(["--exact", "the_look", "--nocapture"]);
        let pids: Vec<String> = self.pids.iter().map(u32::to_string).collect();
        if !self.everywhere && self.pids.is_empty() {
            command.env(NAMESPACE, self.ns.ino().to_string());
        }
        command.env(PIDS, pids.join(","));
        command.current_dir("/");
        let output = self.ns.output(&mut command).expect("the look");
        let mut told = Told::default();
        for line in output.lines() {
            let Some((word, rest)) = line.split_once("> ") else {
                continue;
            };
            match word {
                "error" => told.error = Some(rest.to_owned()),
                "partial" => told.partial.push(rest.to_owned()),
                "socket" => told.sockets.push(rest.to_owned()),
                "finding" => told.findings.push(rest.to_owned()),
                "unknown" => told.unknown.push(rest.to_owned()),
                _ => {}
            }
        }
        told
    }
}

/// The other half: looks, and writes what it saw.
pub(crate) fn tell() {
    let Ok(pids) = env::var(PIDS) else {
        return;
    };
    let pids: Vec<u32> = pids.split(',').filter_map(|pid| pid.parse().ok()).collect();
    let filter = Filter {
        namespaces: env::var(NAMESPACE).into_iter().collect(),
        pids,
        ..Filter::default()
    };
    let look = Collect {
        filter,
        exact: Exact::Always,
        doctor: Some(Duration::from_millis(300)),
    };
    let mut lines = vec![String::new()];
    match collect(&look) {
        Ok(facts) => describe(&facts, &mut lines),
        Err(error) => lines.push(format!("error> {error}")),
    }
    lines.push(String::new());
    let text = lines.join("\n");
    io::stdout().write_all(text.as_bytes()).expect("a reader");
}

fn describe(facts: &HostFacts, lines: &mut Vec<String>) {
    let gap = |one: &Partial| format!("{} | {} | {}", one.what, one.why, one.remedy);
    for partial in &facts.partial {
        lines.push(format!("partial> {}", gap(partial)));
    }
    for socket in &facts.sockets {
        let keepalive = match facts.keepalive_of(socket) {
            Fact::Known(_) => "known".to_owned(),
            Fact::Unknown(why) => why.to_string(),
        };
        lines.push(format!(
            "socket> {} {} owners {} keepalive {keepalive}",
            socket.state,
            socket.local,
            facts.owners_of(socket).len()
        ));
    }
    for rule in rules::ALL {
        let outcome = (rule.check)(facts, &Limits::default());
        for finding in outcome.findings {
            lines.push(format!("finding> {} {}", rule.id, finding.summary));
        }
        for unknown in outcome.unknown {
            lines.push(format!("unknown> {} {}", rule.id, gap(&unknown)));
        }
    }
}
