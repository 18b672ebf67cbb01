//! A finding: what one rule says is wrong.

use std::fmt;
use std::net::SocketAddr;

use super::Rule;
use crate::duration::Ms;
use crate::facts::{Cookie, HostFacts, NsId, Owner, Socket};
use crate::tcp_state::TcpState;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing: it will hurt one day.
    Notice,
    /// It is likely to hurt, or a certain cause is not proved.
    Warning,
    /// It hurts now.
    Critical,
}

impl Severity {
    /// The word for machines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// A number or text with its unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A count.
    Count(u64),
    /// Bytes.
    Bytes(u64),
    /// A duration, milliseconds.
    Millis(u64),
    /// Anything else.
    Text(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Bytes(bytes) => write!(f, "{bytes} B"),
            Self::Millis(ms) => write!(f, "{}", Ms(*ms)),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// One piece of evidence: a name in snake_case (a key of the JSON object; a
/// duration's name ends in `_ms`, bytes in `_bytes`) and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// What was measured.
    pub name: &'static str,
    /// What came out.
    pub value: Value,
}

/// A connection a finding is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Its namespace.
    pub ns: NsId,
    /// Its cookie.
    pub cookie: Cookie,
    /// Its state.
    pub state: TcpState,
    /// This side.
    pub local: SocketAddr,
    /// The peer.
    pub remote: SocketAddr,
    /// What sets it apart within the finding ("waits for 2.2s"); may be empty.
    pub note: String,
}

impl Connection {
    /// The connection of a socket, without a note.
    #[must_use]
    pub fn of(socket: &Socket) -> Self {
        Self {
            ns: socket.ns,
            cookie: socket.cookie,
            state: socket.state,
            local: socket.local,
            remote: socket.remote,
            note: String::new(),
        }
    }

    /// The same with a note.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }
}

/// What one rule says is wrong, for one culprit (process, listener, remote
/// endpoint, host).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule's id.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The verdict in one sentence with the numbers that matter, without a full
    /// stop: "redis-server (pid 812) holds 40 connections whose peers are gone".
    pub summary: String,
    /// The numbers behind it.
    pub evidence: Vec<Evidence>,
    /// Who: descriptors on the sockets concerned.
    pub owners: Vec<Owner>,
    /// The connections concerned, all of them.
    pub connections: Vec<Connection>,
    /// What to do: first the command to paste, where there is one.
    pub remedy: String,
}

impl Finding {
    /// A finding of `rule` with nothing attached yet.
    #[must_use]
    pub fn new(rule: &Rule, severity: Severity, summary: impl Into<String>) -> Self {
        Self {
            rule: rule.id,
            severity,
            summary: summary.into(),
            evidence: Vec::new(),
            owners: Vec::new(),
            connections: Vec::new(),
            remedy: rule.remedy.to_owned(),
        }
    }

    /// Adds a piece of evidence.
    #[must_use]
    pub fn evidence(mut self, name: &'static str, value: Value) -> Self {
        self.evidence.push(Evidence { name, value });
        self
    }

    /// Adds a socket: its connection and its owners.
    #[must_use]
    pub fn socket(self, facts: &HostFacts, socket: &Socket) -> Self {
        self.socket_with_note(facts, socket, String::new())
    }

    /// Adds a socket with a note on it.
    #[must_use]
    pub fn socket_with_note(
        mut self,
        facts: &HostFacts,
        socket: &Socket,
        note: impl Into<String>,
    ) -> Self {
        self.owners.extend_from_slice(facts.owners_of(socket));
        self.connections.push(Connection::of(socket).note(note));
        self
    }

    /// Says what to do here, instead of the rule's general remedy.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }
}
