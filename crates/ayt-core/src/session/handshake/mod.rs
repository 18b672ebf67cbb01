//! Registration: docs/protocol.md, "Registration", as two state machines without
//! I/O, clock or random source. What they need of those, nonces, names, secrets and
//! `now`, is given to them; times are offsets from one origin.
//!
//! - [`Client`]: [`Client::start`] gives HELLO; then [`Client::on_frame`].
//! - [`Server`]: [`Server::on_frame`], and an answer to each question it asks: the
//!   identity's key, the session to resume, whether to admit.
//! - [`negotiate()`]: what the server makes of the client's wishes.
//! - [`ResumeSecrets`]: which secrets of a session a resume may be proved with.

mod client;
mod negotiate;
mod secrets;
mod server;
#[cfg(test)]
mod tests;

pub use client::{
    Client, ClientError, ClientSettings, ClientStep, Credential, Purpose, Resumption,
};
pub use negotiate::{BadBeat, BeatPolicy, Terms, TermsPolicy, negotiate};
pub use secrets::ResumeSecrets;
pub use server::{Admission, Misuse, Request, ResumeRequest, Server, ServerStep};

use std::time::Duration;

use super::codec::bounds::REGISTRATION;

/// A registration deadline outside of 100 ms to 60 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a registration deadline of {0:?}: it must be 100 ms to 60 s")]
pub struct BadDeadline(pub Duration);

/// The moment at which a registration that begins now is late. It never moves: bytes
/// that trickle in buy no time.
fn deadline(now: Duration, after: Duration) -> Result<Duration, BadDeadline> {
    if !REGISTRATION.contains(&after) {
        return Err(BadDeadline(after));
    }
    Ok(now.saturating_add(after))
}
