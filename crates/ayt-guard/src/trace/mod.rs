//! Drives [`ayt_core::trace`]: segments in a connection's own name with few hops
//! to live, by the raw engine's sockets. Nothing of the socket is touched.

mod numbers;
mod run;

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use ayt_core::facts::{HostFacts, Socket};
use ayt_core::trace::{End, Flow, Picture, Settings};
use ayt_sys::SysError;
use ayt_sys::wire::packet::FourTuple;

use crate::places;
use crate::probe::four_tuple;

/// What came of a trace.
#[derive(Debug, Clone)]
pub struct Report {
    /// The path.
    pub picture: Picture,
    /// It was stopped before its end.
    pub interrupted: bool,
    /// The connection ended meanwhile: it was asked no more from then on.
    pub gone: bool,
    /// From the first ask until the end of the path was known.
    pub first_picture: Option<Duration>,
    /// More passed than could be looked at: answers may have been missed.
    pub missed: bool,
    /// The peer answers, and this host drops that before TCP has it.
    pub unheard: bool,
    /// Why some asks could not be sent.
    pub unsent: Option<String>,
}

impl Report {
    /// That nothing was asked of this connection, and why.
    #[must_use]
    pub fn unasked(socket: &Socket, why: &TraceError) -> Self {
        let FourTuple { local, remote } = four_tuple(socket);
        Self {
            picture: Picture {
                flow: Flow { local, remote },
                rounds: 0,
                hops: Vec::new(),
                end: End::Open,
                back_open: false,
                full: None,
                last: true,
            },
            interrupted: false,
            gone: matches!(why, TraceError::Gone),
            first_picture: None,
            missed: false,
            unheard: false,
            unsent: Some(why.to_string()),
        }
    }
}

/// Nothing could be asked.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// A right is missing.
    #[error("no right to {operation}: run as root or grant CAP_NET_RAW")]
    NoRight {
        /// For what.
        operation: String,
    },
    /// The connection was gone when it was to be asked.
    #[error("the connection has ended")]
    Gone,
    /// Its sequence numbers could not be learnt.
    #[error(
        "its sequence numbers could not be learnt from this host's kernel ({0}): without them \
         firewalls and NATs would not take the asks for the connection's own"
    )]
    Numbers(&'static str),
    /// This host has no way to the peer.
    #[error("this host has no way to the peer: {0}")]
    NoWay(String),
    /// Something else failed.
    #[error("{0}")]
    Failed(String),
}

impl TraceError {
    fn of(error: &SysError, operation: &str) -> Self {
        if error.is_refused() {
            Self::NoRight {
                operation: operation.to_owned(),
            }
        } else {
            Self::Failed(error.to_string())
        }
    }
}

/// Traces the connection `facts.sockets[at]`. With [`Settings::full_size`] the
/// size is that of the connection's own packets, whatever is set.
///
/// `stop` ends it early. `on_progress` is called with every change, and now and
/// then without.
///
/// # Errors
/// When nothing could be asked at all.
pub fn trace(
    facts: &HostFacts,
    at: usize,
    how: &Settings,
    stop: &AtomicBool,
    on_progress: &mut dyn FnMut(&Picture),
) -> Result<Report, TraceError> {
    let socket = facts.sockets.get(at).ok_or(TraceError::Gone)?;
    let namespaces = BTreeSet::from([socket.ns]);
    let place = places::open(facts, &namespaces).remove(&socket.ns);
    let place = place
        .ok_or(TraceError::Gone)?
        .map_err(|error| TraceError::of(&error, "enter its network namespace"))?;
    run::run(socket, place, how, stop, on_progress)
}
