//! Two hosts and what lies between, connections across, and the probe itself.

use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::sync::atomic::AtomicBool;

use ayt_core::cause::Cause;
use ayt_core::facts::HostFacts;
use ayt_core::filter::Filter;
use ayt_core::verdict::Verdict;
use ayt_guard::collect::{Collect, Exact, collect};
use ayt_guard::probe::{Answer, Engine, Probe, Report, probe};
use ayt_testbed::{Direction, Mark, Ns, Packet, Side, Wire};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

use crate::socket;

/// A network namespace with a process in it: that is how ayt finds it.
pub(crate) struct Host {
    pub(crate) ns: Ns,
    anchor: Child,
}

impl Host {
    pub(crate) fn new() -> Self {
        Self::of(Ns::new().expect("a namespace"))
    }

    pub(crate) fn of(ns: Ns) -> Self {
        static LIMIT: Once = Once::new();
        LIMIT.call_once(raise_descriptor_limit);
        // `cat` leaves when its input ends: with this process, however it ends.
        let mut command = Command::new("cat");
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        let anchor = ns.spawn(&mut command).expect("cat");
        Self { ns, anchor }
    }

    /// Listens as most servers do: std sets SO_REUSEADDR.
    pub(crate) fn listen(&self, address: impl Into<IpAddr>) -> TcpListener {
        let address = SocketAddr::new(address.into(), 0);
        self.ns
            .run(|| TcpListener::bind(address).expect("listening"))
    }

    pub(crate) fn connect(&self, to: SocketAddr) -> TcpStream {
        self.ns
            .run(|| TcpStream::connect(to))
            .expect("connecting to the other host")
    }

    /// A look at this host's connections, and at no other's.
    pub(crate) fn look(&self) -> HostFacts {
        collect(&Collect {
            filter: Filter {
                namespaces: vec![self.ns.ino().to_string()],
                ..Filter::default()
            },
            exact: Exact::Always,
            doctor: None,
        })
        .expect("a look at a namespace of our own")
    }

    /// Looks, and asks all connections that can be asked.
    pub(crate) fn ask(&self, how: &Probe) -> Report {
        ask(&self.look(), how)
    }

    /// Asks every connection that has a peer, whatever its state.
    pub(crate) fn ask_all(&self, how: &Probe) -> Report {
        let facts = self.look();
        let has_peer = |at: &usize| facts.sockets[*at].state.has_peer();
        let all: Vec<usize> = (0..facts.sockets.len()).filter(has_peer).collect();
        probe(&facts, &all, how, &AtomicBool::new(false), &mut |_| {})
    }

    /// Asks the only connection that has a peer.
    #[track_caller]
    pub(crate) fn ask_only(&self, how: &Probe) -> Answer {
        let mut report = self.ask_all(how);
        assert_eq!(report.answers.len(), 1, "{:?}", report.answers);
        report.answers.remove(0)
    }

    /// Asks the only connection of this host.
    pub(crate) fn ask_one(&self, how: &Probe) -> Answer {
        let mut report = self.ask(how);
        assert_eq!(report.answers.len(), 1, "one connection on this host");
        report.answers.remove(0)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        drop(self.anchor.stdin.take());
        // It cannot fail for a child of ours that was not waited for.
        let _ = self.anchor.wait();
    }
}

fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised).expect("the hard limit is ours to use");
}

/// The connections of a look that can be asked, as indexes.
pub(crate) fn targets(facts: &HostFacts) -> Vec<usize> {
    let can = |at: &usize| facts.sockets[*at].state.can_be_asked();
    (0..facts.sockets.len()).filter(can).collect()
}

/// Asks all connections of a look that can be asked.
pub(crate) fn ask(facts: &HostFacts, how: &Probe) -> Report {
    ask_until(facts, how, &AtomicBool::new(false))
}

/// As [`ask`], with a flag to stop it.
pub(crate) fn ask_until(facts: &HostFacts, how: &Probe, stop: &AtomicBool) -> Report {
    probe(facts, &targets(facts), how, stop, &mut |_| {})
}

