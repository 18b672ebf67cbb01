//! Sets keepalive on live sockets of running processes, and takes it back.

mod journal;

use std::time::Duration;

use ayt_core::fact::{Fact, Why};
use ayt_core::facts::{Cookie, HostFacts, Owner, Socket};
use ayt_core::keepalive::{Keepalive, KeepaliveWish};
use ayt_sys::{Descriptors, Hold, SysError};

use crate::collect::{why, without_owner};
use crate::held::holds;
use crate::runtime::{Lock, folder};
use journal::{Entry, Journal};

/// What to set.
#[derive(Debug, Clone, Copy)]
pub struct Arm {
    /// I/V/N; keepalive is switched on.
    pub keepalive: KeepaliveWish,
    /// U; `None` leaves it as it is.
    pub user_timeout: Option<Duration>,
    /// Only show what would be set.
    pub dry_run: bool,
}

impl Arm {
    /// What a socket's settings will be.
    #[must_use]
    pub fn applied_to(&self, before: &Keepalive) -> Keepalive {
        Keepalive {
            enabled: true,
            idle_s: self.keepalive.idle_s(),
            interval_s: self.keepalive.interval_s(),
            count: self.keepalive.count(),
            user_timeout_ms: self.user_timeout.map_or(before.user_timeout_ms, |timeout| {
                u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX)
            }),
        }
    }
}

/// What came of one socket.
#[derive(Debug, Clone)]
pub struct Armed {
    /// Which connection.
    pub cookie: Cookie,
    /// Through which descriptor.
    pub owner: Option<Owner>,
    /// Settings before, read from the kernel.
    pub before: Fact<Keepalive>,
    /// Settings after, read back from the kernel; in a dry run what they would
    /// be.
    pub after: Fact<Keepalive>,
    /// It was changed (or, in a dry run, would be).
    pub changed: bool,
    /// Why not, where it could not be.
    pub refused: Option<Why>,
}

/// An arm or disarm that could not begin.
#[derive(Debug, thiserror::Error)]
#[error("{operation}: {error}; {remedy}")]
pub struct ArmError {
    /// What was tried.
    pub operation: String,
    /// What came back.
    pub error: String,
    /// What would help.
    pub remedy: String,
}

impl From<SysError> for ArmError {
    fn from(error: SysError) -> Self {
        Self {
            operation: "keep the journal of armed sockets".to_owned(),
            error: error.to_string(),
            remedy: "nothing was changed; make the folder writable, or run as root".to_owned(),
        }
    }
}

/// Arms the connections `targets` (indexes into `facts.sockets`).
///
/// # Errors
/// When the journal cannot be written; nothing is changed then.
pub fn arm(facts: &HostFacts, targets: &[usize], what: &Arm) -> Result<Vec<Armed>, ArmError> {
    let mut descriptors = Descriptors::default();
    let sockets = targets.iter().filter_map(|&at| facts.sockets.get(at));
    if what.dry_run {
        return Ok(sockets
            .map(|socket| {
                through(&mut descriptors, facts, socket, |_, before| {
                    Ok(Ok(what.applied_to(&before)))
                })
            })
            .collect());
    }
    let folder = folder()?;
    let lock = Lock::open(&folder)?;
    let held = lock.take()?;
    let mut journal = Journal::open(&folder)?;
    journal.tidy(|owner, cookie| holds(&mut descriptors, owner, cookie))?;
    let armed = sockets
        .map(|socket| {
            let ns = facts.namespace(socket.ns).map_or(0, |ns| ns.inode);
            let owners = facts.owners_of(socket);
            through(&mut descriptors, facts, socket, |hold, before| {
                let after = what.applied_to(&before);
                if after == before {
                    return Ok(Ok(before));
                }
                let owner = owners.first().copied().unwrap_or(Owner {
                    inode: socket.inode,
                    pid: 0,
                    fd: 0,
                });
                journal.append(&Entry::new(ns, socket.cookie, &owner, &before, &after))?;
                if let Err(error) = set(hold, &after) {
                    // Half set is worse than not: back to what it was.
                    let _ = set(hold, &before);
                    return Err(error);
                }
                Ok(Ok(hold.keepalive()?))
            })
        })
        .collect();
    drop(held);
    Ok(armed)
}

