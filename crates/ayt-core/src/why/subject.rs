//! What somebody asks about, as written, and what that is on this host.

mod parse;
mod program;
mod queue;

use std::net::SocketAddr;

pub use parse::BadWanted;

use crate::doctor::group::canonical;
use crate::facts::{Cookie, HostFacts, NsId, Socket};
use crate::filter::EndpointFilter;
use crate::tcp_state::TcpState;
use program::programs;

/// What somebody asks about, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// `:7000`, `port:7000`: whoever listens there; else whoever uses it.
    Port(u16),
    /// `pid:812`.
    Pid(u32),
    /// `812`: a port or a process, whichever there is.
    Number(u32),
    /// `nginx`, `command:nginx`.
    Command(String),
    /// `10.0.3.7:51144`, `10.0.3.7`: connections with this at either end, or a
    /// listener bound to it.
    Endpoint(EndpointFilter),
    /// Both ends: this host's and the peer's.
    Pair(SocketAddr, SocketAddr),
    /// `cookie:1a2b`.
    Cookie(Cookie),
    /// A word that may be a command or a cookie.
    Word(String, Cookie),
}

/// Where it is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The namespaces that are meant by "here".
    pub here: Vec<NsId>,
    /// They were named: nothing outside of them is meant.
    pub only: bool,
}

/// What is asked about, found in the facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its name in a sentence: ":7000", "nginx (pid 812)".
    pub name: String,
    /// What was asked.
    pub wanted: Wanted,
    /// The port, where one was asked for.
    pub port: Option<u16>,
    /// The address, where a listener was asked for by one.
    pub address: Option<SocketAddr>,
    /// The namespaces that are meant by "here".
    pub here: Vec<NsId>,
    /// The processes.
    pub pids: Vec<u32>,
    /// Its listeners, as indexes of the facts' sockets.
    pub listeners: Vec<usize>,
    /// Its connections, likewise; those in accept queues too.
    pub connections: Vec<usize>,
}

/// It is not clear what is asked about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    /// There is no such thing.
    #[error("{what}; {hint}")]
    Nothing {
        /// What there is not.
        what: String,
        /// What to try, and what could not be seen.
        hint: String,
    },
    /// There are several.
    #[error("`{asked}` could be {}; say which", .could_be.join(", or "))]
    Ambiguous {
        /// What was asked.
        asked: String,
        /// What it could be, each as it may be written, with what that is.
        could_be: Vec<String>,
    },
}

/// Finds what is asked about. `exists` tells whether there is a process without TCP
/// sockets.
///
/// # Errors
/// When there is no such thing, or there are several.
pub fn resolve(
    facts: &HostFacts,
    wanted: &Wanted,
    scope: &Scope,
    exists: &dyn Fn(u32) -> bool,
) -> Result<Subject, Unresolved> {
    let look = Look {
        facts,
        scope,
        exists,
    };
    match wanted {
        Wanted::Port(port) => Ok(look.port(wanted, *port)),
        Wanted::Pid(pid) => look.pid(wanted, *pid),
        Wanted::Number(number) => look.number(wanted, *number),
        Wanted::Command(name) => look.command(wanted, name),
        Wanted::Endpoint(endpoint) => look.endpoint(wanted, endpoint),
        Wanted::Pair(local, remote) => look.pair(wanted, *local, *remote),
        Wanted::Cookie(cookie) => look.cookie(wanted, *cookie),
        Wanted::Word(name, cookie) => {
            match (look.command(wanted, name), look.cookie(wanted, *cookie)) {
                (Ok(_), Ok(_)) => Err(Unresolved::Ambiguous {
                    asked: name.clone(),
                    could_be: vec![
                        format!("`command:{name}`, a program"),
                        format!("`cookie:{name}`, a connection"),
                    ],
                }),
                (Err(Unresolved::Nothing { .. }), Ok(connection)) => Ok(connection),
                (command, _) => command,
            }
        }
    }
}

