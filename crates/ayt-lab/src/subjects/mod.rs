//! Who is at both ends of a connection: programs that the lab starts on its hosts.
//!
//! A subject is a process of its own, so that it can be killed and frozen for real. It
//! is this program again in a hidden role ([`main_if_subject`]); it gets its [`Spec`] as
//! an argument, orders on standard input, and tells what happens to it on standard
//! output, a JSON object a line, with times of the lab's clock.

mod agent;
mod hub;
mod line;
mod session;

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use agent::{Agent, NotSeen};

/// The first argument of a process that is a subject.
pub const ROLE: &str = "lab-subject";

/// What a subject is to be.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Spec {
    /// The lab's origin in the shared clock, ns.
    pub origin_ns: u64,
    /// Server or client.
    pub part: Part,
    /// The detector in force on its connections, with its settings.
    pub watch: Option<(String, String)>,
    /// It sends a beat this often.
    pub beat_ms: Option<u64>,
    /// It reads what comes.
    pub reads: bool,
    /// It closes when the peer has closed.
    pub closes: bool,
}

/// Server or client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// It listens here.
    Server {
        /// Where.
        listen: SocketAddr,
        /// It takes connections out of its accept queue.
        accepts: bool,
    },
    /// It connects there.
    Client {
        /// Whereto.
        connect: SocketAddr,
    },
}

/// Something that happened to a subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When, in the lab's time, ns.
    pub at_ns: u64,
    /// On which of its connections, counted from 0.
    pub connection: usize,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// It listens.
    Listening(SocketAddr),
    /// There is a connection: local, remote.
    Connected(SocketAddr, SocketAddr),
    /// Bytes were read.
    Received(usize),
    /// Bytes are being written; the retransmission timeout just before, µs.
    Sending(usize, u32),
    /// The peer is overdue and has been asked; after this silence, ns.
    Suspects(u64),
    /// Its own timer was late by so much, ns: nothing was judged.
    WasLate(u64),
    /// A search has ended.
    Settled {
        /// Heartbeats go out this often from now on, ns.
        interval_ns: u64,
        /// The longest silence that was survived, ns.
        survived_ns: Option<u64>,
    },
    /// The connection has ended: the error's number, where there was one, and the cause.
    Ended(Option<i32>, String),
    /// Something that must not happen.
    Failed(String),
}

impl Event {
    /// When, in the lab's time.
    #[must_use]
    pub const fn at(&self) -> Duration {
        Duration::from_nanos(self.at_ns)
    }
}

impl std::fmt::Display for What {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Listening(at) => write!(out, "listens on {at}"),
            Self::Connected(_, peer) => write!(out, "is connected with {peer}"),
            Self::Received(count) => write!(out, "reads {count} bytes"),
            Self::Sending(count, _) => write!(out, "sends {count} bytes"),
            Self::Suspects(_) => out.write_str("suspects its peer and asks"),
            Self::WasLate(ns) => write!(out, "its own timer was {} ms late", ns / 1_000_000),
            Self::Settled { interval_ns, .. } => {
                write!(out, "settles on {} ms", interval_ns / 1_000_000)
            }
            Self::Ended(_, cause) => write!(out, "knows the end: {cause}"),
            Self::Failed(why) => write!(out, "failed: {why}"),
        }
    }
}

/// Runs the subject that the arguments ask for, to its end; returns at once where they
/// ask for none. Call it first thing in main.
pub fn main_if_subject() {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some(ROLE) => {}
        Some(crate::claims::LEAKS) => {
            let rest: Vec<String> = arguments.collect();
            std::process::exit(crate::claims::leaks(&rest));
        }
        _ => return,
    }
    let spec = arguments.next().unwrap_or_default();
    std::process::exit(match serde_json::from_str(&spec) {
        Ok(spec) => hub::run(spec),
        Err(_) => 2,
    });
}
