//! What a probe has changed and not yet put back, on disk: so that the next run
//! can put it back should this one be killed.
//!
//! A file a run, `probe-PID-START.jsonl`: first the run, then an intent before
//! each change and a `done` after it. With nothing outstanding the file is cut
//! back to its first line; at the end it is removed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ayt_core::facts::{Cookie, Owner};
use ayt_sys::{Descriptors, SysError, boot_id, process_start};
use serde::{Deserialize, Serialize};

use super::{engines, holders};

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Run {
        boot_id: String,
        pid: u32,
        start_ticks: u64,
    },
    Intent(Intent),
    Done {
        cookie: u64,
    },
}

/// What is about to be changed on one socket, with the values before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Intent {
    pub(crate) ns: u64,
    pub(crate) cookie: u64,
    /// Finds the socket again when its descriptor has moved.
    #[serde(default)]
    pub(crate) inode: u32,
    pub(crate) pid: u32,
    pub(crate) fd: u32,
    pub(crate) change: Change,
}

/// The change, and what undoes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Change {
    /// The repair engine clears a set `SO_REUSEADDR`.
    ReuseAddress,
    /// The keepalive engine switches keepalive on with an idle time of 1 s.
    Keepalive { enabled: bool, idle_s: u32 },
}

/// The journal of this run.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
    first_line: u64,
    outstanding: usize,
}

impl Journal {
    /// Begins one; call with the lock held, after [`undo_stale`].
    pub(crate) fn begin(folder: &Path) -> Result<Self, SysError> {
        let pid = std::process::id();
        let run = Line::Run {
            boot_id: boot_id()?,
            pid,
            start_ticks: process_start(pid).unwrap_or_default(),
        };
        // Runs of one process get a file each.
        let (mut file, path) = (0..)
            .find_map(|nth: u32| {
                let path = folder.join(format!("probe-{pid}-{nth}.jsonl"));
                let made = OpenOptions::new().create_new(true).append(true).open(&path);
                match made {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => None,
                    made => Some(made.map(|file| (file, path.clone())).map_err(|error| {
                        SysError::call(format!("make the journal {}", path.display()), error)
                    })),
                }
            })
            .unwrap_or_else(|| Err(SysError::call("make a journal", io::ErrorKind::Other)))?;
        let bytes = encode(&[run]);
        file.write_all(&bytes)
            .map_err(|error| SysError::call(format!("write {}", path.display()), error))?;
        Ok(Self {
            file,
            path,
            first_line: bytes.len() as u64,
            outstanding: 0,
        })
    }

    /// Writes down what is about to be done. The write reaches the kernel before
    /// this returns: that is what a killed process leaves behind.
    pub(crate) fn intend(&mut self, intents: &[Intent]) -> Result<(), SysError> {
        if intents.is_empty() {
            return Ok(());
        }
        let lines: Vec<Line> = intents.iter().copied().map(Line::Intent).collect();
        self.write(&lines)?;
        self.outstanding += intents.len();
        Ok(())
    }

    /// Writes down what has been put back.
    pub(crate) fn done(&mut self, cookies: &[Cookie]) -> Result<(), SysError> {
        self.outstanding = self.outstanding.saturating_sub(cookies.len());
        if self.outstanding == 0 {
            return self
                .file
                .set_len(self.first_line)
                .map_err(|error| self.failed(error));
        }
        let lines: Vec<Line> = cookies
            .iter()
            .map(|cookie| Line::Done { cookie: cookie.0 })
            .collect();
        self.write(&lines)
    }

    fn write(&mut self, lines: &[Line]) -> Result<(), SysError> {
        let bytes = encode(lines);
        self.file
            .write_all(&bytes)
            .map_err(|error| self.failed(error))
    }

