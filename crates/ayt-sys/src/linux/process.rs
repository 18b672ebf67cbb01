//! What /proc says of one process.

use std::fs;
use std::io::{self, Read as _};

use ayt_core::fact::{Fact, Why};
use ayt_core::facts::{Process, Thread};

use crate::error::SysError;
use crate::procfs::{self, CallState, RawCall};

/// Reads a process; `None` when it has gone.
#[must_use]
pub fn read_process(pid: u32, descriptors: Option<u32>) -> Option<Process> {
    let stat = procfs::stat(&read(pid, "stat").ok()?)?;
    let limit = match read(pid, "limits") {
        Ok(text) => procfs::open_files_limit(&text).map_or_else(
            || {
                Fact::Unknown(Why::Unsupported(
                    "/proc/PID/limits has no \"Max open files\"",
                ))
            },
            Fact::Known,
        ),
        Err(error) => Fact::Unknown(why(pid, "limits", &error)),
    };
    let netns = match fs::read_link(format!("/proc/{pid}/ns/net")) {
        Ok(link) => procfs::namespace_inode(link.as_os_str().as_encoded_bytes())
            .map_or(Fact::Unknown(Why::Vanished), Fact::Known),
        Err(error) => Fact::Unknown(why(pid, "ns/net", &error)),
    };
    Some(Process {
        pid,
        parent: stat.parent,
        command: stat.command,
        start_ticks: stat.start_ticks,
        netns,
        unit: procfs::unit(&read(pid, "cgroup").unwrap_or_default()),
        descriptor_limit: limit,
        descriptors: descriptors.map_or_else(
            || {
                Fact::Unknown(Why::NoRight {
                    operation: format!("list /proc/{pid}/fd"),
                    remedy: "run as root or grant CAP_SYS_PTRACE".to_owned(),
                })
            },
            Fact::Known,
        ),
    })
}

/// When a process started, in clock ticks since boot; `None` when it has gone.
#[must_use]
pub fn process_start(pid: u32) -> Option<u64> {
    Some(procfs::stat(&read(pid, "stat").ok()?)?.start_ticks)
}

/// What the threads of a process are blocked in.
#[must_use]
pub fn read_threads(pid: u32) -> Fact<Vec<Thread>> {
    let entries = match fs::read_dir(format!("/proc/{pid}/task")) {
        Ok(entries) => entries,
        Err(error) => return Fact::Unknown(why(pid, "task", &error)),
    };
    let mut threads: Vec<Thread> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|tid| Some(read_thread(pid, tid)?.0))
        .collect();
    threads.sort_by_key(|thread| thread.tid);
    Fact::Known(threads)
}

/// A thread, and its call in numbers where it is in one.
pub(super) fn read_thread(pid: u32, tid: u32) -> Option<(Thread, Option<RawCall>)> {
    let stat = procfs::stat(&read(pid, &format!("task/{tid}/stat")).ok()?)?;
    let text = read(pid, &format!("task/{tid}/syscall"));
    let raw = text.as_ref().ok().and_then(|text| procfs::raw_call(text));
    let call = match text {
        Ok(text) => match procfs::call(&text) {
            Some(CallState::In(call)) => Fact::Known(Some(call)),
            Some(CallState::Running | CallState::NotInCall) => Fact::Known(None),
            None => Fact::Unknown(Why::Unsupported("/proc/PID/syscall could not be read")),
        },
        Err(error) => Fact::Unknown(why(pid, "syscall", &error)),
    };
    let thread = Thread {
        tid,
        name: stat.command,
        state: stat.state,
        call,
    };
    Some((thread, raw))
}

/// Bytes of a file of /proc that may be long: maps has a line for each of up to
/// `vm.max_map_count` (65,530) mappings.
pub(super) const LONGEST: u64 = 4 << 20;

pub(super) fn read(pid: u32, file: &str) -> io::Result<String> {
    let mut bytes = Vec::new();
    let opened = fs::File::open(format!("/proc/{pid}/{file}"))?;
    opened.take(LONGEST).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

pub(super) fn why(pid: u32, file: &str, error: &io::Error) -> Why {
    let operation = format!("read /proc/{pid}/{file}");
    let error = SysError::call(operation.clone(), io::Error::from(error.kind()));
    match error {
        SysError::Call { ref source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
            Why::NoRight {
                operation,
                remedy: "run as root or grant CAP_SYS_PTRACE".to_owned(),
            }
        }
        SysError::Call { ref source, .. } if source.kind() == io::ErrorKind::NotFound => {
            Why::Vanished
        }
        other => Why::Failed {
            operation,
            error: other.to_string(),
        },
    }
}
