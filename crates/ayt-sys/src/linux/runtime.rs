//! What ayt must know of itself: rights, boot, where its files go.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use rustix::thread::{CapabilitySet, capabilities};

use crate::error::SysError;

/// Where journals and locks go for the user who runs this: the folder that
/// `AYT_RUNTIME_DIR` names, for places where the usual one cannot be written;
/// else /run/ayt for root and a folder of the user's own for others.
///
/// All ayts that may touch the same sockets must agree on the folder: its lock
/// keeps them apart, and its journals undo what a killed one has left.
#[must_use]
pub fn runtime_dir() -> PathBuf {
    if let Some(path) = std::env::var_os("AYT_RUNTIME_DIR").filter(|path| !path.is_empty()) {
        return PathBuf::from(path);
    }
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
/// When it is not an absolute path, cannot be made, or is another user's, a
/// link, or open to others.
pub fn prepare_runtime_dir(path: &Path) -> Result<(), SysError> {
    let operation = || format!("prepare {}", path.display());
    if !path.is_absolute() {
        return Err(SysError::Malformed {
            operation: "prepare the folder for journals",
            detail: format!(
                "{} is not an absolute path (AYT_RUNTIME_DIR)",
                path.display()
            ),
        });
    }
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

/// CAP_NET_RAW is in effect.
#[must_use]
pub fn have_net_raw() -> bool {
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::NET_RAW))
}

/// Clock ticks per second, as /proc counts process starts.
#[must_use]
pub fn clock_ticks_per_second() -> u64 {
    rustix::param::clock_ticks_per_second()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn only_a_folder_of_our_own_will_do() {
        let above = tempfile::tempdir().unwrap();
        let own = above.path().join("own");
        prepare_runtime_dir(&own).unwrap();
        prepare_runtime_dir(&own).unwrap();
        assert_eq!(fs::metadata(&own).unwrap().mode() & 0o777, 0o700);

        let link = above.path().join("link");
        symlink(&own, &link).unwrap();
        let open = above.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        for bad in [link, open, PathBuf::from("relative"), PathBuf::from(".")] {
            assert!(prepare_runtime_dir(&bad).is_err(), "{}", bad.display());
        }
    }
}
