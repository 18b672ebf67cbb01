//! What a thread waits for: the arguments of its call, epoll's list, the words
//! in memory that poll, select and a lock point to, and the map of its memory.

use std::time::Duration;

use ayt_core::facts::Watch;

/// The call of a blocked thread, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawCall {
    /// Its number.
    pub number: i64,
    /// Its arguments.
    pub arguments: [u64; 6],
    /// The stack pointer.
    pub stack: u64,
    /// The program counter.
    pub counter: u64,
}

/// Reads `NR ARG0 … ARG5 SP PC` of /proc/PID/task/TID/syscall; `None` where the
/// thread runs or is blocked outside a call.
#[must_use]
pub fn raw_call(text: &str) -> Option<RawCall> {
    let mut words = text.split_ascii_whitespace();
    let number = words.next()?.parse().ok().filter(|&number| number >= 0)?;
    let mut next = || u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok();
    let mut arguments = [0; 6];
    for argument in &mut arguments {
        *argument = next()?;
    }
    Some(RawCall {
        number,
        arguments,
        stack: next()?,
        counter: next()?,
    })
}

/// When a thread last ran: `se.exec_start` of /proc/PID/task/TID/sched,
/// milliseconds of the scheduler's clock with nanoseconds behind the point.
#[must_use]
pub fn last_ran(text: &str) -> Option<Duration> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("se.exec_start"))?;
    let (ms, nanos) = line.split_once(':')?.1.trim().split_once('.')?;
    let ms = Duration::from_millis(ms.parse().ok()?);
    let nanos = nanos.get(..6)?.parse().ok()?;
    ms.checked_add(Duration::from_nanos(nanos))
}

/// The processor a thread last ran on: field 39 of /proc/PID/task/TID/stat.
#[must_use]
pub fn last_processor(text: &str) -> Option<u32> {
    let after = text.get(text.rfind(')')? + 1..)?;
    after.split_ascii_whitespace().nth(36)?.parse().ok()
}

/// The descriptors of an epoll, from /proc/PID/fdinfo/FD, at most `most`; `None`
/// where the text is cut or no epoll's.
#[must_use]
pub fn epoll(text: &str, most: usize) -> Option<Vec<Watch>> {
    let mut watches = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("tfd:")) {
        let mut words = line.split_ascii_whitespace();
        let mut after = |name| (words.next()? == name).then(|| words.next())?;
        let fd = after("tfd:")?.parse().ok()?;
        let events = u32::from_str_radix(after("events:")?, 16).ok()?;
        if watches.len() == most {
            return None;
        }
        watches.push(Watch { fd, events });
    }
    Some(watches)
}

/// An array of `struct pollfd`; negative descriptors are left out, as poll does.
#[must_use]
pub fn poll_set(bytes: &[u8]) -> Vec<Watch> {
    let entries = bytes.chunks_exact(8);
    entries
        .filter_map(|entry| {
            let fd = i32::from_ne_bytes(entry.get(..4)?.try_into().ok()?);
            let events = u16::from_ne_bytes(entry.get(4..6)?.try_into().ok()?);
            Some(Watch {
                fd: u32::try_from(fd).ok()?,
                events: events.into(),
            })
        })
        .collect()
}

/// A set of select's, whose bits are descriptors.
#[must_use]
pub fn select_set(bytes: &[u8], descriptors: u32, events: u32) -> Vec<Watch> {
    let set = |fd: u32| {
        let byte = usize::try_from(fd / 8).ok().and_then(|at| bytes.get(at));
        byte.is_some_and(|byte| byte >> (fd % 8) & 1 == 1)
    };
    let most = u32::try_from(bytes.len().saturating_mul(8)).unwrap_or(u32::MAX);
    (0..descriptors.min(most))
        .filter(|&fd| set(fd))
        .map(|fd| Watch { fd, events })
        .collect()
}

/// The thread that holds a glibc mutex of which these are the first bytes: its
/// lock word says "held, with waiters", and the owner's number stands 8 bytes on.
#[must_use]
pub fn mutex_holder(bytes: &[u8]) -> Option<u32> {
    let word = |at: usize| {
        let bytes = bytes.get(at..at + 4)?;
        Some(u32::from_ne_bytes(bytes.try_into().ok()?))
    };
    (word(0)? == 2)
        .then(|| word(8))
        .flatten()
        .filter(|&holder| holder > 0)
}

/// A file mapped into a process's memory, with the right to execute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// The first address.
    pub start: u64,
    /// The one after the last.
    pub end: u64,
    /// Where in the file it begins.
    pub offset: u64,
    /// The file.
    pub path: String,
}

/// Reads the executable files out of /proc/PID/maps.
#[must_use]
pub fn mappings(text: &str) -> Vec<Mapping> {
    text.lines().filter_map(mapping).collect()
}

