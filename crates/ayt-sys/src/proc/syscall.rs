//! /proc/PID/task/TID/syscall: the system call a thread is blocked in.

use ayt_core::facts::Call;

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallState {
    /// The thread runs.
    Running,
    /// It is blocked, but not in a system call (page fault, signal stop).
    NotInCall,
    /// It is blocked in this call.
    In(Call),
}

/// Reads the file: `running`, `-1 SP PC`, or `NR ARG0 … SP PC`.
#[must_use]
pub fn call(text: &str) -> Option<CallState> {
    let mut words = text.split_ascii_whitespace();
    let first = words.next()?;
    if first == "running" {
        return Some(CallState::Running);
    }
    let number: i64 = first.parse().ok()?;
    if number < 0 {
        return Some(CallState::NotInCall);
    }
    let argument = words
        .next()
        .and_then(|word| word.strip_prefix("0x"))
        .and_then(|hex| u64::from_str_radix(hex, 16).ok());
    let known = NAMES.iter().find(|(nr, _, _)| *nr == number);
    Some(CallState::In(match known {
        Some(&(_, name, takes_fd)) => Call {
            name: name.to_owned(),
            fd: argument
                .filter(|_| takes_fd)
                .and_then(|fd| u32::try_from(fd & 0xffff_ffff).ok()),
        },
        None => Call {
            name: format!("syscall {number}"),
            fd: None,
        },
    }))
}

/// Calls in which a network program waits: number, name, whether the first
/// argument is a descriptor (`arch/x86/entry/syscalls/syscall_64.tbl`).
#[cfg(target_arch = "x86_64")]
const NAMES: &[(i64, &str, bool)] = &[
    (0, "read", true),
    (1, "write", true),
    (3, "close", true),
    (7, "poll", false),
    (17, "pread64", true),
    (19, "readv", true),
    (20, "writev", true),
    (23, "select", false),
    (34, "pause", false),
    (35, "nanosleep", false),
    (40, "sendfile", true),
    (42, "connect", true),
    (43, "accept", true),
    (44, "sendto", true),
    (45, "recvfrom", true),
    (46, "sendmsg", true),
    (47, "recvmsg", true),
    (48, "shutdown", true),
    (61, "wait4", false),
    (72, "fcntl", true),
    (73, "flock", true),
    (74, "fsync", true),
    (128, "rt_sigtimedwait", false),
    (202, "futex", false),
    (230, "clock_nanosleep", false),
    (232, "epoll_wait", true),
    (247, "waitid", false),
    (270, "pselect6", false),
    (271, "ppoll", false),
    (275, "splice", true),
    (281, "epoll_pwait", true),
    (288, "accept4", true),
    (299, "recvmmsg", true),
    (307, "sendmmsg", true),
    (426, "io_uring_enter", true),
    (441, "epoll_pwait2", true),
    (449, "futex_waitv", false),
];

/// The same for the generic table (`include/uapi/asm-generic/unistd.h`), used
/// by aarch64 and riscv64.
#[cfg(any(target_arch = "aarch64", target_arch = "riscv64"))]
const NAMES: &[(i64, &str, bool)] = &[
    (22, "epoll_pwait", true),
    (25, "fcntl", true),
    (32, "flock", true),
    (57, "close", true),
    (63, "read", true),
    (64, "write", true),
    (65, "readv", true),
    (66, "writev", true),
    (71, "sendfile", true),
    (72, "pselect6", false),
    (73, "ppoll", false),
    (76, "splice", true),
    (82, "fsync", true),
    (95, "waitid", false),
    (98, "futex", false),
    (101, "nanosleep", false),
    (115, "clock_nanosleep", false),
    (137, "rt_sigtimedwait", false),
    (202, "accept", true),
    (203, "connect", true),
    (206, "sendto", true),
    (207, "recvfrom", true),
    (210, "shutdown", true),
    (211, "sendmsg", true),
    (212, "recvmsg", true),
    (242, "accept4", true),
    (243, "recvmmsg", true),
    (260, "wait4", false),
    (269, "sendmmsg", true),
    (426, "io_uring_enter", true),
    (441, "epoll_pwait2", true),
    (449, "futex_waitv", false),
];

/// On other machines a call is shown by its number.
#[cfg(not(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "riscv64"
)))]
const NAMES: &[(i64, &str, bool)] = &[];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn names_call_and_descriptor() {
        let text = "45 0x6 0x7f12 0x400 0x0 0x0 0x0 0x7ffd 0x7f13\n";
        let Some(CallState::In(recv)) = call(text) else {
            panic!("blocked");
        };
        assert_eq!(recv.to_string(), "recvfrom(6)");
        let Some(CallState::In(futex)) = call("202 0x7f 0x80 0x0 0x0 0x0 0x0 0x7f 0x7f") else {
            panic!("blocked");
        };
        assert_eq!(futex.to_string(), "futex()");
    }

    #[test]
    fn knows_running_stopped_and_strange() {
        assert_eq!(call("running\n"), Some(CallState::Running));
        assert_eq!(call("-1 0x7ffd 0x7f13\n"), Some(CallState::NotInCall));
        assert_eq!(call(""), None);
        assert_eq!(call("x"), None);
        let Some(CallState::In(strange)) = call("9999 0x1") else {
            panic!("blocked");
        };
        assert_eq!(strange.name, "syscall 9999");
        assert!(NAMES.is_sorted_by_key(|(nr, _, _)| nr));
    }
}
