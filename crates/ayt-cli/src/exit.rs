//! What the exit code says.

use std::process;

/// The exit codes of `ayt`, the same for every command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitCode {
    /// 0: everything was looked at, and is healthy (or: was done as asked).
    Healthy,
    /// 1: something was found: a finding, a dead or suspect connection.
    Findings,
    /// 2: the command line makes no sense, or what it asks for failed.
    Failure,
    /// 3: nothing could be seen; or only a part, and nothing was found in it.
    Partial,
    /// 128 + the signal's number (130 for SIGINT, 143 for SIGTERM): stopped
    /// early; what was known by then has been printed.
    Signal(u8),
}

impl ExitCode {
    /// Findings weigh more than a partial view, which weighs more than nothing.
    pub(crate) const fn of_look(found: bool, partial: bool) -> Self {
        match (found, partial) {
            (true, _) => Self::Findings,
            (false, true) => Self::Partial,
            (false, false) => Self::Healthy,
        }
    }

    /// The number the shell sees.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Healthy => 0,
            Self::Findings => 1,
            Self::Failure => 2,
            Self::Partial => 3,
            Self::Signal(signal) => 128 + signal,
        }
    }
}

impl From<ExitCode> for process::ExitCode {
    fn from(exit: ExitCode) -> Self {
        Self::from(exit.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn healthy_means_that_all_was_seen_and_nothing_found() {
        assert_eq!(ExitCode::of_look(false, false).number(), 0);
        assert_eq!(ExitCode::of_look(true, false).number(), 1);
        assert_eq!(ExitCode::of_look(true, true).number(), 1);
        assert_eq!(ExitCode::of_look(false, true).number(), 3);
        assert_eq!(ExitCode::Failure.number(), 2);
        assert_eq!(ExitCode::Signal(2).number(), 130);
        assert_eq!(ExitCode::Signal(15).number(), 143);
    }
}
