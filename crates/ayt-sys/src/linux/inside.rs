//! The threads of one process in detail: what each waits for, since when, and
//! where its program called.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use ayt_core::fact::{Fact, Why};
use ayt_core::facts::{Call, ThreadDetail, Threads, WaitsOn, Watch};

use super::clocks::Clocks;
use super::process::{LONGEST, read, read_thread, why};
use super::stack::Program;
use crate::procfs::{self, RawCall};

/// Descriptors of one poll, select or epoll that are read, at most.
const WATCHES: usize = 16 * 1024;
/// Threads of a process whose stack is walked, at most: each step up is a read.
const WALKED: usize = 16;

/// Reads at most `most` threads of a process, its first thread first.
#[must_use]
pub fn read_inside(pid: u32, most: usize, clocks: &mut Clocks) -> Fact<Threads> {
    let entries = match fs::read_dir(format!("/proc/{pid}/task")) {
        Ok(entries) => entries,
        Err(error) => return Fact::Unknown(why(pid, "task", &error)),
    };
    let mut tids: Vec<u32> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    tids.sort_unstable_by_key(|&tid| (tid != pid, tid));
    let not_read = tids.len().saturating_sub(most);
    tids.truncate(most);
    let mut inside = Process {
        pid,
        memory: None,
        epolls: HashMap::new(),
        program: None,
        clocks,
        walked: 0,
    };
    let seen: Vec<ThreadDetail> = tids.iter().filter_map(|&tid| inside.thread(tid)).collect();
    if seen.is_empty() {
        return Fact::Unknown(Why::Vanished);
    }
    Fact::Known(Threads { seen, not_read })
}

/// The children of a process, whichever thread has them
/// (/proc/PID/task/TID/children; `CONFIG_PROC_CHILDREN`). None where the kernel
/// does not list them.
#[must_use]
pub fn read_children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter();
    let lists = tasks
        .flatten()
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let mut children: Vec<u32> = lists
        .flat_map(|list| {
            let pids = list.split_ascii_whitespace();
            pids.filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()
        })
        .collect();
    children.sort_unstable();
    children
}

/// What is read once for all threads of a process.
struct Process<'c> {
    pid: u32,
    memory: Option<Result<File, Why>>,
    epolls: HashMap<u32, Fact<WaitsOn>>,
    program: Option<Result<Program, Why>>,
    clocks: &'c mut Clocks,
    /// Threads whose stack was walked.
    walked: usize,
}

