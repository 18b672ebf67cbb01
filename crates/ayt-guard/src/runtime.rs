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
///
/// Whoever wants it queues at the gate first and holds that until it has the
/// lock: an ayt that works in batches and takes the lock again at once cannot
/// keep another one out for the length of its run.
#[derive(Debug)]
pub(crate) struct Lock {
    gate: File,
    file: File,
    path: PathBuf,
}

/// The lock, held.
#[derive(Debug)]
pub(crate) struct Locked<'a>(&'a File);

impl Lock {
    pub(crate) fn open(folder: &Path) -> Result<Self, SysError> {
        let open = |path: &Path| {
            OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(path)
                .map_err(|error| SysError::call(format!("open {}", path.display()), error))
        };
        let path = folder.join("lock");
        let gate = open(&folder.join("gate"))?;
        let file = open(&path)?;
        Ok(Self { gate, file, path })
    }

    /// Waits for the lock, not for ever.
    pub(crate) fn take(&self) -> Result<Locked<'_>, SysError> {
        let clock = Clock::start();
        let _turn = self.wait_for(&self.gate, clock)?;
        self.wait_for(&self.file, clock)
    }

    fn wait_for<'a>(&self, file: &'a File, clock: Clock) -> Result<Locked<'a>, SysError> {
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Locked(file)),
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    use super::*;

    #[test]
    fn whoever_takes_the_lock_again_and_again_keeps_nobody_out() {
        let folder = tempfile::tempdir().unwrap();
        let greedy = Lock::open(folder.path()).unwrap();
        let other = Lock::open(folder.path()).unwrap();
        let (stop, turns) = (AtomicBool::new(false), AtomicU32::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let held = greedy.take().unwrap();
                    std::thread::sleep(Duration::from_millis(2));
                    drop(held);
                    turns.fetch_add(1, Ordering::Relaxed);
                }
            });
            while turns.load(Ordering::Relaxed) == 0 {
                std::thread::yield_now();
            }
            for _ in 0..20 {
                let before = turns.load(Ordering::Relaxed);
                drop(other.take().unwrap());
                let passed = turns.load(Ordering::Relaxed) - before;
                assert!(passed < 20, "{passed} turns of the other before ours");
            }
            stop.store(true, Ordering::Relaxed);
        });
    }
}
