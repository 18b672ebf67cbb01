//! The ground that the lab stands on: the right to make hosts and wires, taken
//! wherever it can be had.
//!
//! Root has it. An ordinary user has it inside a user namespace, where the system
//! allows those to ordinary users. Where neither is so, [`NoGround`] says exactly
//! what forbids it and what to do.

use std::fmt;

use ayt_sys::lab::{self, Obstacles};
use ayt_sys::{Netns, SysError};

use crate::error::LabError;
use crate::{Host, Wire};

/// Where the lab's rights come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// This process had them.
    OwnRights,
    /// A user namespace of its own, in which the user is root.
    UserNamespace,
}

/// Takes the ground. Call it **first thing in main**, before any thread is
/// started: only a process of one thread can enter a user namespace. It is for
/// the whole process and cannot be taken back. Two hosts and a wire are made and
/// joined to see that it holds.
///
/// # Errors
/// [`NoGround`], with everything that forbids it.
pub fn take() -> Result<Ground, NoGround> {
    let ground = if lab::have_lab_rights() {
        Ground::OwnRights
    } else {
        let threads = lab::thread_count();
        if threads > 1 {
            return Err(NoGround::of(Why::TooLate { threads }));
        }
        // Looked at before: inside, everything seems allowed.
        let obstacles = Obstacles::read();
        lab::enter_user_namespace().map_err(|error| NoGround::of(explain(&error, &obstacles)))?;
        Ground::UserNamespace
    };
    prove().map_err(|error| NoGround::of(Why::Unusable(error.to_string())))?;
    Ok(ground)
}

/// Makes two hosts and a wire, and lets them vanish again.
fn prove() -> Result<(), LabError> {
    Netns::fresh().map_err(|error| LabError::kernel("trying the ground", error))?;
    let (a, b) = (Host::new("trial a")?, Host::new("trial b")?);
    Wire::join(&a, &b).map(drop)
}

/// Why there is no ground.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// There is no Linux kernel here.
    NeedsLinux,
    /// `take` was called when there was more than one thread.
    TooLate {
        /// How many there were.
        threads: usize,
    },
    /// The kernel was built without user namespaces.
    NoUserNamespaces,
    /// `user.max_user_namespaces` is 0.
    LimitIsZero,
    /// `user.max_user_namespaces`, or the depth of 32, is reached.
    LimitReached {
        /// The limit, where it can be seen.
        limit: Option<u64>,
    },
    /// `kernel.unprivileged_userns_clone` is 0 (Debian and others).
    UsernsClone,
    /// `kernel.apparmor_restrict_unprivileged_userns` is 1 (Ubuntu).
    AppArmor,
    /// A seccomp filter forbids it, as in most containers.
    Seccomp,
    /// Refused, and nothing that is known explains it: a chroot, or another
    /// security module.
    Refused(String),
    /// The rights are there and still a host or wire could not be made.
    Unusable(String),
}

/// There is no ground for a lab here. Its text says what forbids it and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoGround {
    why: Why,
}

impl NoGround {
    const fn of(why: Why) -> Self {
        Self { why }
    }

    /// What forbids it.
    #[must_use]
    pub const fn why(&self) -> &Why {
        &self.why
    }

    /// What to do.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self.why {
            Why::NeedsLinux => "run it on Linux, or in a Linux virtual machine",
            Why::TooLate { .. } => "call ayt_lab::ground::take first thing in main",
            Why::NoUserNamespaces => "run it as root, or with a kernel that has CONFIG_USER_NS",
            Why::LimitIsZero | Why::LimitReached { .. } => {
                "run it as root, or: sudo sysctl user.max_user_namespaces=15000"
            }
            Why::UsernsClone => {
                "run it as root, or: sudo sysctl kernel.unprivileged_userns_clone=1"
            }
            Why::AppArmor => {
                "run it as root, or: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0, \
                 or give the program an AppArmor profile with `userns,`"
            }
            Why::Seccomp => {
                "give the container the rights (docker run --cap-add SYS_ADMIN --cap-add NET_ADMIN \
                 --cap-add NET_RAW --security-opt apparmor=unconfined), or run it outside"
            }
            Why::Refused(_) => "run it as root",
            Why::Unusable(_) => {
                "run it as root, outside of a container, on a kernel with veth and packet sockets"
            }
        }
    }
}

