//! The store of a server that shares its identities with nobody.

use std::future::{pending, ready};

use bytes::Bytes;

use super::{Answer, Conflict, Kick, Kicks, Node, Record, SessionStore, Unavailable};

/// Keeps nothing: what it would say is what the server's own registry says, which decides
/// under the identity's gate and compares and sets epochs of its own.
#[derive(Debug)]
pub(crate) struct Alone;

impl SessionStore for Alone {
    fn get<'a>(&'a self, _: &'a Bytes) -> Answer<'a, Result<Option<Record>, Unavailable>> {
        Box::pin(ready(Ok(None)))
    }

    fn compare_and_set<'a>(
        &'a self,
        _: &'a Bytes,
        _: Option<&'a Record>,
        _: Record,
    ) -> Answer<'a, Result<(), Conflict>> {
        Box::pin(ready(Ok(())))
    }

    fn forget<'a>(&'a self, _: &'a Bytes, _: &'a Record) -> Answer<'a, Result<(), Unavailable>> {
        Box::pin(ready(Ok(())))
    }

    fn kick<'a>(&'a self, _: &'a Node, _: Kick) -> Answer<'a, Result<(), Unavailable>> {
        Box::pin(ready(Ok(())))
    }

    fn kicks(&self, _: &Node) -> Box<dyn Kicks> {
        Box::new(Nobody)
    }
}

/// Kicks nobody.
struct Nobody;

impl Kicks for Nobody {
    fn next(&mut self) -> Answer<'_, Option<Kick>> {
        Box::pin(pending())
    }
}
