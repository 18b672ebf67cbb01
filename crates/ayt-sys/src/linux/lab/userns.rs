//! A user namespace, in which an ordinary user has the rights over namespaces of
//! their own (user_namespaces(7)); and what may stand in the way.

use std::fs;
use std::io::Write;
use std::path::Path;

use rustix::io::Errno;
use rustix::thread::UnshareFlags;

use super::host::unshare;
use crate::error::SysError;

const CAP_NET_ADMIN: u32 = 12;
const CAP_NET_RAW: u32 = 13;
const CAP_SYS_ADMIN: u32 = 21;

/// What may keep a user from making namespaces, as the kernel shows it. `None` is
/// a setting that this kernel does not have, or does not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Obstacles {
    /// `user.max_user_namespaces`.
    pub max_user_namespaces: Option<u64>,
    /// `user.max_net_namespaces`.
    pub max_net_namespaces: Option<u64>,
    /// `user.max_pid_namespaces`.
    pub max_pid_namespaces: Option<u64>,
    /// `kernel.unprivileged_userns_clone`, of Debian and others: 0 forbids.
    pub unprivileged_userns_clone: Option<u64>,
    /// `kernel.apparmor_restrict_unprivileged_userns`, of Ubuntu: 1 takes the rights
    /// inside the namespace away.
    pub apparmor_restrict: Option<u64>,
    /// A seccomp filter decides about this process' system calls, as in containers.
    pub seccomp: bool,
    /// The kernel knows user namespaces.
    pub kernel_has_them: bool,
}

impl Obstacles {
    /// Looks at this machine and this process.
    #[must_use]
    pub fn read() -> Self {
        let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse().ok();
        Self {
            max_user_namespaces: number("/proc/sys/user/max_user_namespaces"),
            max_net_namespaces: number("/proc/sys/user/max_net_namespaces"),
            max_pid_namespaces: number("/proc/sys/user/max_pid_namespaces"),
            unprivileged_userns_clone: number("/proc/sys/kernel/unprivileged_userns_clone"),
            apparmor_restrict: number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
            seccomp: status_field("Seccomp:").is_some_and(|mode| mode.trim() == "2"),
            kernel_has_them: Path::new("/proc/self/ns/user").exists(),
        }
    }
}

/// This process may make namespaces, devices and packet sockets as it is.
#[must_use]
pub fn have_lab_rights() -> bool {
    let Some(text) = status_field("CapEff:") else {
        return false;
    };
    let rights = u64::from_str_radix(text.trim(), 16).unwrap_or(0);
    [CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN]
        .iter()
        .all(|right| rights >> right & 1 == 1)
}

/// The threads of this process.
#[must_use]
pub fn thread_count() -> usize {
    fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

/// Moves this process, which must have one thread, into a user namespace of its
/// own, in which its user is mapped to root.
///
/// # Errors
/// `EINVAL` with more than one thread, `EPERM` or `EACCES` where it is forbidden,
/// `ENOSPC` at a limit; [`Obstacles::read`] tells more.
pub fn enter_user_namespace() -> Result<(), SysError> {
    let user = rustix::process::geteuid().as_raw();
    let group = rustix::process::getegid().as_raw();
    unshare(UnshareFlags::NEWUSER)
        .map_err(|error| SysError::call("make a user namespace", error))?;
    // Without this the kernel takes no group map from an ordinary user.
    write("/proc/self/setgroups", "deny")?;
    write("/proc/self/uid_map", &format!("0 {user} 1"))?;
    write("/proc/self/gid_map", &format!("0 {group} 1"))?;
    if have_lab_rights() {
        Ok(())
    } else {
        let what = "have rights inside the new user namespace";
        Err(SysError::call(what, Errno::PERM))
    }
}

fn write(path: &str, text: &str) -> Result<(), SysError> {
    fs::OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| SysError::call(format!("write {path}"), error))
}

fn status_field(name: &str) -> Option<String> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.to_owned())
}
