//! What the lab could not do, with the cause and what helps.

use std::fmt;

use ayt_sys::SysError;

/// Something of the lab that failed: on what, why, and what helps.
#[derive(Debug)]
pub struct LabError {
    on: String,
    cause: Cause,
    remedy: Option<&'static str>,
}

#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error("{0}")]
    Kernel(#[from] SysError),
    #[error("{0}")]
    Other(String),
}

impl LabError {
    /// The kernel refused; `on` names host, wire and address.
    pub(crate) fn kernel(on: impl Into<String>, cause: SysError) -> Self {
        let remedy = remedy_of(&cause);
        Self {
            on: on.into(),
            cause: cause.into(),
            remedy,
        }
    }

    pub(crate) fn other(
        on: impl Into<String>,
        cause: impl Into<String>,
        remedy: Option<&'static str>,
    ) -> Self {
        Self {
            on: on.into(),
            cause: Cause::Other(cause.into()),
            remedy,
        }
    }

    /// What helps, where that is known.
    #[must_use]
    pub fn remedy(&self) -> Option<&str> {
        self.remedy
    }

    /// The kernel's error number, where it was the kernel.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        match &self.cause {
            Cause::Kernel(error) => error.errno(),
            Cause::Other(_) => None,
        }
    }
}

impl fmt::Display for LabError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.on, self.cause)?;
        match self.remedy {
            Some(remedy) => write!(out, "; {remedy}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for LabError {}

fn remedy_of(error: &SysError) -> Option<&'static str> {
    // The numbers are those of Linux, the only system that answers.
    match error.errno()? {
        1 | 13 => Some("take the ground first (`ayt_lab::ground::take`), or run it as root"),
        12 | 105 => Some("free some memory: each end of a wire needs 8 MiB for its packets"),
        24 | 23 => Some("raise the limit of open files (ulimit -n)"),
        28 => Some(
            "a limit on namespaces is reached: raise user.max_net_namespaces and \
             user.max_pid_namespaces (sysctl)",
        ),
        30 => Some("/proc/sys is read-only here, as in many containers: give it a writable one"),
        95 => Some("the kernel has no veth devices: modprobe veth, or enable CONFIG_VETH"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_on_what_why_and_what_helps() {
        let cause = SysError::call("make it", std::io::Error::from_raw_os_error(95));
        let text = LabError::kernel("wire 3", cause).to_string();
        assert!(text.starts_with("wire 3: make it: "), "{text}");
        assert!(text.contains("modprobe veth"), "{text}");
    }
}
