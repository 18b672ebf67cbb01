//! The way to a socket: through any of the descriptors that lead to it.

use std::collections::BTreeSet;

use ayt_core::fact::Why;
use ayt_core::facts::{Cookie, Owner, Owners};
use ayt_sys::{Descriptors, Hold, scan_proc};

use crate::collect::why;

/// Duplicates the first of these descriptors that leads to this very socket. A
/// duplicate leads there as long as it is held, whatever its owner does.
///
/// # Errors
/// `Vanished`, or why the last one could not be looked at.
pub(super) fn hold<'o>(
    descriptors: &mut Descriptors,
    owners: impl Iterator<Item = &'o Owner>,
    cookie: Cookie,
) -> Result<Hold, Why> {
    let mut reason = Why::Vanished;
    for owner in owners {
        match descriptors.hold(owner) {
            Ok(hold) if hold.cookie().is_ok_and(|now| now == cookie) => return Ok(hold),
            Ok(_) => {}
            Err(error) if error.is_gone() => {}
            Err(error) => reason = why(owner, &error),
        }
    }
    Err(reason)
}

/// Who holds these sockets now, from a new pass over /proc.
pub(super) fn find_again(inodes: &BTreeSet<u32>) -> Owners {
    let mut owners = scan_proc().map_or_else(|_| Vec::new(), |scan| scan.owners);
    owners.retain(|owner| inodes.contains(&owner.inode));
    Owners::new(owners)
}
