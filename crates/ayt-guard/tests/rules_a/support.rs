//! The common ground: two hosts and a link, a look at one of them, a rule run
//! on what was seen, and /proc as an independent witness of who holds what.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ayt_core::doctor::{Finding, Limits, Outcome, Value, rules};
use ayt_core::facts::{HostFacts, Socket};
use ayt_core::filter::Filter;
use ayt_core::tcp_state::TcpState;
use ayt_guard::collect::{Collect, Exact, collect};
use ayt_guard::probe::{Probe, probe};
use ayt_testbed::{Fixture, Ns, Side, Veth, Wire, eventually};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::thread::UnshareFlags;

pub(crate) type Done = Result<(), Box<dyn Error>>;

/// Long, because a machine with two cores may be building something else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Two hosts; ayt looks at this one, its side of the link is A.
pub(crate) struct Hosts<L> {
    pub(crate) here: Ns,
    pub(crate) far: Ns,
    pub(crate) link: L,
}

impl Hosts<Wire> {
    pub(crate) fn wired() -> Result<Self, Box<dyn Error>> {
        let (here, far) = (Ns::new()?, Ns::new()?);
        let link = Wire::join(&here, &far)?;
        Ok(Self { here, far, link })
    }

    pub(crate) fn at(&self, side: Side, port: u16) -> SocketAddr {
        SocketAddr::new(self.link.v4(side), port)
    }
}

impl Hosts<Veth> {
    pub(crate) fn joined() -> Result<Self, Box<dyn Error>> {
        let (here, far) = (Ns::new()?, Ns::new()?);
        let link = Veth::join(&here, &far)?;
        Ok(Self { here, far, link })
    }

    pub(crate) fn at(&self, side: Side, port: u16) -> SocketAddr {
        SocketAddr::new(self.link.v4(side), port)
    }
}

/// Starts a fixture that listens on every IPv4 address of a host.
pub(crate) fn serve(ns: &Ns, program: &str, options: &[&str]) -> Result<Fixture, Box<dyn Error>> {
    let start = [program, "--bind", "0.0.0.0:0"];
    Ok(Fixture::start(ns, start.iter().chain(options))?)
}

/// Starts a fixture that connects to an address.
pub(crate) fn client(
    ns: &Ns,
    program: &str,
    to: SocketAddr,
    options: &[&str],
) -> Result<Fixture, Box<dyn Error>> {
    let to = to.to_string();
    let start = [program, &to];
    Ok(Fixture::start(ns, start.iter().chain(options))?)
}

