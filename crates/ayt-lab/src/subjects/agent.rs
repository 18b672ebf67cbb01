//! The lab's hand on a subject.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _, Seek as _, SeekFrom, Write};
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use ayt_sys::SysError;

use super::{Event, ROLE, Spec, What};
use crate::clock;
use crate::error::LabError;
use crate::host::{Host, Process};
use crate::sync::lock;

/// A subject that runs on a host; it ends with its host, or when this is dropped.
#[derive(Debug)]
pub struct Agent {
    name: String,
    process: Process,
    orders: Mutex<Option<ChildStdin>>,
    seen: Arc<Seen>,
    /// Where a command complains.
    complaints: Option<File>,
}

/// Bytes of a command's complaints that are told.
const LAST_WORDS: u64 = 300;

#[derive(Debug, Default)]
struct Seen {
    events: Mutex<Events>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct Events {
    all: Vec<Event>,
    /// It has closed its output.
    over: bool,
}

/// What was waited for did not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSeen {
    /// The time is over.
    InTime,
    /// The subject has ended.
    Ended,
}

impl Agent {
    /// Starts one: `program` is one whose main calls
    /// [`main_if_subject`](super::main_if_subject).
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(host: &Host, program: &Path, spec: &Spec) -> Result<Self, LabError> {
        let name = host.name().to_owned();
        let text = serde_json::to_string(spec)
            .map_err(|error| LabError::other(&name, error.to_string(), None))?;
        let mut command = Command::new(program);
        command
            .args([ROLE, &text])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let process = host.spawn(command)?;
        let seen = Arc::<Seen>::default();
        if let Some(out) = process.stdout() {
            let seen = Arc::clone(&seen);
            thread::Builder::new()
                .name(format!("ear {name}").chars().take(15).collect())
                .spawn(move || listen(BufReader::new(out), &seen))
                .map_err(|error| {
                    LabError::kernel(&name, SysError::call("start a thread", error))
                })?;
        }
        let orders = Mutex::new(process.stdin());
        Ok(Self {
            name,
            process,
            orders,
            seen,
            complaints: None,
        })
    }

    /// Starts a command of a shell; it tells nothing and takes no orders.
    ///
    /// # Errors
    /// When there is no shell.
    pub fn start_command(host: &Host, command: &str) -> Result<Self, LabError> {
        let (complaints, copy) = tempfile::tempfile()
            .and_then(|file| Ok((file.try_clone()?, file)))
            .map_err(|error| {
                LabError::kernel(command, SysError::call("make a temporary file", error))
            })?;
        let mut shell = Command::new("/bin/sh");
        // The command's own process, so that it is what signals reach.
        shell
            .args(["-c", &format!("exec {command}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(copy);
        let process = host.spawn(shell)?;
        // Held open: many clients end when their input does.
        let orders = Mutex::new(process.stdin());
        Ok(Self {
            name: host.name().to_owned(),
            process,
            orders,
            seen: Arc::default(),
            complaints: Some(complaints),
        })
    }

    /// The last line of what a command complained of, if it did.
    #[must_use]
    pub fn last_words(&self) -> Option<String> {
        let mut file = self.complaints.as_ref()?;
        let from = file.metadata().ok()?.len().saturating_sub(LAST_WORDS);
        // The command has the same place in the file; it has ended, or will be ended.
        file.seek(SeekFrom::Start(from)).ok()?;
        let mut bytes = Vec::new();
        file.take(LAST_WORDS).read_to_end(&mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let last = text
            .lines()
            .rev()
            .map(str::trim)
            .find(|line| !line.is_empty());
        last.map(str::to_owned)
    }

    /// The name of its host.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process.
    #[must_use]
    pub const fn process(&self) -> &Process {
        &self.process
    }

    /// Gives an order.
    ///
    /// # Errors
    /// When it has ended.
    pub fn order(&self, order: &str) -> Result<(), LabError> {
        let mut orders = lock(&self.orders);
        let Some(orders) = orders.as_mut() else {
            return Err(LabError::other(&self.name, "it takes no orders", None));
        };
        writeln!(orders, "{order}").map_err(|error| {
            LabError::kernel(&self.name, SysError::call(format!("order {order}"), error))
        })
    }

    /// Waits until the time `until` for an event such as `wanted`.
    ///
    /// # Errors
    /// When there is none.
    pub fn wait(
        &self,
        until: Duration,
        mut wanted: impl FnMut(&Event) -> bool,
    ) -> Result<Event, NotSeen> {
        let mut events = lock(&self.seen.events);
        loop {
            if let Some(event) = events.all.iter().find(|event| wanted(event)) {
                return Ok(event.clone());
            }
            if events.over {
                return Err(NotSeen::Ended);
            }
            let left = until.saturating_sub(clock::now());
            if left.is_zero() {
                return Err(NotSeen::InTime);
            }
            events = match self.seen.news.wait_timeout(events, left) {
                Ok((events, _)) => events,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    /// Everything it told so far.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        lock(&self.seen.events).all.clone()
    }

    /// What it says has failed, if anything.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.events()
            .into_iter()
            .find_map(|event| match event.what {
                What::Failed(why) => Some(why),
                _ => None,
            })
    }
}

fn listen(out: impl BufRead, seen: &Seen) {
    for line in out.lines().map_while(Result::ok) {
        if let Ok(event) = serde_json::from_str(&line) {
            lock(&seen.events).all.push(event);
            seen.news.notify_all();
        }
    }
    lock(&seen.events).over = true;
    seen.news.notify_all();
}