fn mapping(line: &str) -> Option<Mapping> {
    let mut words = line.splitn(6, ' ');
    let (start, end) = words.next()?.split_once('-')?;
    let rights = words.next()?;
    let offset = words.next()?;
    let path = words.nth(2)?.trim_start();
    let hex = |text| u64::from_str_radix(text, 16).ok();
    (rights.get(2..3)? == "x" && path.starts_with('/')).then_some(())?;
    Some(Mapping {
        start: hex(start)?,
        end: hex(end)?,
        offset: hex(offset)?,
        path: path.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_a_call_with_its_registers() {
        let text = "202 0x555ee34a09d0 0x189 0x0 0x0 0x0 0xffffffff 0x7f8e82ffc950 0x7f8e89ca3f16";
        let call = raw_call(text).expect("a call");
        assert_eq!(call.number, 202);
        assert_eq!(
            call.arguments,
            [0x555e_e34a_09d0, 0x189, 0, 0, 0, 0xffff_ffff]
        );
        assert_eq!(
            (call.stack, call.counter),
            (0x7f8e_82ff_c950, 0x7f8e_89ca_3f16)
        );
        for none in ["running", "-1 0x7ffd 0x7f13", "45 0x6", ""] {
            assert_eq!(raw_call(none), None, "{none}");
        }
    }

    #[test]
    fn reads_when_a_thread_last_ran() {
        let text = "python3 (17770, #threads: 7)\n---\n\
                    se.exec_start                                :      39772547.443880\n";
        assert_eq!(
            last_ran(text),
            Some(Duration::from_nanos(39_772_547_443_880))
        );
        assert_eq!(last_ran("se.exec_start : 12"), None);
        assert_eq!(last_ran(""), None);
    }

    #[test]
    fn reads_on_which_processor_a_thread_last_ran() {
        let before: Vec<String> = (4..39).map(|field| field.to_string()).collect();
        let text = format!("812 (a) b) S {} 7 0 0\n", before.join(" "));
        assert_eq!(last_processor(&text), Some(7));
        assert_eq!(last_processor("812 (a) S 1"), None);
    }

    #[test]
    fn reads_what_an_epoll_watches() {
        let text = "pos:\t0\nflags:\t02000002\nmnt_id:\t17\nino:\t1038\n\
                    tfd:        3 events:       19 data:                3  pos:0 ino:3971c2a sdev:f\n\
                    tfd:       12 events: 40000000 data:                c  pos:0 ino:1 sdev:8\n";
        let watches = [(3, 0x19), (12, 0x4000_0000)].map(|(fd, events)| Watch { fd, events });
        assert_eq!(epoll(text, 2), Some(watches.to_vec()));
        assert_eq!(epoll(text, 1), None, "too many");
        assert_eq!(epoll("pos: 0\n", 9), Some(Vec::new()));
        assert_eq!(epoll("tfd: x", 9), None);
    }

    #[test]
    fn reads_sets_and_locks_out_of_memory() {
        let mut bytes = Vec::new();
        for (fd, events) in [(5i32, 1u16), (-1, 1), (7, 4)] {
            bytes.extend(fd.to_ne_bytes());
            bytes.extend(events.to_ne_bytes());
            bytes.extend([0, 0]);
        }
        let fds: Vec<_> = poll_set(&bytes)
            .iter()
            .map(|one| (one.fd, one.events))
            .collect();
        assert_eq!(fds, [(5, 1), (7, 4)]);
        let fds: Vec<_> = select_set(&[0b1001, 0b10], 12, 1)
            .iter()
            .map(|one| one.fd)
            .collect();
        assert_eq!(fds, [0, 3, 9]);
        assert!(select_set(&[0xff], 3, 1).len() == 3);
        let mutex = |lock: u32, owner: u32| {
            [lock.to_ne_bytes(), 0u32.to_ne_bytes(), owner.to_ne_bytes()].concat()
        };
        assert_eq!(mutex_holder(&mutex(2, 812)), Some(812));
        assert_eq!(mutex_holder(&mutex(1, 812)), None);
        assert_eq!(mutex_holder(&mutex(2, 0)), None);
        assert_eq!(mutex_holder(&[2, 0]), None);
    }

    #[test]
    fn reads_executable_files_of_a_map() {
        let text = "555555554000-555555556000 r--p 00000000 08:01 12 /usr/bin/a b\n\
                    555555556000-555555558000 r-xp 00002000 08:01 12                 /usr/bin/a b\n\
                    7ffff7fc1000-7ffff7fc3000 r-xp 00000000 00:00 0                  [vdso]\n\
                    7ffff7fc3000-7ffff7fc4000 rwxp 00000000 00:00 0 \n";
        let found = mappings(text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].path, "/usr/bin/a b");
        assert_eq!(
            (found[0].start, found[0].offset),
            (0x5555_5555_6000, 0x2000)
        );
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,80}", bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = (raw_call(&text), last_ran(&text), epoll(&text, 4), mappings(&text));
            let _ = (poll_set(&bytes), select_set(&bytes, 99, 1), mutex_holder(&bytes));
        }
    }
}