/// A connection of this test, made in a namespace.
pub(crate) fn connect(ns: &Ns, to: SocketAddr) -> io::Result<TcpStream> {
    let stream = ns.run(|| TcpStream::connect_timeout(&to, PATIENCE))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A look at one namespace, which some process must be in.
pub(crate) fn look(ns: &Ns) -> HostFacts {
    look_with(ns, Exact::Always)
}

pub(crate) fn look_with(ns: &Ns, exact: Exact) -> HostFacts {
    let what = Collect {
        filter: Filter {
            namespaces: vec![ns.ino().to_string()],
            ..Filter::default()
        },
        exact,
        doctor: Some(Duration::from_secs(1)),
    };
    let facts = collect(&what).expect("a look at this host");
    let foreign = facts
        .sockets
        .iter()
        .find(|socket| facts.namespace(socket.ns).map(|ns| ns.inode) != Some(ns.ino()));
    assert_eq!(foreign, None, "a socket of another namespace");
    facts
}

/// Looks until what was seen is as wanted.
#[track_caller]
pub(crate) fn look_until(ns: &Ns, what: &str, wanted: impl Fn(&HostFacts) -> bool) -> HostFacts {
    eventually(what, PATIENCE, || {
        let facts = look(ns);
        if wanted(&facts) {
            Ok(facts)
        } else {
            Err(format!("{:?}", sketch(&facts)))
        }
    })
}

fn sketch(facts: &HostFacts) -> Vec<String> {
    let line = |socket: &Socket| {
        let quiet = (socket.idle_ms(), socket.age_at_least_ms());
        let Socket {
            state,
            local,
            remote,
            timer,
            inode,
            ..
        } = socket;
        format!("{state:?} {local} {remote} inode {inode} {quiet:?} {timer:?}")
    };
    facts.sockets.iter().map(line).collect()
}

/// The connections on a local port, in this state.
pub(crate) fn on_port(facts: &HostFacts, port: u16, state: TcpState) -> Vec<&Socket> {
    let sockets = facts.sockets.iter();
    sockets
        .filter(|socket| socket.local.port() == port && socket.state == state)
        .collect()
}

/// So many connections were accepted on this port, and no data went since.
pub(crate) fn idle(port: u16, count: usize, least: Duration) -> impl Fn(&HostFacts) -> bool {
    move |facts| {
        let open = on_port(facts, port, TcpState::Established);
        let idle = |socket: &&&Socket| {
            socket.inode != 0
                && socket
                    .idle_ms()
                    .is_some_and(|ms| u128::from(ms) >= least.as_millis())
        };
        open.len() == count && open.iter().filter(idle).count() == count
    }
}

/// Asks every connection that can be asked.
pub(crate) fn ask(facts: HostFacts, patience: Option<Duration>) -> HostFacts {
    ask_for(facts, patience, None)
}

/// Asks, and stops after a while.
pub(crate) fn ask_for(
    facts: HostFacts,
    patience: Option<Duration>,
    length: Option<Duration>,
) -> HostFacts {
    let targets: Vec<usize> = (0..facts.sockets.len())
        .filter(|&at| facts.sockets[at].state.can_be_asked())
        .collect();
    let how = Probe {
        patience,
        ..Probe::default()
    };
    let (stop, start) = (AtomicBool::new(false), Instant::now());
    let report = probe(&facts, &targets, &how, &stop, &mut |_| {
        if length.is_some_and(|length| start.elapsed() >= length) {
            stop.store(true, Ordering::Relaxed);
        }
    });
    let mut parts = facts.into_parts();
    let answers = report.answers.into_iter();
    parts
        .verdicts
        .extend(answers.map(|answer| (answer.cookie, answer.verdict)));
    HostFacts::new(parts)
}

/// Runs one rule.
#[track_caller]
pub(crate) fn run(rule: &str, facts: &HostFacts, limits: &Limits) -> Outcome {
    let rule = rules::by_id(rule).expect("a rule of this name");
    let outcome = (rule.check)(facts, limits);
    for finding in &outcome.findings {
        assert_eq!(finding.rule, rule.id);
        assert!(!finding.summary.ends_with('.'), "{}", finding.summary);
    }
    outcome
}

/// The only finding of a rule.
#[track_caller]
pub(crate) fn only(rule: &str, facts: &HostFacts, limits: &Limits) -> Finding {
    let outcome = run(rule, facts, limits);
    match outcome.findings.as_slice() {
        [finding] => finding.clone(),
        findings => panic!(
            "{} findings: {findings:#?}\n{:#?}",
            findings.len(),
            sketch(facts)
        ),
    }
}

/// Nothing is wrong, and nothing unknown.
#[track_caller]
pub(crate) fn assert_silent(rule: &str, facts: &HostFacts, limits: &Limits) {
    assert_eq!(run(rule, facts, limits), Outcome::default());
}

/// Looks until the rule has one finding, about so many connections.
#[track_caller]
pub(crate) fn found(rule: &str, ns: &Ns, limits: &Limits, count: usize) -> Finding {
    eventually(&format!("{rule} fires on {count}"), PATIENCE, || {
        let facts = look(ns);
        match run(rule, &facts, limits).findings.as_slice() {
            [finding] if finding.connections.len() == count => Ok(finding.clone()),
            others => Err(format!("{others:#?}\n{:#?}", sketch(&facts))),
        }
    })
}

/// The number of a piece of evidence.
#[track_caller]
pub(crate) fn number(finding: &Finding, name: &str) -> u64 {
    match value(finding, name) {
        Value::Count(number) | Value::Bytes(number) | Value::Millis(number) => *number,
        Value::Text(text) => panic!("{name} is a text: {text}"),
    }
}

/// The text of a piece of evidence.
#[track_caller]
pub(crate) fn text<'f>(finding: &'f Finding, name: &str) -> &'f str {
    match value(finding, name) {
        Value::Text(text) => text,
        other => panic!("{name} is no text: {other:?}"),
    }
}

