//! The name of a namespace under /run/netns.

use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use rustix::mount::{UnmountFlags, mount_bind, unmount};

const FOLDER: &str = "/run/netns";

/// A namespace bound to a name, as `ip netns` does it; unbound on drop.
#[derive(Debug)]
pub(super) struct Mount {
    name: String,
    path: PathBuf,
}

impl Mount {
    pub(super) fn new(namespace: &File, name: &str) -> Result<Self> {
        let plain = !name.is_empty() && !name.starts_with('.') && !name.contains('/');
        ensure!(plain, "'{name}' is no name for a namespace");
        fs::create_dir_all(FOLDER).with_context(|| format!("making {FOLDER}"))?;
        let path = Path::new(FOLDER).join(name);
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .with_context(|| {
                format!(
                    "{} is taken; remedy: ip netns delete {name}",
                    path.display()
                )
            })?;
        let mount = Self {
            name: name.to_owned(),
            path,
        };
        mount_bind(
            format!("/proc/self/fd/{}", namespace.as_raw_fd()),
            &mount.path,
        )
        .with_context(|| format!("binding a namespace to {}", mount.path.display()))?;
        Ok(mount)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Nothing to do about a failure: the name would be left, and the next
        // test that wants it says how to remove it.
        let _ = unmount(&self.path, UnmountFlags::DETACH);
        let _ = fs::remove_file(&self.path);
    }
}
