//! Why a command could not do its work, and the exit code that tells it.

use std::io;

use ayt_guard::arm::ArmError;
use ayt_guard::collect::CollectError;
use ayt_guard::trace::TraceError;
use ayt_guard::why::WhyError;

use crate::exit::ExitCode;

/// A command ended without doing its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Nothing could be seen.
    #[error(transparent)]
    Collect(#[from] CollectError),
    /// Nothing could be explained.
    #[error(transparent)]
    Why(#[from] WhyError),
    /// Keepalive could not be set at all.
    #[error(transparent)]
    Arm(#[from] ArmError),
    /// A connection could not be traced.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The command line is well formed and still asks for something ayt does
    /// not do.
    #[error("{0}")]
    Usage(String),
    /// There is nothing to build a lab on.
    #[error(transparent)]
    NoGround(#[from] ayt_lab::ground::NoGround),
    /// The lab could not be built.
    #[error(transparent)]
    Lab(#[from] ayt_lab::LabError),
    /// A scenario is wrong.
    #[error(transparent)]
    Scenario(#[from] ayt_lab::scenario::BadScenario),
    /// Standard output failed.
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
    /// A file could not be read or written.
    #[error("{path}: {error}")]
    File {
        /// Which file.
        path: String,
        /// What came back.
        error: io::Error,
    },
}

impl Failure {
    /// The exit code that tells it.
    pub(crate) fn exit(&self) -> ExitCode {
        match self {
            Self::Collect(CollectError::NoNamespace { .. })
            | Self::Why(WhyError::Collect(CollectError::NoNamespace { .. })) => ExitCode::Failure,
            Self::Trace(TraceError::NoWay(_)) => ExitCode::Findings,
            Self::Collect(_)
            | Self::Why(WhyError::Collect(_))
            | Self::Trace(_)
            | Self::NoGround(_) => ExitCode::Partial,
            _ => ExitCode::Failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_seen_is_not_a_usage_error() {
        assert_eq!(
            Failure::from(CollectError::NeedsLinux).exit(),
            ExitCode::Partial
        );
        let full = Failure::from(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(full.exit(), ExitCode::Failure);
    }
}
