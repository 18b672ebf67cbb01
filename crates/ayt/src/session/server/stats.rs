//! What a server counts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use ayt_core::cause::Cause;
use ayt_core::session::frame::Reason;

#[cfg(feature = "tls")]
use crate::tls::Failure;

/// Every reason that a refusal may have.
const REASONS: [Reason; 12] = [
    Reason::Done,
    Reason::ShuttingDown,
    Reason::Superseded,
    Reason::HeartbeatMissed,
    Reason::ProtocolError,
    Reason::NotAuthorised,
    Reason::IdentityInUse,
    Reason::Flapping,
    Reason::Overloaded,
    Reason::TooLate,
    Reason::Version,
    Reason::Kicked,
];

/// Counters: each grows by itself, so that a snapshot is not of one instant.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) accepted: AtomicU64,
    pub(super) accept_errors: AtomicU64,
    refused: [AtomicU64; REASONS.len()],
    #[cfg(feature = "tls")]
    tls: [AtomicU64; Failure::ALL.len()],
    pub(super) gone: AtomicU64,
    pub(super) registered: AtomicU64,
    pub(super) resumed: AtomicU64,
    pub(super) spares: AtomicU64,
    pub(super) takeovers: AtomicU64,
    pub(super) flapping: AtomicU64,
    ended: [AtomicU64; Cause::ALL.len()],
    lost: [AtomicU64; Cause::ALL.len()],
}

pub(super) fn one_more(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

impl Counters {
    pub(super) fn refused(&self, reason: Reason) {
        if let Some(at) = REASONS.iter().position(|one| *one == reason) {
            one_more(&self.refused[at]);
        }
    }

    #[cfg(feature = "tls")]
    pub(super) fn tls_failed(&self, failure: Failure) {
        if let Some(at) = Failure::ALL.iter().position(|one| *one == failure) {
            one_more(&self.tls[at]);
        }
    }

    pub(super) fn ended(&self, cause: Cause) {
        count(&self.ended, cause);
    }

    pub(super) fn lost(&self, cause: Cause) {
        count(&self.lost, cause);
    }

    pub(super) fn snapshot(&self, now: Now) -> Stats {
        let causes = |counters: &[AtomicU64; Cause::ALL.len()]| {
            let all = Cause::ALL.into_iter().zip(counters);
            all.map(|(cause, n)| (cause, n.load(Relaxed)))
                .filter(|(_, n)| *n > 0)
                .collect()
        };
        Stats {
            accepted: self.accepted.load(Relaxed),
            accept_errors: self.accept_errors.load(Relaxed),
            refused: REASONS
                .into_iter()
                .zip(&self.refused)
                .map(|(reason, n)| (reason, n.load(Relaxed)))
                .filter(|(_, n)| *n > 0)
                .collect(),
            #[cfg(feature = "tls")]
            tls_failed: Failure::ALL
                .into_iter()
                .zip(&self.tls)
                .map(|(failure, n)| (failure, n.load(Relaxed)))
                .filter(|(_, n)| *n > 0)
                .collect(),
            gone: self.gone.load(Relaxed),
            registered: self.registered.load(Relaxed),
            resumed: self.resumed.load(Relaxed),
            spares: self.spares.load(Relaxed),
            takeovers: self.takeovers.load(Relaxed),
            flapping: self.flapping.load(Relaxed),
            ended: causes(&self.ended),
            lost: causes(&self.lost),
            now,
        }
    }
}

fn count(counters: &[AtomicU64; Cause::ALL.len()], cause: Cause) {
    if let Some(at) = Cause::ALL.iter().position(|one| *one == cause) {
        one_more(&counters[at]);
    }
}

/// What there is at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// Connections that have not registered.
    pub unregistered: usize,
    /// Connections of sessions: live, and being drained.
    pub connections: usize,
    /// Sessions without a connection.
    pub parked: usize,
    /// Spare connections.
    pub spares: usize,
    /// Tasks of this server.
    pub tasks: usize,
    /// New sessions that wait for `accept`.
    pub waiting: usize,
}

/// What a server has done since it started, and what there is now. Counters only grow.
/// They are read one after the other, without stopping the server: the sum may be off
/// by what happened meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Connections that were taken on, from the listener or by hand.
    pub accepted: u64,
    /// Times that accepting failed: descriptors, memory, a socket that
    /// [could not be set up](super::ServerBuilder::on_socket).
    pub accept_errors: u64,
    /// Refused connections, by what REFUSE said.
    pub refused: Vec<(Reason, u64)>,
    /// Connections closed because TLS failed, by failure; with
    /// [`Failure::TooLate`] those whose handshake was not over by the registration
    /// deadline. They are in no other counter but `accepted`.
    #[cfg(feature = "tls")]
    pub tls_failed: Vec<(Failure, u64)>,
    /// Connections whose client left before it was registered.
    pub gone: u64,
    /// New sessions.
    pub registered: u64,
    /// Sessions resumed.
    pub resumed: u64,
    /// Spare connections registered.
    pub spares: u64,
    /// Live sessions whose place a newer one has taken.
    pub takeovers: u64,
    /// Times that an identity was found to be taken over again and again.
    pub flapping: u64,
    /// Sessions that are over, by cause: of one that was not resumed in time, why its
    /// last connection ended.
    pub ended: Vec<(Cause, u64)>,
    /// Connections of sessions that ended, by cause; of those whose session moved to
    /// another connection, none.
    pub lost: Vec<(Cause, u64)>,
    /// What there is now.
    pub now: Now,
}

impl Stats {
    /// How many connections were refused for this reason.
    #[must_use]
    pub fn refused(&self, reason: Reason) -> u64 {
        let found = self.refused.iter().find(|(one, _)| *one == reason);
        found.map_or(0, |(_, n)| *n)
    }

    /// How many connections were closed because TLS failed in this way.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls_failed(&self, failure: Failure) -> u64 {
        let found = self.tls_failed.iter().find(|(one, _)| *one == failure);
        found.map_or(0, |(_, n)| *n)
    }

    /// How many sessions ended of this cause.
    #[must_use]
    pub fn ended(&self, cause: Cause) -> u64 {
        let found = self.ended.iter().find(|(one, _)| *one == cause);
        found.map_or(0, |(_, n)| *n)
    }
}