impl Process<'_> {
    fn thread(&mut self, tid: u32) -> Option<ThreadDetail> {
        let pid = self.pid;
        let (thread, raw) = read_thread(pid, tid)?;
        let task = |file: &str| format!("task/{tid}/{file}");
        let wait_channel = match read(pid, &task("wchan")) {
            Ok(name) if name.is_empty() || name == "0" => Fact::Known(None),
            Ok(name) => Fact::Known(Some(name)),
            Err(error) => Fact::Unknown(why(pid, &task("wchan"), &error)),
        };
        let last_ran = self.last_ran(tid);
        let (waits_on, stack) = match (&thread.call, raw) {
            (Fact::Known(Some(call)), Some(raw)) => (self.waits_on(call, &raw), self.stack(&raw)),
            (Fact::Unknown(why), _) => (Fact::Unknown(why.clone()), Fact::Unknown(why.clone())),
            _ => (
                Fact::Known(WaitsOn::Nothing),
                Fact::Unknown(Why::Unsupported("it was not in a system call")),
            ),
        };
        Some(ThreadDetail {
            thread,
            wait_channel,
            last_ran,
            waits_on,
            stack,
        })
    }

    fn last_ran(&mut self, tid: u32) -> Fact<Duration> {
        const UNTOLD: Why = Why::Unsupported(
            "this kernel does not tell when a thread last ran (CONFIG_SCHED_DEBUG)",
        );
        let pid = self.pid;
        let file = format!("task/{tid}/sched");
        let text = match read(pid, &file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Fact::Unknown(UNTOLD);
            }
            Err(error) => return Fact::Unknown(why(pid, &file, &error)),
        };
        let stat = read(pid, &format!("task/{tid}/stat")).unwrap_or_default();
        let processor = procfs::last_processor(&stat);
        let ran = procfs::last_ran(&text).zip(processor);
        let since_boot = ran.and_then(|(ran, processor)| self.clocks.since_boot(processor, ran));
        since_boot.map_or(Fact::Unknown(UNTOLD), Fact::Known)
    }

    fn waits_on(&mut self, call: &Call, raw: &RawCall) -> Fact<WaitsOn> {
        let [first, second, third, fourth, ..] = raw.arguments;
        match call.name.as_str() {
            "poll" | "ppoll" => self.poll(first, second),
            "select" | "pselect6" => self.select(first, [second, third, fourth]),
            "futex" => self.lock(first, second),
            "wait4" => Fact::Known(WaitsOn::Child(
                // pid_t, of which only a positive one names a child.
                u32::try_from(first as i32).ok().filter(|&pid| pid > 0),
            )),
            // P_PID is 1.
            "waitid" => Fact::Known(WaitsOn::Child(
                u32::try_from(second as i32).ok().filter(|_| first == 1),
            )),
            name => match call.fd {
                Some(fd) if name.starts_with("epoll_") => self.epoll(fd),
                Some(fd) => self.behind(fd),
                None => Fact::Known(WaitsOn::Nothing),
            },
        }
    }

    fn behind(&self, fd: u32) -> Fact<WaitsOn> {
        match fs::read_link(format!("/proc/{}/fd/{fd}", self.pid)) {
            Ok(target) => Fact::Known(WaitsOn::Descriptor(Some(target.display().to_string()))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Fact::Known(WaitsOn::Descriptor(None))
            }
            Err(error) => Fact::Unknown(why(self.pid, &format!("fd/{fd}"), &error)),
        }
    }

    fn epoll(&mut self, fd: u32) -> Fact<WaitsOn> {
        let pid = self.pid;
        let read = || {
            let file = format!("fdinfo/{fd}");
            let mut text = String::new();
            let opened = File::open(format!("/proc/{pid}/{file}"));
            match opened.and_then(|open| open.take(LONGEST).read_to_string(&mut text)) {
                Ok(_) => procfs::epoll(&text, WATCHES).map_or(Fact::Unknown(TOO_MANY), |list| {
                    Fact::Known(WaitsOn::Events(list))
                }),
                Err(error) => Fact::Unknown(why(pid, &file, &error)),
            }
        };
        self.epolls.entry(fd).or_insert_with(read).clone()
    }

    fn poll(&mut self, address: u64, count: u64) -> Fact<WaitsOn> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if count > WATCHES {
            return Fact::Unknown(TOO_MANY);
        }
        match self.memory(address, count * 8) {
            Ok(bytes) => Fact::Known(WaitsOn::Events(procfs::poll_set(&bytes))),
            Err(why) => Fact::Unknown(why),
        }
    }

    fn select(&mut self, descriptors: u64, sets: [u64; 3]) -> Fact<WaitsOn> {
        // FD_SETSIZE may be larger where a program brings its own sets.
        let Ok(descriptors) = u32::try_from(descriptors.min(WATCHES as u64)) else {
            return Fact::Unknown(TOO_MANY);
        };
        let length = usize::try_from(descriptors.div_ceil(64) * 8).unwrap_or(0);
        let mut watches: Vec<Watch> = Vec::new();
        // To read, to write, exceptional; POLLIN, POLLOUT, POLLPRI.
        for (address, events) in sets.into_iter().zip([1, 4, 2]) {
            if address == 0 {
                continue;
            }
            match self.memory(address, length) {
                Ok(bytes) => watches.extend(procfs::select_set(&bytes, descriptors, events)),
                Err(why) => return Fact::Unknown(why),
            }
        }
        Fact::Known(WaitsOn::Events(watches))
    }

    fn lock(&mut self, address: u64, operation: u64) -> Fact<WaitsOn> {
        // FUTEX_WAIT and FUTEX_LOCK_PI in all their forms; without the flags for
        // private and for the clock.
        let waits = matches!(operation & 0x7f, 0 | 6 | 9 | 13);
        let holder = match self.memory(address, 12) {
            Ok(bytes) if waits => procfs::mutex_holder(&bytes),
            _ => None,
        };
        Fact::Known(WaitsOn::Lock { address, holder })
    }

    /// Reads the process's memory, which does not stop it.
    fn memory(&mut self, address: u64, length: usize) -> Result<Vec<u8>, Why> {
        let pid = self.pid;
        let memory = self.memory.get_or_insert_with(|| {
            File::open(format!("/proc/{pid}/mem")).map_err(|error| why(pid, "mem", &error))
        });
        let memory = memory.as_ref().map_err(Clone::clone)?;
        let mut bytes = vec![0; length];
        memory
            .read_exact_at(&mut bytes, address)
            .map_err(|error| why(pid, "mem", &error))?;
        Ok(bytes)
    }

    fn stack(&mut self, raw: &RawCall) -> Fact<Vec<ayt_core::facts::Frame>> {
        let pid = self.pid;
        if self.walked == WALKED {
            return Fact::Unknown(Why::NotAsked);
        }
        self.walked += 1;
        let program = self.program.get_or_insert_with(|| Program::of(pid));
        match program {
            Ok(program) => {
                let memory = self.memory.get_or_insert_with(|| {
                    File::open(format!("/proc/{pid}/mem")).map_err(|error| why(pid, "mem", &error))
                });
                Fact::Known(program.walk(raw, memory.as_ref().ok()))
            }
            Err(why) => Fact::Unknown(why.clone()),
        }
    }
}

const TOO_MANY: Why = Why::Unsupported("it waits for more descriptors than ayt reads");
