//! What ayt must know of itself: rights, boot, where its files go.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use rustix::thread::{CapabilitySet, capabilities};

use crate::error::SysError;

/// Where journals and locks go for the user who runs this: /run/ayt for root,
/// else a folder of the user's own.
#[must_use]
pub fn runtime_dir() -> PathBuf {
    if geteuid().is_root() {
        return PathBuf::from("/run/ayt");
    }
    let uid = geteuid().as_raw();
    std::env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .map_or_else(
            || PathBuf::from(format!("/tmp/ayt-{uid}")),
            |path| path.join("ayt"),
        )
}

/// Makes the folder, for this user only, or checks that it is one.
///
/// # Errors
/// When it cannot be made, or is another user's, a link, or open to others.
pub fn prepare_runtime_dir(path: &Path) -> Result<(), SysError> {
    let operation = || format!("prepare {}", path.display());
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(SysError::call(operation(), error)),
    }
    let found = fs::symlink_metadata(path).map_err(|error| SysError::call(operation(), error))?;
    let own = found.uid() == geteuid().as_raw();
    if found.is_dir() && own && found.mode() & 0o022 == 0 {
        return Ok(());
    }
    Err(SysError::Malformed {
        operation: "prepare the folder for journals",
        detail: format!(
            "{} is not a folder that only this user can write: remove it",
            path.display()
        ),
    })
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
