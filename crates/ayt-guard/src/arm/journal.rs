//! Which sockets are armed, and what their settings were: `armed.jsonl`, an
//! entry a line. Entries of an earlier boot mean nothing and are dropped.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use ayt_core::facts::{Cookie, Owner};
use ayt_core::keepalive::Keepalive;
use ayt_sys::{SysError, boot_id};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// One armed socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    boot_id: String,
    netns: u64,
    cookie: u64,
    pid: u32,
    fd: u32,
    before: Settings,
    after: Settings,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Settings {
    enabled: bool,
    idle_s: u32,
    interval_s: u32,
    count: u32,
    user_timeout_ms: u32,
}

impl From<&Keepalive> for Settings {
    fn from(keepalive: &Keepalive) -> Self {
        Self {
            enabled: keepalive.enabled,
            idle_s: keepalive.idle_s,
            interval_s: keepalive.interval_s,
            count: keepalive.count,
            user_timeout_ms: keepalive.user_timeout_ms,
        }
    }
}

impl From<Settings> for Keepalive {
    fn from(settings: Settings) -> Self {
        Self {
            enabled: settings.enabled,
            idle_s: settings.idle_s,
            interval_s: settings.interval_s,
            count: settings.count,
            user_timeout_ms: settings.user_timeout_ms,
        }
    }
}

impl Entry {
    pub(super) fn new(
        netns: u64,
        cookie: Cookie,
        owner: &Owner,
        before: &Keepalive,
        after: &Keepalive,
    ) -> Self {
        Self {
            boot_id: String::new(),
            netns,
            cookie: cookie.0,
            pid: owner.pid,
            fd: owner.fd,
            before: before.into(),
            after: after.into(),
        }
    }

    pub(super) fn before(&self) -> Keepalive {
        self.before.into()
    }

    pub(super) fn after(&self) -> Keepalive {
        self.after.into()
    }
}

/// The journal; use with the lock held.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    boot_id: String,
    /// By cookie: the settings before the first arming, and after the last.
    entries: FxHashMap<u64, Entry>,
}

/// With more sockets than this in the journal, those are dropped that their descriptor
/// no longer leads to: else it would grow with every connection that was ever armed.
const MANY: usize = 10_000;

impl Journal {
    pub(super) fn open(folder: &Path) -> Result<Self, SysError> {
        Self::open_in_boot(folder, boot_id()?)
    }

    fn open_in_boot(folder: &Path, boot_id: String) -> Result<Self, SysError> {
        let path = folder.join("armed.jsonl");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => {
                return Err(SysError::call(format!("read {}", path.display()), error));
            }
        };
        let mut journal = Self {
            path,
            boot_id,
            entries: FxHashMap::default(),
        };
        for line in text.lines() {
            match serde_json::from_str::<Entry>(line) {
                Ok(entry) if entry.boot_id == journal.boot_id => journal.remember(entry),
                // Of an earlier boot, or cut short by the end of one.
                _ => {}
            }
        }
        Ok(journal)
    }

    fn remember(&mut self, entry: Entry) {
        let before = self.entries.get(&entry.cookie).map(|first| first.before);
        let before = before.unwrap_or(entry.before);
        self.entries.insert(entry.cookie, Entry { before, ..entry });
    }

    /// Drops what nobody can take back any more, where there is much of it:
    /// `holds` says whether a descriptor still leads to a socket.
    pub(super) fn tidy(
        &mut self,
        mut holds: impl FnMut(&Owner, Cookie) -> bool,
    ) -> Result<(), SysError> {
        if self.entries.len() <= MANY {
            return Ok(());
        }
        self.entries.retain(|_, entry| {
            let owner = Owner {
                inode: 0,
                pid: entry.pid,
                fd: entry.fd,
            };
            holds(&owner, Cookie(entry.cookie))
        });
        self.save()
    }

    /// The settings before a socket was first armed, and after it last was.
    pub(super) fn of(&self, cookie: Cookie) -> Option<Entry> {
        self.entries.get(&cookie.0).cloned()
    }

    /// Writes an entry down before the socket is changed.
    pub(super) fn append(&mut self, entry: &Entry) -> Result<(), SysError> {
        let entry = Entry {
            boot_id: self.boot_id.clone(),
            ..entry.clone()
        };
        let mut line = encode(&entry);
        line.push(b'\n');
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)
            .and_then(|mut file| file.write_all(&line))
            .map_err(|error| SysError::call(format!("write {}", self.path.display()), error))?;
        self.remember(entry);
        Ok(())
    }

    /// Drops what is known of a socket; [`Self::save`] makes it so on disk.
    pub(super) fn forget(&mut self, cookie: Cookie) {
        self.entries.remove(&cookie.0);
    }

    /// Writes the journal anew, whole or not at all.
    pub(super) fn save(&self) -> Result<(), SysError> {
        let failed = |error| SysError::call(format!("write {}", self.path.display()), error);
        if self.entries.is_empty() {
            return match fs::remove_file(&self.path) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(error)),
                _ => Ok(()),
            };
        }
        let mut bytes = Vec::new();
        for entry in self.entries.values() {
            bytes.extend(encode(entry));
            bytes.push(b'\n');
        }
        let fresh = self.path.with_extension("new");
        fs::write(&fresh, bytes)
            .and_then(|()| fs::rename(&fresh, &self.path))
            .map_err(failed)
    }
}

fn encode(entry: &Entry) -> Vec<u8> {
    // Plain structs of numbers and text always serialise into memory.
    serde_json::to_vec(entry).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(idle_s: u32) -> Keepalive {
        Keepalive {
            enabled: true,
            idle_s,
            interval_s: 5,
            count: 3,
            user_timeout_ms: 0,
        }
    }

    fn entry(cookie: u64, before: u32, after: u32) -> Entry {
        let owner = Owner {
            inode: 1,
            pid: 2,
            fd: 3,
        };
        Entry::new(
            9,
            Cookie(cookie),
            &owner,
            &settings(before),
            &settings(after),
        )
    }

    #[test]
    fn a_socket_armed_twice_goes_back_to_the_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let open = |boot: &str| Journal::open_in_boot(folder.path(), boot.to_owned()).unwrap();
        let mut journal = open("a");
        for (cookie, before, after) in [(1, 7200, 60), (2, 7200, 30), (1, 60, 10)] {
            journal.append(&entry(cookie, before, after)).unwrap();
        }
        let mut again = open("a");
        let found = again.of(Cookie(1)).unwrap();
        assert_eq!((found.before().idle_s, found.after().idle_s), (7200, 10));
        again.forget(Cookie(1));
        again.save().unwrap();
        assert_eq!(open("a").of(Cookie(1)), None);
        assert!(open("a").of(Cookie(2)).is_some());
        assert_eq!(open("another boot").of(Cookie(2)), None);
        let mut last = open("a");
        last.forget(Cookie(2));
        last.save().unwrap();
        assert!(!folder.path().join("armed.jsonl").exists());
    }

    #[test]
    fn it_does_not_grow_with_what_has_ended() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Journal::open_in_boot(folder.path(), "a".to_owned()).unwrap();
        let mut journal = open();
        for cookie in 0..=MANY as u64 {
            journal.remember(Entry {
                boot_id: "a".to_owned(),
                pid: u32::from(cookie % 100 == 0),
                ..entry(cookie, 7200, 60)
            });
        }
        journal.tidy(|owner, _| owner.pid == 1).unwrap();
        let kept = open();
        assert_eq!(kept.entries.len(), MANY / 100 + 1);
        assert!(kept.of(Cookie(100)).is_some());
        assert!(kept.of(Cookie(101)).is_none());
    }
}
