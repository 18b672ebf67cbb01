//! Waiting for packets, a bell or a time, without a busy loop.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use super::PacketPort;
use crate::error::SysError;

/// Wakes a thread that is in [`wait`] (eventfd(2)).
#[derive(Debug)]
pub struct Bell(OwnedFd);

impl Bell {
    /// A new one, silent.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub fn new() -> Result<Self, SysError> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let fd = eventfd(0, flags).map_err(|error| SysError::call("make an eventfd", error))?;
        Ok(Self(fd))
    }

    /// Wakes who waits, or who will wait next.
    pub fn ring(&self) {
        // Full means that it rings already.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }

    /// Takes the ring back.
    pub fn silence(&self) {
        let _ = rustix::io::read(&self.0, &mut [0u8; 8]);
    }
}

/// What ended a wait. Nothing set: the time came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Woken {
    /// The bell rang.
    pub bell: bool,
    /// The port has packets, or something to say.
    pub ports: [bool; 2],
}

/// Sleeps until the bell rings, a port has packets, or `time` has passed; without
/// a time, for as long as it takes. A port that is `None` is not looked at.
#[must_use]
pub fn wait(bell: &Bell, ports: [Option<&PacketPort>; 2], time: Option<Duration>) -> Woken {
    let time = time.and_then(|time| Timespec::try_from(time).ok());
    let mut fds = vec![PollFd::new(&bell.0, PollFlags::IN)];
    for port in ports.iter().flatten() {
        fds.push(PollFd::from_borrowed_fd(port.as_fd(), PollFlags::IN));
    }
    // An interrupted wait is a wake-up like another.
    if poll(&mut fds, time.as_ref()).is_err() {
        return Woken::default();
    }
    let mut ready = fds.iter().map(|fd| !fd.revents().is_empty());
    let bell = ready.next().unwrap_or(false);
    let ports = ports.map(|port| port.is_some() && ready.next().unwrap_or(false));
    Woken { bell, ports }
}

/// CLOCK_MONOTONIC: the one clock that all processes of a machine share, since a
/// moment that means nothing.
#[must_use]
pub fn monotonic() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or_default())
}

/// Lets this process have at most so many open descriptors (`RLIMIT_NOFILE`). It cannot
/// be raised again above what it was.
///
/// # Errors
/// More than it may have.
pub fn limit_descriptors(most: u64) -> Result<(), SysError> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limit = Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    setrlimit(Resource::Nofile, limit)
        .map_err(|error| SysError::call("setrlimit RLIMIT_NOFILE", error))
}