/// Takes back what [`arm`] set on those of `targets` that the journal names.
///
/// # Errors
/// When the journal cannot be read or written.
pub fn disarm(facts: &HostFacts, targets: &[usize], dry_run: bool) -> Result<Vec<Armed>, ArmError> {
    let folder = folder()?;
    let lock = Lock::open(&folder)?;
    let held = lock.take()?;
    let mut journal = Journal::open(&folder)?;
    let mut descriptors = Descriptors::default();
    let mut restored = Vec::new();
    for socket in targets.iter().filter_map(|&at| facts.sockets.get(at)) {
        let Some(entry) = journal.of(socket.cookie) else {
            continue;
        };
        let (then, ours) = (entry.before(), entry.after());
        let armed = through(&mut descriptors, facts, socket, |hold, now| {
            if now != then && now != ours {
                return Ok(Err(Why::Failed {
                    operation: format!("its owner has set {now} since"),
                    error: "left as it is".to_owned(),
                }));
            }
            if now == then || dry_run {
                return Ok(Ok(then));
            }
            set(hold, &then)?;
            Ok(Ok(hold.keepalive()?))
        });
        if !dry_run && armed.refused.is_none() {
            journal.forget(socket.cookie);
        }
        restored.push(armed);
    }
    if !dry_run {
        journal.save()?;
    }
    drop(held);
    Ok(restored)
}

/// Does something to a socket through the first descriptor that leads to it: to
/// the settings before, `act` says those after, or why it leaves them.
fn through(
    descriptors: &mut Descriptors,
    facts: &HostFacts,
    socket: &Socket,
    mut act: impl FnMut(&Hold, Keepalive) -> Result<Result<Keepalive, Why>, SysError>,
) -> Armed {
    let owners = facts.owners_of(socket);
    let mut reason = if owners.is_empty() {
        without_owner(socket)
    } else {
        Why::Vanished
    };
    for owner in owners {
        let result = descriptors.hold(owner).and_then(|hold| {
            if hold.cookie()? != socket.cookie {
                return Ok(None);
            }
            let before = hold.keepalive()?;
            Ok(Some((before, act(&hold, before)?)))
        });
        match result {
            Ok(Some((before, done))) => {
                let refused = done.as_ref().err().cloned();
                let after = done.unwrap_or(before);
                return Armed {
                    cookie: socket.cookie,
                    owner: Some(*owner),
                    before: Fact::Known(before),
                    after: Fact::Known(after),
                    changed: before != after,
                    refused,
                };
            }
            Ok(None) => {}
            Err(error) => reason = why(owner, &error),
        }
    }
    Armed {
        cookie: socket.cookie,
        owner: owners.first().copied(),
        before: Fact::Unknown(reason.clone()),
        after: Fact::Unknown(reason.clone()),
        changed: false,
        refused: Some(reason),
    }
}

/// Sets all that differs. On: keepalive first and the idle time last, so that a
/// connection idle for longer is probed at once. Off: keepalive first too, so
/// that no timer starts.
fn set(hold: &Hold, wanted: &Keepalive) -> Result<(), SysError> {
    let now = hold.keepalive()?;
    if now.user_timeout_ms != wanted.user_timeout_ms {
        hold.set_user_timeout(wanted.user_timeout_ms)?;
    }
    if now.interval_s != wanted.interval_s {
        hold.set_interval(wanted.interval_s)?;
    }
    if now.count != wanted.count {
        hold.set_count(wanted.count)?;
    }
    if now.enabled != wanted.enabled {
        hold.set_keepalive(wanted.enabled)?;
    }
    if now.idle_s != wanted.idle_s || (wanted.enabled && !now.enabled) {
        hold.set_idle(wanted.idle_s)?;
    }
    Ok(())
}
