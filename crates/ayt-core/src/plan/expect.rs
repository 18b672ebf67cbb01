//! [`expect`]: when a detector finds a death, as a span that every measurement must
//! lie in.

use std::time::Duration;

use super::Ground;
use crate::detectors::adaptive::SearchTerms;
use crate::detectors::{Accrual, AccrualTerms, Terms};
use crate::keepalive::{Effective, Found, Span};

/// A timer of a program's own is late by this much at most on an idle machine: its
/// runtime counts milliseconds and rounds up, and so does `epoll_wait`.
const OWN_TIMER: Duration = Duration::from_millis(3);
/// `ayt probe` looks at most so often while it waits for an answer.
const PROBE_LOOKS: Duration = Duration::from_millis(200);
/// `ayt probe`: the larger of this and four retransmission timeouts.
const PROBE_PATIENCE: Duration = Duration::from_secs(5);
/// `ayt probe` is never less patient.
const PROBE_LEAST: Duration = Duration::from_millis(1_500);

/// What was going on when the peer vanished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Path {
    /// Nothing was in flight. Counted from the last byte (or acknowledgement)
    /// received.
    Idle,
    /// Data is sent after the peer has vanished, on a connection with nothing else
    /// in flight. Counted from that `send`.
    InFlight,
}

/// What finds deaths.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Detector {
    /// The kernel, with what is set: keepalive, a user timeout, both or neither.
    Kernel(Effective),
    /// A heartbeat that the peer has promised ([`crate::detectors::Fixed`], and every
    /// session of `ayt/1`): B·M, and C for the answer. Counted from the last byte
    /// received on either path: what this side sends proves nothing.
    Heartbeat(Terms),
    /// A server that looks every `period` for peers silent for longer than `overdue`.
    Polled {
        /// T: the silence it calls dead.
        overdue: Duration,
        /// How often it looks.
        period: Duration,
    },
    /// [`Accrual`], counted from the last byte received.
    Accrual {
        /// What it works with.
        terms: AccrualTerms,
        /// [`Accrual::overdue`] when the peer vanished; `None` = whatever it has
        /// learnt.
        overdue: Option<Duration>,
    },
    /// A heartbeat whose interval is being searched for between a floor and a
    /// ceiling.
    Adaptive {
        /// The search.
        search: SearchTerms,
        /// M.
        misses: u8,
        /// C.
        challenge: Duration,
    },
    /// `ayt probe`, counted from its first ask on either path.
    Probe {
        /// `--patience`; `None` = the larger of 5 s and four retransmission timeouts.
        patience: Option<Duration>,
    },
}

impl Detector {
    /// No detector at all: keepalive is off, and there is no user timeout.
    #[must_use]
    pub const fn nothing() -> Self {
        Self::user_timeout_is(None)
    }

    /// A user timeout alone.
    #[must_use]
    pub const fn user_timeout(user_timeout: Duration) -> Self {
        Self::user_timeout_is(Some(user_timeout))
    }

    const fn user_timeout_is(user_timeout: Option<Duration>) -> Self {
        Self::Kernel(Effective {
            enabled: false,
            idle: Duration::from_secs(7_200),
            interval: Duration::from_secs(75),
            count: 9,
            user_timeout,
        })
    }
}

/// When the death of a peer that vanished without a word is found, not before and
/// not after. The same function makes the planner's promises and the lab's
/// expectations. A busy machine adds what it takes to run a timer and to wake a
/// program.
///
/// ```
/// # use std::time::Duration;
/// use ayt_core::keepalive::{Kernel, Os, Policy};
/// use ayt_core::plan::{Detector, Ground, Path, expect};
/// let policy: Policy = "2/1/3".parse()?;
/// let plan = Os::Linux.plan(&policy)?;
/// let kernel = Kernel { hz: Some(250), ..Kernel::default() };
/// let ground = Ground::new(Os::Linux, kernel, None);
/// let found = expect(&Detector::Kernel(plan.effective()), Path::Idle, &ground);
/// assert!(found.span().is_some_and(|span| span.contains(Duration::from_millis(5_100))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn expect(detector: &Detector, path: Path, ground: &Ground) -> Found {
    match detector {
        Detector::Kernel(settings) => {
            let detection = ground.detection(settings);
            match path {
                Path::Idle => detection.idle,
                Path::InFlight => detection.in_flight,
            }
        }
        Detector::Heartbeat(terms) => after(terms.detection(), terms.detection(), OWN_TIMER * 2),
        Detector::Polled { overdue, period } => {
            after(*overdue, overdue.saturating_add(*period), OWN_TIMER)
        }
        Detector::Accrual { terms, overdue } => {
            let (least, most) = match overdue {
                Some(overdue) => (*overdue, *overdue),
                None => Accrual::spread(terms),
            };
            let challenge = terms.challenge();
            after(least + challenge, most + challenge, OWN_TIMER * 2)
        }
        Detector::Adaptive {
            search,
            misses,
            challenge,
        } => {
            let silence = |beat: Duration| beat * u32::from((*misses).max(1)) + *challenge;
            let (floor, ceiling) = (search.floor(), search.ceiling());
            after(silence(floor), silence(ceiling), OWN_TIMER * 2)
        }
        Detector::Probe { patience } => {
            let usual = || PROBE_PATIENCE.max(ground.longest_rto() * 4);
            let patience = patience.unwrap_or_else(usual).max(PROBE_LEAST);
            after(patience, patience, PROBE_LOOKS)
        }
    }
}

fn after(earliest: Duration, latest: Duration, late: Duration) -> Found {
    Found::Within(Span {
        earliest,
        latest: latest.saturating_add(late),
    })
}

#[cfg(test)]
mod tests;