/// Asking with one engine, or with the one that ayt chooses.
pub(crate) fn with(engine: impl Into<Option<Engine>>) -> Probe {
    Probe {
        engine: engine.into(),
        ..Probe::default()
    }
}

/// Does `work` on a thread without these rights; they are a thread's own.
pub(crate) fn without<T: Send>(rights: CapabilitySet, work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let working = scope.spawn(|| {
            let mut sets = capabilities(None).expect("our rights");
            sets.effective.remove(rights);
            sets.permitted.remove(rights);
            set_capabilities(None, sets).expect("giving them up");
            work()
        });
        working.join().expect("the work")
    })
}

pub(crate) fn is_alive(answer: &Answer) -> bool {
    matches!(answer.verdict, Verdict::Alive { .. })
}

#[track_caller]
pub(crate) fn is_dead(answer: &Answer, cause: Cause) {
    assert_eq!(answer.verdict, Verdict::Dead(cause), "{answer:?}");
}

/// Two hosts joined by a wire: `near` is where ayt asks, at side A.
pub(crate) struct Bed {
    pub(crate) near: Host,
    pub(crate) far: Host,
    pub(crate) wire: Wire,
}

/// One connection: `near` was accepted, `far` had connected.
pub(crate) struct Pair {
    pub(crate) near: TcpStream,
    pub(crate) far: TcpStream,
}

impl Bed {
    pub(crate) fn new() -> Self {
        let (near, far) = (Host::new(), Host::new());
        let wire = Wire::join(&near.ns, &far.ns).expect("a wire");
        Self { near, far, wire }
    }

    /// Connections over IPv4; the listener is closed.
    pub(crate) fn pairs(&self, number: usize) -> Vec<Pair> {
        pairs(&self.near, &self.far, self.wire.v4(Side::A), number)
    }

    pub(crate) fn pair(&self) -> Pair {
        self.pairs(1).remove(0)
    }

    /// One over IPv6.
    pub(crate) fn pair6(&self) -> Pair {
        self.pair_of(true)
    }

    pub(crate) fn pair_of(&self, six: bool) -> Pair {
        pairs(&self.near, &self.far, self.near_address(six), 1).remove(0)
    }

    pub(crate) fn near_address(&self, six: bool) -> IpAddr {
        if six {
            self.wire.v6(Side::A)
        } else {
            self.wire.v4(Side::A)
        }
    }

    /// What this side has put on the wire since.
    pub(crate) fn sent_since(&self, mark: Mark) -> Vec<Packet> {
        self.wire
            .packets_since(mark)
            .into_iter()
            .filter(|packet| packet.direction == Direction::AtoB)
            .collect()
    }
}

/// Makes connections to `address` of `near`.
pub(crate) fn pairs(near: &Host, far: &Host, address: IpAddr, number: usize) -> Vec<Pair> {
    let listener = near.listen(address);
    join(&listener, far, number)
}

/// Connects and accepts, one after the other.
pub(crate) fn join(listener: &TcpListener, far: &Host, number: usize) -> Vec<Pair> {
    let to = listener.local_addr().expect("its address");
    far.ns.run(|| {
        (0..number)
            .map(|_| {
                let far = TcpStream::connect(to).expect("connecting");
                let (near, _) = listener.accept().expect("accepting");
                Pair { near, far }
            })
            .collect()
    })
}

impl Pair {
    /// What the near owner sees of its socket, to be compared later.
    pub(crate) fn near_options(&self) -> socket::Options {
        socket::Options::of(&self.near)
    }

    /// Bytes go both ways; returns once they are acknowledged, so that nothing
    /// of theirs is on the wire any more.
    #[track_caller]
    pub(crate) fn carries_data(&mut self) {
        socket::carries(&mut self.near, &mut self.far);
        socket::carries(&mut self.far, &mut self.near);
        socket::wait_quiet(&self.near, 0);
        socket::wait_quiet(&self.far, 0);
    }
}