struct Look<'a> {
    facts: &'a HostFacts,
    scope: &'a Scope,
    exists: &'a dyn Fn(u32) -> bool,
}

const HINT: &str = "`ayt list` shows what there is";

impl Look<'_> {
    fn subject(&self, wanted: &Wanted, name: String) -> Subject {
        Subject {
            name,
            wanted: wanted.clone(),
            port: None,
            address: None,
            here: self.scope.here.clone(),
            pids: Vec::new(),
            listeners: Vec::new(),
            connections: Vec::new(),
        }
    }

    /// What there is not may merely be hidden.
    fn hint(&self) -> String {
        let hidden = self.facts.partial.iter();
        hidden.fold(HINT.to_owned(), |hint, hidden| {
            format!("{hint}; not seen: {hidden}")
        })
    }

    fn is_here(&self, socket: &Socket) -> bool {
        self.scope.here.contains(&socket.ns)
    }

    /// It is not left out by a named namespace.
    fn is_meant(&self, socket: &Socket) -> bool {
        !self.scope.only || self.is_here(socket)
    }

    /// Indexes of the sockets for which this holds.
    fn all(&self, wanted: impl Fn(&Socket) -> bool) -> Vec<usize> {
        let sockets = self.facts.sockets.iter().enumerate();
        sockets
            .filter(|(_, socket)| wanted(socket))
            .map(|(at, _)| at)
            .collect()
    }

    fn holders(&self, sockets: &[usize]) -> Vec<u32> {
        let mut pids: Vec<u32> = sockets
            .iter()
            .filter_map(|&at| self.facts.sockets.get(at))
            .flat_map(|socket| self.facts.owners_of(socket))
            .map(|owner| owner.pid)
            .collect();
        pids.sort_unstable();
        pids.dedup();
        pids
    }

    fn port(&self, wanted: &Wanted, port: u16) -> Subject {
        let listens =
            |socket: &Socket| socket.state == TcpState::Listen && socket.local.port() == port;
        let here = self.all(|socket| listens(socket) && self.is_here(socket));
        let mut subject = self.subject(wanted, format!(":{port}"));
        subject.port = Some(port);
        if here.is_empty() {
            let used = self.all(|socket| {
                self.is_here(socket)
                    && socket.state != TcpState::Listen
                    && (socket.local.port() == port || socket.remote.port() == port)
            });
            // Nothing here: whoever listens elsewhere is what people mean, unless
            // this is the client's side.
            subject.listeners = match used.is_empty() {
                true => self.all(listens),
                false => Vec::new(),
            };
            if subject.listeners.is_empty() {
                subject.pids = self.holders(&used);
                subject.connections = used;
                return self.with_queues(subject);
            }
        } else {
            subject.listeners = here;
        }
        let namespaces: Vec<NsId> = subject
            .listeners
            .iter()
            .map(|&at| self.facts.sockets[at].ns)
            .collect();
        subject.connections = self.all(|socket| {
            socket.state != TcpState::Listen
                && socket.local.port() == port
                && namespaces.contains(&socket.ns)
        });
        subject.pids = self.holders(&subject.listeners);
        subject
    }

    fn number(&self, wanted: &Wanted, number: u32) -> Result<Subject, Unresolved> {
        let port = u16::try_from(number).ok().filter(|&port| port > 0);
        let by_port = port.map(|port| self.port(wanted, port));
        let used = by_port
            .filter(|subject| !subject.listeners.is_empty() || !subject.connections.is_empty());
        let by_pid = self.pid(wanted, number).ok();
        match (used, by_pid) {
            (Some(used), Some(process)) => Err(Unresolved::Ambiguous {
                asked: number.to_string(),
                could_be: vec![
                    format!("`:{number}`, a port{}", self.of(&used)),
                    format!("`pid:{number}`, {}", process.name),
                ],
            }),
            (Some(used), None) => Ok(used),
            (None, Some(process)) => Ok(process),
            // Nothing listens there, and that may well be the answer.
            (None, None) => match port {
                Some(port) => Ok(self.port(wanted, port)),
                None => Err(Unresolved::Nothing {
                    what: format!("there is no process {number}, and no such port"),
                    hint: self.hint(),
                }),
            },
        }
    }

    fn of(&self, subject: &Subject) -> String {
        match subject.pids.as_slice() {
            [] => String::new(),
            pids => format!(" of {}", super::words::programs(self.facts, pids)),
        }
    }

    fn pid(&self, wanted: &Wanted, pid: u32) -> Result<Subject, Unresolved> {
        if !self.facts.processes.contains_key(&pid) && !(self.exists)(pid) {
            return Err(Unresolved::Nothing {
                what: format!("there is no process {pid}"),
                hint: self.hint(),
            });
        }
        Ok(self.processes(wanted, vec![pid]))
    }

    fn processes(&self, wanted: &Wanted, pids: Vec<u32>) -> Subject {
        let name = super::words::programs(self.facts, &pids);
        let mut subject = self.subject(wanted, name);
        let theirs = |socket: &Socket| {
            let owners = self.facts.owners_of(socket);
            owners.iter().any(|owner| pids.contains(&owner.pid))
        };
        subject.listeners = self.all(|socket| socket.state == TcpState::Listen && theirs(socket));
        let listeners: Vec<Cookie> = subject
            .listeners
            .iter()
            .map(|&at| self.facts.sockets[at].cookie)
            .collect();
        subject.connections = self.all(|socket| {
            let waits = || {
                let listener = self.facts.listener_of(socket);
                listener.is_some_and(|one| listeners.contains(&one.cookie))
            };
            socket.state != TcpState::Listen
                && (theirs(socket) || (socket.never_accepted() && waits()))
        });
        subject.pids = pids;
        subject
    }

    fn command(&self, wanted: &Wanted, name: &str) -> Result<Subject, Unresolved> {
        let meant = |pid: u32| {
            !self.scope.only
                || self.facts.processes.get(&pid).is_some_and(|process| {
                    let inode = process.netns.known();
                    let ns = self
                        .facts
                        .namespaces
                        .iter()
                        .find(|ns| Some(&ns.inode) == inode);
                    ns.is_some_and(|ns| self.scope.here.contains(&ns.id))
                })
        };
        let mut programs = programs(self.facts, name, &meant);
        match programs.len() {
            0 => Err(Unresolved::Nothing {
                what: format!("no process that holds TCP sockets is called `{name}`"),
                hint: self.hint(),
            }),
            1 => Ok(self.processes(wanted, programs.remove(0))),
            _ => Err(Unresolved::Ambiguous {
                asked: name.to_owned(),
                could_be: self.each(wanted, programs),
            }),
        }
    }

    fn each(&self, wanted: &Wanted, programs: Vec<Vec<u32>>) -> Vec<String> {
        const MOST: usize = 12;
        let count = programs.len();
        let mut each: Vec<String> = programs
            .into_iter()
            .take(MOST)
            .map(|pids| {
                let subject = self.processes(wanted, pids);
                let mut ports: Vec<String> = subject
                    .listeners
                    .iter()
                    .map(|&at| format!(":{}", self.facts.sockets[at].local.port()))
                    .collect();
                ports.dedup();
                let on = match ports.as_slice() {
                    [] => String::new(),
                    ports => format!(" on {}", super::words::list(ports)),
                };
                let pid = subject.pids.first().copied().unwrap_or_default();
                format!("`pid:{pid}`, {}{on}", subject.name)
            })
            .collect();
        if count > MOST {
            each.push(format!("one of {} more", count - MOST));
        }
        each
    }

    fn endpoint(&self, wanted: &Wanted, endpoint: &EndpointFilter) -> Result<Subject, Unresolved> {
        // A single host is no network to people.
        let name = endpoint.to_string().replace("/32", "").replace("/128", "");
        let mut subject = self.subject(wanted, name.clone());
        subject.port = endpoint.port();
        subject.address = name.parse().ok();
        subject.listeners = self.all(|socket| {
            socket.state == TcpState::Listen
                && self.is_here(socket)
                && endpoint.matches(socket.local)
        });
        // A wildcard takes what comes for any address of the host.
        if let Some(address) = subject.address
            && subject.listeners.is_empty()
            && self.is_own(address)
        {
            let fits = |socket: &Socket| {
                let local = socket.local.ip().to_canonical();
                socket.state == TcpState::Listen
                    && self.is_here(socket)
                    && socket.local.port() == address.port()
                    && local.is_unspecified()
                    && (socket.local.is_ipv6() || address.is_ipv4())
            };
            subject.listeners = self.all(fits);
        }
        subject.connections = self.all(|socket| {
            socket.state != TcpState::Listen
                && self.is_meant(socket)
                && (endpoint.matches(socket.local) || endpoint.matches(socket.remote))
        });
        subject.pids = self.holders(&subject.listeners);
        if subject.pids.is_empty() {
            subject.pids = self.holders(&subject.connections);
        }
        // On this host, and nothing listens: that is an answer.
        let own = subject.address.is_some_and(|address| self.is_own(address));
        if subject.listeners.is_empty() && subject.connections.is_empty() && !own {
            return Err(Unresolved::Nothing {
                what: format!("no connection has {name} at either end"),
                hint: self.hint(),
            });
        }
        Ok(self.with_queues(subject))
    }

    /// An address of this host, as far as its sockets show: loopback, or one that
    /// some connection here has.
    fn is_own(&self, address: SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        let has = |socket: &Socket| self.is_here(socket) && socket.local.ip().to_canonical() == ip;
        ip.is_loopback() || self.facts.sockets.iter().any(has)
    }

    fn pair(
        &self,
        wanted: &Wanted,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Result<Subject, Unresolved> {
        let found = self.all(|socket| {
            self.is_meant(socket)
                && socket.state != TcpState::Listen
                && canonical(socket.local) == canonical(local)
                && canonical(socket.remote) == canonical(remote)
        });
        self.connection(wanted, found, &format!("{local},{remote}"))
    }

    fn cookie(&self, wanted: &Wanted, cookie: Cookie) -> Result<Subject, Unresolved> {
        let found = self.all(|socket| socket.cookie == cookie && self.is_meant(socket));
        self.connection(wanted, found, &format!("cookie:{:x}", cookie.0))
    }

    fn connection(
        &self,
        wanted: &Wanted,
        found: Vec<usize>,
        asked: &str,
    ) -> Result<Subject, Unresolved> {
        let sockets: Vec<&Socket> = found.iter().map(|&at| &self.facts.sockets[at]).collect();
        match sockets.as_slice() {
            [] => Err(Unresolved::Nothing {
                what: format!("there is no connection {asked}: it may have ended"),
                hint: self.hint(),
            }),
            [one] => {
                let name = format!("{} ↔ {}", canonical(one.local), canonical(one.remote));
                let mut subject = self.subject(wanted, name);
                subject.pids = self.holders(&found);
                if one.state == TcpState::Listen {
                    subject.name = one.local.to_string();
                    subject.port = Some(one.local.port());
                    subject.listeners = found;
                } else {
                    subject.connections = found;
                }
                Ok(self.with_queues(subject))
            }
            many => Err(Unresolved::Ambiguous {
                asked: asked.to_owned(),
                could_be: many
                    .iter()
                    .map(|one| {
                        let ns = self.facts.namespace(one.ns);
                        let ns = ns.map_or("?", |ns| ns.name.as_str());
                        format!("`cookie:{:x}` in namespace {ns}", one.cookie.0)
                    })
                    .collect(),
            }),
        }
    }
}

#[cfg(test)]
mod tests;
