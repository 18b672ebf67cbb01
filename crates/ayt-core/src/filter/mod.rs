//! Which connections a command is about. All conditions must hold; within one
//! condition, any of its values.

mod endpoint;

use std::time::Duration;

pub use endpoint::{BadEndpoint, EndpointFilter};

use crate::facts::{HostFacts, Socket};
use crate::tcp_state::TcpState;

/// Conditions on a connection. Empty means: all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// State is one of these.
    pub states: Vec<TcpState>,
    /// This side matches one of these.
    pub local: Vec<EndpointFilter>,
    /// The peer matches one of these.
    pub peer: Vec<EndpointFilter>,
    /// A descriptor is held by one of these processes.
    pub pids: Vec<u32>,
    /// A descriptor is held by a process whose command contains one of these.
    pub commands: Vec<String>,
    /// The namespace has one of these names, or inode numbers.
    pub namespaces: Vec<String>,
    /// No data went either way for at least this long.
    pub idle_over: Option<Duration>,
}

impl Filter {
    /// No condition at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the conditions that need only the socket itself hold.
    #[must_use]
    pub fn matches_socket(&self, socket: &Socket) -> bool {
        let any = |filters: &[EndpointFilter], address| {
            filters.is_empty() || filters.iter().any(|filter| filter.matches(address))
        };
        (self.states.is_empty() || self.states.contains(&socket.state))
            && any(&self.local, socket.local)
            && any(&self.peer, socket.remote)
            && self.idle_over.is_none_or(|over| {
                socket
                    .idle_ms()
                    .is_some_and(|idle| u128::from(idle) >= over.as_millis())
            })
    }

    /// Whether all conditions hold.
    #[must_use]
    pub fn matches(&self, facts: &HostFacts, socket: &Socket) -> bool {
        self.matches_socket(socket)
            && self.matches_namespace(facts, socket)
            && self.matches_owner(facts, socket)
    }

    /// Whether the condition on the namespace holds.
    #[must_use]
    pub fn matches_namespace(&self, facts: &HostFacts, socket: &Socket) -> bool {
        self.namespaces.is_empty()
            || facts
                .namespace(socket.ns)
                .is_some_and(|ns| self.wants_namespace(&ns.name, ns.inode))
    }

    /// Whether a namespace of this name and inode number is wanted.
    #[must_use]
    pub fn wants_namespace(&self, name: &str, inode: u64) -> bool {
        self.namespaces.is_empty()
            || self
                .namespaces
                .iter()
                .any(|wanted| wanted == name || wanted.parse() == Ok(inode))
    }

    /// Whether the conditions on who holds a descriptor hold.
    #[must_use]
    pub fn matches_owner(&self, facts: &HostFacts, socket: &Socket) -> bool {
        if self.pids.is_empty() && self.commands.is_empty() {
            return true;
        }
        facts.owners_of(socket).iter().any(|owner| {
            let by_pid = self.pids.is_empty() || self.pids.contains(&owner.pid);
            let by_command = self.commands.is_empty()
                || facts.process(owner).is_some_and(|process| {
                    self.commands
                        .iter()
                        .any(|wanted| process.command.contains(wanted.as_str()))
                });
            by_pid && by_command
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::sample::{Sample, socket};

    fn facts() -> HostFacts {
        Sample::new()
            .owned(
                socket(1, TcpState::Established, "10.0.0.1:80", "10.0.0.2:4000"),
                812,
                "nginx",
                9,
            )
            .unowned(socket(
                2,
                TcpState::Established,
                "10.0.0.1:80",
                "10.9.0.2:4001",
            ))
            .facts()
    }

    fn matching(filter: &Filter) -> Vec<u64> {
        let facts = facts();
        facts
            .sockets
            .iter()
            .filter(|socket| filter.matches(&facts, socket))
            .map(|socket| socket.cookie.0)
            .collect()
    }

    #[test]
    fn conditions_narrow_and_values_widen() {
        assert_eq!(matching(&Filter::default()), [1, 2]);
        let by_command = Filter {
            commands: vec!["ngin".into()],
            ..Filter::default()
        };
        assert_eq!(matching(&by_command), [1]);
        let two_peers = Filter {
            peer: vec!["10.0.0.2".parse().unwrap(), "10.9.0.0/16".parse().unwrap()],
            ..Filter::default()
        };
        assert_eq!(matching(&two_peers), [1, 2]);
        let both = Filter {
            pids: vec![812],
            ..two_peers
        };
        assert_eq!(matching(&both), [1]);
    }

    #[test]
    fn idle_and_namespace_and_state() {
        let idle = |s| Filter {
            idle_over: Some(Duration::from_secs(s)),
            ..Filter::default()
        };
        assert_eq!(matching(&idle(1)), [1, 2]);
        assert!(matching(&idle(2)).is_empty());
        for (name, count) in [("host", 2), ("4026531840", 2), ("other", 0)] {
            let filter = Filter {
                namespaces: vec![name.into()],
                ..Filter::default()
            };
            assert_eq!(matching(&filter).len(), count, "{name}");
        }
        let listen = Filter {
            states: vec![TcpState::Listen],
            ..Filter::default()
        };
        assert!(matching(&listen).is_empty());
    }
}