    fn failed(&self, error: io::Error) -> SysError {
        SysError::call(format!("write {}", self.path.display()), error)
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // What could not be put back stays for the next run.
        if self.outstanding == 0 {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn encode(lines: &[Line]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(lines.len() * 96);
    for line in lines {
        // Plain structs of numbers and text always serialise into memory.
        if serde_json::to_writer(&mut bytes, line).is_ok() {
            bytes.push(b'\n');
        }
    }
    bytes
}

/// Undoes what killed runs left behind; call with the lock held. Returns how
/// many sockets were put back.
pub(crate) fn undo_stale(folder: &Path) -> Result<usize, SysError> {
    let boot = boot_id()?;
    let mut undone = 0;
    let entries = fs::read_dir(folder)
        .map_err(|error| SysError::call(format!("list {}", folder.display()), error))?;
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !(name.starts_with("probe-") && name.ends_with(".jsonl")) {
            continue;
        }
        let Ok(text) = fs::read_to_string(entry.path()) else {
            continue;
        };
        match outstanding(&text, &boot, process_start) {
            Left::Running => {}
            Left::Nothing => drop(fs::remove_file(entry.path())),
            Left::Intents(intents) => {
                undone += undo(&intents);
                drop(fs::remove_file(entry.path()));
            }
        }
    }
    Ok(undone)
}

/// What a journal leaves to do.
#[derive(Debug, PartialEq, Eq)]
enum Left {
    /// Its run is still at work.
    Running,
    /// Nothing: all done, or of an earlier boot, or not a journal.
    Nothing,
    /// These.
    Intents(Vec<Intent>),
}

fn outstanding(text: &str, boot: &str, start_of: impl Fn(u32) -> Option<u64>) -> Left {
    // A line cut by the kill is the last one, and nothing was done for it yet.
    let mut lines = text
        .lines()
        .map_while(|line| serde_json::from_str::<Line>(line).ok());
    let Some(Line::Run {
        boot_id,
        pid,
        start_ticks,
    }) = lines.next()
    else {
        return Left::Nothing;
    };
    if boot_id != boot {
        return Left::Nothing;
    }
    if start_of(pid) == Some(start_ticks) {
        return Left::Running;
    }
    let mut intents: Vec<Intent> = Vec::new();
    for line in lines {
        match line {
            Line::Intent(intent) => intents.push(intent),
            Line::Done { cookie } => intents.retain(|intent| intent.cookie != cookie),
            Line::Run { .. } => {}
        }
    }
    if intents.is_empty() {
        Left::Nothing
    } else {
        Left::Intents(intents)
    }
}

/// Puts back what can still be reached; returns on how many sockets.
fn undo(intents: &[Intent]) -> usize {
    let mut descriptors = Descriptors::default();
    let (mut undone, mut lost) = (0, Vec::new());
    for intent in intents {
        let owner = Owner {
            inode: intent.inode,
            pid: intent.pid,
            fd: intent.fd,
        };
        match put_back(&mut descriptors, [&owner].into_iter(), intent) {
            Some(changed) => undone += usize::from(changed),
            None => lost.push(intent),
        }
    }
    if lost.is_empty() {
        return undone;
    }
    let inodes = lost.iter().map(|intent| intent.inode).collect();
    let owners = holders::find_again(&inodes);
    for intent in lost {
        let owners = owners.of(intent.inode).iter();
        let changed = put_back(&mut descriptors, owners, intent).unwrap_or(false);
        undone += usize::from(changed);
    }
    undone
}

/// Whether anything was put back; `None` when none of these descriptors leads
/// to the socket.
fn put_back<'o>(
    descriptors: &mut Descriptors,
    owners: impl Iterator<Item = &'o Owner>,
    intent: &Intent,
) -> Option<bool> {
    let hold = holders::hold(descriptors, owners, Cookie(intent.cookie)).ok()?;
    let changed = match intent.change {
        Change::ReuseAddress => {
            let lost = !hold.reuse_address().unwrap_or(true);
            lost && engines::repair::put_back(&hold, true).is_ok()
        }
        Change::Keepalive { enabled, idle_s } => {
            engines::keepalive::put_back(&hold, enabled, idle_s).unwrap_or(false)
        }
    };
    Some(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intent(cookie: u64) -> Intent {
        Intent {
            ns: 1,
            cookie,
            inode: 11,
            pid: 7,
            fd: 3,
            change: Change::Keepalive {
                enabled: false,
                idle_s: 7200,
            },
        }
    }

    fn text(lines: &[Line]) -> String {
        String::from_utf8(encode(lines)).unwrap()
    }

    fn run() -> Line {
        Line::Run {
            boot_id: "b".into(),
            pid: 5,
            start_ticks: 9,
        }
    }

    #[test]
    fn what_was_not_done_is_left_and_a_cut_line_is_not_believed() {
        let mut journal = text(&[
            run(),
            Line::Intent(intent(1)),
            Line::Intent(intent(2)),
            Line::Done { cookie: 1 },
        ]);
        journal.push_str("{\"intent\":{\"ns\":1,\"coo");
        let dead = |_| None;
        assert_eq!(
            outstanding(&journal, "b", dead),
            Left::Intents(vec![intent(2)])
        );
        assert_eq!(outstanding(&journal, "other boot", dead), Left::Nothing);
        assert_eq!(outstanding(&journal, "b", |_| Some(9)), Left::Running);
        // The number was given to another process since.
        assert_ne!(outstanding(&journal, "b", |_| Some(10)), Left::Running);
        assert_eq!(outstanding("garbage", "b", dead), Left::Nothing);
        assert_eq!(outstanding(&text(&[run()]), "b", dead), Left::Nothing);
    }

    #[test]
    fn a_journal_shrinks_when_nothing_is_outstanding_and_goes_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::begin(folder.path()).unwrap();
        let path = journal.path.clone();
        let size = || fs::metadata(&path).unwrap().len();
        let empty = size();
        journal.intend(&[intent(1), intent(2)]).unwrap();
        assert!(size() > empty);
        journal.done(&[Cookie(1)]).unwrap();
        assert!(size() > empty);
        journal.done(&[Cookie(2)]).unwrap();
        assert_eq!(size(), empty);
        drop(journal);
        assert!(!path.exists());
        let mut left = Journal::begin(folder.path()).unwrap();
        left.intend(&[intent(3)]).unwrap();
        drop(left);
        assert!(path.exists());
    }
}
