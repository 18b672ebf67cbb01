//! What to do when accept fails: not spin, not give up.

use std::io::{self, ErrorKind};
use std::time::Duration;

use ayt_core::end::System;

/// What an error of accept means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was about one connection, which is gone: the next may be had at once.
    /// (Linux hands the network errors of a new connection to accept: accept(2).)
    Next,
    /// No descriptors or memory: the connection still waits, so asking again at
    /// once would spin.
    Pause,
    /// The listener itself is unusable.
    Fatal,
}

pub(super) fn fate(error: &io::Error, system: System) -> Fate {
    if let Some(code) = error.raw_os_error() {
        match (system, code) {
            // EMFILE, ENFILE, ENOBUFS, ENOMEM
            (System::Linux, 24 | 23 | 105 | 12)
            | (System::Bsd, 24 | 23 | 55 | 12)
            // WSAEMFILE, WSAENOBUFS
            | (System::Windows, 10024 | 10055) => return Fate::Pause,
            // EBADF, EINVAL (destroyed, or never listening), ENOTSOCK, EOPNOTSUPP
            (System::Linux, 9 | 22 | 88) | (System::Bsd, 9 | 22 | 38)
            // WSAEINVAL, WSAENOTSOCK, WSAEFAULT, WSANOTINITIALISED
            | (System::Windows, 10022 | 10038 | 10014 | 10093) => return Fate::Fatal,
            // ENETDOWN, EPROTO, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH,
            // EOPNOTSUPP, ENETUNREACH, EPERM (a firewall's)
            (System::Linux, 100 | 71 | 92 | 112 | 64 | 113 | 95 | 101 | 1) => return Fate::Next,
            _ => {}
        }
    }
    match error.kind() {
        ErrorKind::ConnectionAborted
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionRefused
        | ErrorKind::Interrupted
        | ErrorKind::WouldBlock
        | ErrorKind::TimedOut => Fate::Next,
        ErrorKind::InvalidInput => Fate::Fatal,
        // Unknown: neither spin nor stop serving.
        _ => Fate::Pause,
    }
}

/// Pauses that double from 5 ms to 1 s and fall back with the first success, as
/// Go's net/http has them: short enough to be ready when descriptors are free.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(5);
    const LONGEST: Duration = Duration::from_secs(1);

    pub(super) const fn new() -> Self {
        Self { next: Self::FIRST }
    }

    pub(super) fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(Self::LONGEST);
        pause
    }

    pub(super) const fn succeeded(&mut self) {
        self.next = Self::FIRST;
    }
}

#[cfg(test)]
#[cfg(not(ayt_explore))]
mod tests {
    use super::*;

    #[test]
    fn want_of_descriptors_pauses_and_a_lost_connection_does_not() {
        for (system, code, expected) in [
            (System::Linux, 24, Fate::Pause),
            (System::Linux, 23, Fate::Pause),
            (System::Linux, 105, Fate::Pause),
            (System::Linux, 12, Fate::Pause),
            (System::Bsd, 24, Fate::Pause),
            (System::Windows, 10024, Fate::Pause),
            (System::Linux, 71, Fate::Next),
            (System::Linux, 113, Fate::Next),
            (System::Linux, 9, Fate::Fatal),
            (System::Linux, 22, Fate::Fatal),
            (System::Windows, 10038, Fate::Fatal),
            (System::Other, 9_999, Fate::Pause),
        ] {
            let error = io::Error::from_raw_os_error(code);
            assert_eq!(fate(&error, system), expected, "{code} on {system:?}");
        }
        let aborted = io::Error::from(ErrorKind::ConnectionAborted);
        assert_eq!(fate(&aborted, System::Other), Fate::Next);
    }

    #[test]
    fn pauses_grow_to_a_second_and_fall_back() {
        let mut backoff = Backoff::new();
        let pauses: Vec<u128> = (0..10).map(|_| backoff.pause().as_millis()).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 640, 1_000, 1_000]);
        backoff.succeeded();
        assert_eq!(backoff.pause(), Backoff::FIRST);
    }
}
