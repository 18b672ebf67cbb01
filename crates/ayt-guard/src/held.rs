//! Does a descriptor still lead to a connection?

use ayt_core::facts::{Cookie, Owner};
use ayt_sys::Descriptors;

/// Whether an owner still holds a descriptor on the connection. One that may not be
/// looked at counts as held.
pub(crate) fn holds(descriptors: &mut Descriptors, owner: &Owner, cookie: Cookie) -> bool {
    match descriptors.hold(owner).and_then(|hold| hold.cookie()) {
        Ok(found) => found == cookie,
        Err(error) => !error.is_gone(),
    }
}
