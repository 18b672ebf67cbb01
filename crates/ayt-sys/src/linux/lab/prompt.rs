//! Threads that are to run when it is their time.

#![expect(unsafe_code, reason = "sched_setscheduler has no safe wrapper")]

use std::io;
use std::mem::MaybeUninit;

/// Lets the waits of the calling thread end when they are asked to: not up to 50 µs later
/// (`PR_SET_TIMERSLACK`), and not behind whatever else this machine has to do
/// (`SCHED_RR` with the lowest priority, which also the threads have that it starts).
/// Without the right to, they stay as they are. For threads that mostly wait.
pub fn be_prompt() {
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
    // Refused without CAP_SYS_NICE and RLIMIT_RTPRIO; then somebody may be before it.
    let _ = go_first();
}

/// By system call: musl's function of that name only answers ENOSYS.
fn go_first() -> io::Result<()> {
    // SAFETY: all zeroes is a valid sched_param: it has only integers.
    let mut lowest: libc::sched_param = unsafe { MaybeUninit::zeroed().assume_init() };
    lowest.sched_priority = 1;
    // SAFETY: 0 is the calling thread; the kernel only reads `lowest`, which lives until
    // the call returns.
    let result = unsafe {
        libc::syscall(
            libc::SYS_sched_setscheduler,
            0,
            libc::SCHED_RR,
            &raw const lowest,
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
