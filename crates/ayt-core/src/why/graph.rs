//! The chain of causes as a graph.

use crate::doctor::{Evidence, Value};
use crate::facts::{HostFacts, Owner, Socket};

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A process.
    Process,
    /// A thread of one.
    Thread,
    /// A descriptor of one.
    Descriptor,
    /// A connection.
    Connection,
    /// A socket that listens.
    Listener,
    /// The other end of a connection.
    Peer,
    /// An accept queue, with who waits in it.
    Queue,
    /// A bound of the kernel's or of a process.
    Limit,
    /// A lock in a program's memory.
    Lock,
    /// A network namespace.
    Namespace,
}

impl Kind {
    /// The word for machines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Thread => "thread",
            Self::Descriptor => "descriptor",
            Self::Connection => "connection",
            Self::Listener => "listener",
            Self::Peer => "peer",
            Self::Queue => "queue",
            Self::Limit => "limit",
            Self::Lock => "lock",
            Self::Namespace => "namespace",
        }
    }
}

/// How one node concerns another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
    /// A process holds a descriptor, a listener or a connection.
    Holds,
    /// A process has a thread.
    Runs,
    /// A thread is blocked in a call on something.
    BlockedIn,
    /// Something waits for another thing.
    WaitsFor,
    /// A descriptor is one end of a connection, a connection ends at a peer.
    LeadsTo,
    /// A peer was asked; the evidence says what came of it.
    Asked,
    /// Clients wait in a queue behind something.
    QueuesAt,
    /// A process has reached a limit.
    Reached,
    /// A process has inherited what another one opened.
    Inherited,
    /// It lies in a namespace.
    LiesIn,
}

impl Relation {
    /// The word for machines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Runs => "runs",
            Self::BlockedIn => "blocked_in",
            Self::WaitsFor => "waits_for",
            Self::LeadsTo => "leads_to",
            Self::Asked => "asked",
            Self::QueuesAt => "queues_at",
            Self::Reached => "reached",
            Self::Inherited => "inherited",
            Self::LiesIn => "lies_in",
        }
    }
}

/// A thing in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name within the graph: kind, colon, and what tells it from others.
    pub id: String,
    /// What it is.
    pub kind: Kind,
    /// Its name for people.
    pub name: String,
    /// What was measured of it.
    pub evidence: Vec<Evidence>,
}

/// One concerns the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The node's id.
    pub from: String,
    /// The other's.
    pub to: String,
    /// How.
    pub relation: Relation,
    /// What shows it.
    pub evidence: Vec<Evidence>,
}

/// Nodes, each once, and edges, each once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Graph {
    /// The things.
    pub nodes: Vec<Node>,
    /// How they concern each other.
    pub edges: Vec<Edge>,
}

impl Graph {
    /// Adds a node, or what is new of it, and returns its id.
    pub(super) fn node(
        &mut self,
        kind: Kind,
        key: impl std::fmt::Display,
        name: impl Into<String>,
        evidence: Vec<Evidence>,
    ) -> String {
        let id = format!("{}:{key}", kind.name());
        match self.nodes.iter_mut().find(|node| node.id == id) {
            Some(node) => add(&mut node.evidence, evidence),
            None => self.nodes.push(Node {
                id: id.clone(),
                kind,
                name: name.into(),
                evidence,
            }),
        }
        id
    }

    /// Adds an edge.
    pub(super) fn edge(&mut self, from: &str, relation: Relation, to: &str, more: Vec<Evidence>) {
        let same =
            |edge: &&mut Edge| edge.from == from && edge.to == to && edge.relation == relation;
        match self.edges.iter_mut().find(same) {
            Some(edge) => add(&mut edge.evidence, more),
            None => self.edges.push(Edge {
                from: from.to_owned(),
                to: to.to_owned(),
                relation,
                evidence: more,
            }),
        }
    }

    /// Adds another graph.
    pub(super) fn merge(&mut self, other: &Self) {
        for node in &other.nodes {
            match self.nodes.iter_mut().find(|one| one.id == node.id) {
                Some(one) => add(&mut one.evidence, node.evidence.clone()),
                None => self.nodes.push(node.clone()),
            }
        }
        for edge in &other.edges {
            self.edge(&edge.from, edge.relation, &edge.to, edge.evidence.clone());
        }
    }

    /// A process.
    pub(super) fn process(&mut self, facts: &HostFacts, pid: u32) -> String {
        let name = super::words::program(facts, pid);
        self.node(Kind::Process, pid, name, Vec::new())
    }

    /// A socket, with its peer where it is a connection.
    pub(super) fn socket(&mut self, socket: &Socket) -> String {
        let key = format!("{:x}", socket.cookie.0);
        let state = vec![text("state", socket.state.name())];
        if socket.state == crate::tcp_state::TcpState::Listen {
            return self.node(Kind::Listener, key, socket.local.to_string(), state);
        }
        let name = format!("{} ↔ {}", socket.local, socket.remote);
        let id = self.node(Kind::Connection, key, name, state);
        let peer = self.node(
            Kind::Peer,
            socket.remote,
            socket.remote.to_string(),
            Vec::new(),
        );
        self.edge(&id, Relation::LeadsTo, &peer, Vec::new());
        id
    }

    /// A connection and what its peer answered, where it was asked; the connection's id.
    pub(super) fn asked(&mut self, facts: &HostFacts, socket: &Socket) -> String {
        let id = self.socket(socket);
        if let Some(verdict) = facts.verdict_of(socket) {
            let asks = facts.inside.asks.get(&socket.cookie);
            let mut evidence = vec![text("verdict", verdict.name())];
            evidence.extend(verdict.cause_name().map(|cause| text("cause", cause)));
            evidence.extend(asks.map(|&asks| Evidence {
                name: "asks",
                value: Value::Count(asks.into()),
            }));
            let peer = format!("peer:{}", socket.remote);
            self.edge(&id, Relation::Asked, &peer, evidence);
        }
        id
    }

    /// A process with a descriptor that leads to a socket; the descriptor's id.
    pub(super) fn descriptor(
        &mut self,
        facts: &HostFacts,
        owner: &Owner,
        socket: &Socket,
    ) -> String {
        let process = self.process(facts, owner.pid);
        let key = format!("{}/{}", owner.pid, owner.fd);
        let name = format!("descriptor {}", owner.fd);
        let id = self.node(Kind::Descriptor, key, name, Vec::new());
        let to = self.socket(socket);
        self.edge(&process, Relation::Holds, &id, Vec::new());
        self.edge(&id, Relation::LeadsTo, &to, Vec::new());
        id
    }
}

fn add(to: &mut Vec<Evidence>, more: Vec<Evidence>) {
    for one in more {
        if !to.iter().any(|known| known.name == one.name) {
            to.push(one);
        }
    }
}

/// A text as evidence.
pub(super) fn text(name: &'static str, value: impl Into<String>) -> Evidence {
    Evidence {
        name,
        value: Value::Text(value.into()),
    }
}