#[track_caller]
fn value<'f>(finding: &'f Finding, name: &str) -> &'f Value {
    let mut evidence = finding.evidence.iter();
    let found = evidence.find(|evidence| evidence.name == name);
    &found
        .unwrap_or_else(|| panic!("no {name}: {finding:#?}"))
        .value
}

/// The finding is about these peers' connections, and about no others.
#[track_caller]
pub(crate) fn assert_peers(finding: &Finding, peers: impl IntoIterator<Item = SocketAddr>) {
    let told: BTreeSet<_> = finding.connections.iter().map(|c| c.remote).collect();
    assert_eq!(told, peers.into_iter().collect(), "{finding:#?}");
    assert_eq!(told.len(), finding.connections.len(), "one twice");
}

/// Every connection of the finding is held by this process, by the descriptors
/// that /proc shows, one each.
#[track_caller]
pub(crate) fn assert_held_by(finding: &Finding, ns: &Ns, pid: u32) {
    let rows = ns.tcp().expect("the namespace's table");
    let mut held = BTreeSet::new();
    for owner in finding.owners.iter().filter(|owner| owner.pid == pid) {
        let link = fs::read_link(format!("/proc/{pid}/fd/{}", owner.fd)).expect("its descriptor");
        assert_eq!(link.to_string_lossy(), format!("socket:[{}]", owner.inode));
        held.insert(u64::from(owner.inode));
    }
    for connection in &finding.connections {
        let row = rows
            .iter()
            .find(|row| (row.local, row.remote) == (connection.local, connection.remote));
        // An answer may have ended it: then the descriptor alone is left.
        assert!(
            row.is_none_or(|row| held.contains(&row.inode)),
            "{finding:#?}"
        );
    }
    assert_eq!(held.len(), finding.connections.len(), "{finding:#?}");
    // A child of this very process, between fork and exec, has copies.
    let others = finding.owners.iter().any(|owner| owner.pid != pid);
    assert!(!others || pid == std::process::id(), "{finding:#?}");
}

/// The near addresses of connections from a host to an address.
pub(crate) fn sources(ns: &Ns, to: SocketAddr) -> Vec<SocketAddr> {
    let rows = ns.tcp().expect("the namespace's table").into_iter();
    rows.filter(|row| row.remote == to)
        .map(|row| row.local)
        .collect()
}

/// A connection without a visible owner, although it has one: its descriptor is
/// on its way in a message that nobody takes.
pub(crate) struct InFlight {
    _ends: [UnixStream; 2],
}

impl InFlight {
    pub(crate) fn hide(stream: TcpStream) -> io::Result<Self> {
        let (from, to) = UnixStream::pair()?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut message = SendAncillaryBuffer::new(&mut space);
        let descriptors = [stream.as_fd()];
        assert!(message.push(SendAncillaryMessage::ScmRights(&descriptors)));
        sendmsg(
            &from,
            &[IoSlice::new(b"x")],
            &mut message,
            SendFlags::empty(),
        )?;
        Ok(Self { _ends: [from, to] })
    }
}

/// Runs `work` on a thread that sees an empty /proc/sys, as in a container that
/// masks it.
pub(crate) fn without_sysctls<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let inside = || {
        #[expect(
            deprecated,
            reason = "the replacement is unsafe because of CLONE_FILES; CLONE_NEWNS alone only moves this thread"
        )]
        rustix::thread::unshare(UnshareFlags::NEWNS).expect("a mount namespace");
        let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        mount_change("/", private).expect("mounts of its own");
        mount("none", "/proc/sys", "tmpfs", MountFlags::RDONLY, None).expect("an empty /proc/sys");
        work()
    };
    thread::scope(|scope| scope.spawn(inside).join())
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