impl fmt::Display for NoGround {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("no ground for a lab: ")?;
        match &self.why {
            Why::NeedsLinux => out.write_str("hosts are Linux network namespaces")?,
            Why::TooLate { threads } => write!(
                out,
                "a user namespace can be entered by a process of one thread only, and this \
                 one has {threads}"
            )?,
            Why::NoUserNamespaces => out.write_str("this kernel has no user namespaces")?,
            Why::LimitIsZero => {
                out.write_str("user.max_user_namespaces is 0, which forbids user namespaces")?;
            }
            Why::LimitReached { limit: Some(limit) } => write!(
                out,
                "the limit of user namespaces is reached (user.max_user_namespaces is {limit}, \
                 and they nest 32 deep)"
            )?,
            Why::LimitReached { limit: None } => {
                out.write_str("the limit of user namespaces is reached")?;
            }
            Why::UsernsClone => out.write_str(
                "kernel.unprivileged_userns_clone is 0, which forbids user namespaces to \
                 ordinary users",
            )?,
            Why::AppArmor => out.write_str(
                "kernel.apparmor_restrict_unprivileged_userns is 1, which takes the rights in a \
                 user namespace away from programs without a profile",
            )?,
            Why::Seccomp => out.write_str(
                "a seccomp filter decides about this process, as in a container, and forbids \
                 user namespaces",
            )?,
            Why::Refused(what) | Why::Unusable(what) => out.write_str(what)?,
        }
        write!(out, "; {}", self.remedy())
    }
}

impl std::error::Error for NoGround {}

/// The likeliest reason for an error of the kernel, by what the system forbids.
fn explain(error: &SysError, obstacles: &Obstacles) -> Why {
    // The numbers are those of Linux, the only system that answers.
    match error.errno() {
        None if matches!(error, SysError::NeedsLinux) => Why::NeedsLinux,
        _ if !obstacles.kernel_has_them => Why::NoUserNamespaces,
        // ENOSYS: a filter may also answer this.
        Some(38) if obstacles.seccomp => Why::Seccomp,
        Some(22 | 38) => Why::NoUserNamespaces,
        // ENOSPC, and EUSERS before Linux 4.9.
        Some(28 | 87) => match obstacles.max_user_namespaces {
            Some(0) => Why::LimitIsZero,
            limit => Why::LimitReached { limit },
        },
        Some(1 | 13) if obstacles.unprivileged_userns_clone == Some(0) => Why::UsernsClone,
        Some(1 | 13) if obstacles.apparmor_restrict.is_some_and(|on| on != 0) => Why::AppArmor,
        Some(1 | 13) if obstacles.seccomp => Why::Seccomp,
        _ => Why::Refused(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: Obstacles = Obstacles {
        max_user_namespaces: Some(96_365),
        max_net_namespaces: Some(96_365),
        max_pid_namespaces: Some(96_365),
        unprivileged_userns_clone: None,
        apparmor_restrict: None,
        seccomp: false,
        kernel_has_them: true,
    };

    fn why(errno: i32, obstacles: Obstacles) -> Why {
        let error = SysError::call("make it", std::io::Error::from_raw_os_error(errno));
        explain(&error, &obstacles)
    }

    #[test]
    fn each_obstacle_is_named() {
        let zero = Obstacles {
            max_user_namespaces: Some(0),
            ..FREE
        };
        assert_eq!(why(28, zero), Why::LimitIsZero);
        let limit = Some(96_365);
        assert_eq!(why(28, FREE), Why::LimitReached { limit });
        let debian = Obstacles {
            unprivileged_userns_clone: Some(0),
            ..FREE
        };
        assert_eq!(why(1, debian), Why::UsernsClone);
        let ubuntu = Obstacles {
            apparmor_restrict: Some(1),
            ..FREE
        };
        for errno in [1, 13] {
            assert_eq!(why(errno, ubuntu), Why::AppArmor);
        }
        let container = Obstacles {
            seccomp: true,
            ..FREE
        };
        assert_eq!(why(1, container), Why::Seccomp);
        assert_eq!(why(38, container), Why::Seccomp);
        assert_eq!(why(38, FREE), Why::NoUserNamespaces);
        let none = Obstacles {
            kernel_has_them: false,
            ..FREE
        };
        assert_eq!(why(1, none), Why::NoUserNamespaces);
        assert_eq!(explain(&SysError::NeedsLinux, &FREE), Why::NeedsLinux);
        assert!(matches!(why(1, FREE), Why::Refused(_)));
    }

    #[test]
    fn the_text_names_the_setting_and_the_command() {
        let text = NoGround::of(Why::AppArmor).to_string();
        assert!(
            text.contains("kernel.apparmor_restrict_unprivileged_userns is 1"),
            "{text}"
        );
        assert!(text.contains("sudo sysctl"), "{text}");
    }
}
