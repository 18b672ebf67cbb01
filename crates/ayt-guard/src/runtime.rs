//! The folder for journals, and the lock that keeps two ayts apart.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ayt_sys::{SysError, prepare_runtime_dir, runtime_dir};

use crate::clock::Clock;

/// How long another ayt may keep the lock before this one gives up. It keeps it
/// for milliseconds at a time.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// The folder, made and checked.
pub(crate) fn folder() -> Result<PathBuf, SysError> {
    let path = runtime_dir();
    prepare_runtime_dir(&path)?;
    Ok(path)
}

/// The lock under which sockets of other processes are changed for a moment.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
    path: PathBuf,
}

/// The lock, held.
#[derive(Debug)]
pub(crate) struct Locked<'a>(&'a File);

impl Lock {
    pub(crate) fn open(folder: &Path) -> Result<Self, SysError> {
        let path = folder.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| SysError::call(format!("open {}", path.display()), error))?;
        Ok(Self { file, path })
    }

    /// Waits for the lock, not for ever.
    pub(crate) fn take(&self) -> Result<Locked<'_>, SysError> {
        let clock = Clock::start();
        loop {
            match self.file.try_lock() {
                Ok(()) => return Ok(Locked(&self.file)),
                Err(TryLockError::WouldBlock) if clock.now() < LOCK_PATIENCE => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(error) => {
                    return Err(SysError::call(
                        format!("lock {} (another ayt holds it?)", self.path.display()),
                        std::io::Error::from(error),
                    ));
                }
            }
        }
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // Closing the file gives it back as well, should this fail.
        let _ = self.0.unlock();
    }
}
