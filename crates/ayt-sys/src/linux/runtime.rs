//! What ayt must know of itself: rights, boot, where its files go.

use std::fs;
use std::path::PathBuf;

use rustix::process::{geteuid, getuid};
use rustix::thread::{CapabilitySet, capabilities};

use crate::error::SysError;

/// Where journals and locks go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeDirs {
    /// Where this run writes: /run/ayt for root, else the user's own.
    pub own: PathBuf,
    /// Where other users' runs write, as far as this one may look.
    pub others: Vec<PathBuf>,
}

/// Where journals and locks go for the user who runs this.
#[must_use]
pub fn runtime_dirs() -> RuntimeDirs {
    if geteuid().is_root() {
        let others = fs::read_dir("/run/user")
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path().join("ayt")))
            .filter(|path| path.is_dir())
            .collect();
        return RuntimeDirs {
            own: PathBuf::from("/run/ayt"),
            others,
        };
    }
    let uid = getuid().as_raw();
    let own = std::env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .map_or_else(
            || PathBuf::from(format!("/tmp/ayt-{uid}")),
            |path| path.join("ayt"),
        );
    RuntimeDirs {
        own,
        others: Vec::new(),
    }
}

/// The id of this boot: sockets, pids and cookies mean nothing after the next.
///
/// # Errors
/// When /proc is not there.
pub fn boot_id() -> Result<String, SysError> {
    let path = "/proc/sys/kernel/random/boot_id";
    fs::read_to_string(path)
        .map(|text| text.trim().to_owned())
        .map_err(|error| SysError::call(format!("read {path}"), error))
}

/// CAP_NET_ADMIN is in effect.
#[must_use]
pub fn have_net_admin() -> bool {
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::NET_ADMIN))
}

/// Clock ticks per second, as /proc counts process starts.
#[must_use]
pub fn clock_ticks_per_second() -> u64 {
    rustix::param::clock_ticks_per_second()
}
