//! Made-up facts for the tests of what people and machines read.

use std::time::Duration;

use ayt_core::fact::{Fact, Partial, Why};
use ayt_core::facts::{
    Cookie, Counters, HostFacts, HostParts, Namespace, NsId, Owner, Owners, Process, Socket,
    Sysctls, TcpInfo, Timer, TimerKind, Unit,
};
use ayt_core::keepalive::Keepalive;
use ayt_core::probe::Refusal;
use ayt_core::tcp_state::TcpState;
use ayt_core::verdict::{Suspicion, Verdict};
use ayt_guard::arm::Armed;
use ayt_guard::probe::{Answer, Choice, Engine};
use ayt_guard::reap::{Outcome, Reaped};

/// A name that would clear the screen, ring, and turn the line around.
pub(crate) const EVIL: &str = "x\u{1b}[2J\u{7}\u{202e}y\n";

const MINUTE: u32 = 60_000;
const HOUR: u32 = 60 * MINUTE;

/// A connection that nothing is wrong with.
fn socket(cookie: u32, state: TcpState, local: &str, remote: &str, idle_ms: u32) -> Socket {
    Socket {
        ns: NsId(0),
        state,
        local: local.parse().expect("an address"),
        remote: remote.parse().expect("an address"),
        cookie: Cookie(0x1000 + u64::from(cookie)),
        inode: 40_000 + cookie,
        interface: 0,
        uid: 999,
        receive_queue: 0,
        send_queue: 0,
        timer: timer(TimerKind::Off, 0, 0),
        shutdown: None,
        tcp: Some(TcpInfo {
            rto_us: 204_000,
            rtt_us: 1_240,
            rttvar_us: 310,
            pmtu: 1500,
            last_data_sent_ms: idle_ms,
            last_data_recv_ms: idle_ms + 3,
            last_ack_recv_ms: idle_ms,
            notsent_bytes: Some(0),
            segs_in: Some(42),
            bytes_received: Some(1_812),
            bytes_acked: Some(96_133),
            snd_wnd: Some(64_240),
            ..TcpInfo::default()
        }),
        memory: None,
        cgroup: None,
    }
}

const fn timer(kind: TimerKind, count: u8, expires_ms: u32) -> Timer {
    Timer {
        kind,
        count,
        expires_ms,
    }
}

fn process(pid: u32, command: &str, systemd: Option<&str>) -> (u32, Process) {
    let process = Process {
        pid,
        parent: 1,
        command: command.to_owned(),
        start_ticks: 1,
        netns: Fact::Known(4_026_531_840),
        unit: Unit {
            systemd: systemd.map(str::to_owned),
            container: None,
            pod: None,
        },
        descriptor_limit: Fact::Known(1024),
        descriptors: Fact::Known(20),
    };
    (pid, process)
}

/// I/V/N, and U in milliseconds.
pub(crate) const fn keepalive(idle_s: u32, user_timeout_ms: u32) -> Keepalive {
    Keepalive {
        enabled: true,
        idle_s,
        interval_s: 5,
        count: 3,
        user_timeout_ms,
    }
}

/// Keepalive off, with the kernel's defaults behind it.
pub(crate) const OFF: Keepalive = Keepalive {
    enabled: false,
    idle_s: 7200,
    interval_s: 75,
    count: 9,
    user_timeout_ms: 0,
};

/// A host with one socket of every kind, the first nine in this order:
/// a listener, an idle connection, an armed IPv6 one with two holders, a leaked
/// CLOSE_WAIT, one in the accept queue, a retransmitting one, a TIME_WAIT, one
/// whose owner is hidden, and one of a container whose program has an evil name.
pub(crate) fn host() -> HostFacts {
    HostFacts::new(parts())
}

/// The parts of [`host`], to be changed.
pub(crate) fn parts() -> HostParts {
    use TcpState::{CloseWait, Established, Listen, TimeWait};
    let ghost = "10.64.0.7:51144";
    let mut sockets = vec![
        socket(1, Listen, "0.0.0.0:6379", "0.0.0.0:0", 0),
        socket(2, Established, "10.64.0.1:6379", ghost, 14 * MINUTE),
        socket(
            3,
            Established,
            "[fd00:a77::1]:22",
            "[fd00:a77::9]:40112",
            9_000,
        ),
        socket(4, CloseWait, "10.64.0.1:8080", "10.64.0.8:33060", 3 * HOUR),
        socket(5, Established, "10.64.0.1:7000", "10.64.0.9:40002", 42_000),
        socket(6, Established, "10.64.0.1:6379", "10.64.0.7:51150", 30_000),
        socket(7, TimeWait, "10.64.0.1:41800", "192.0.2.80:443", 0),
        socket(8, Established, "127.0.0.1:5432", "127.0.0.1:41966", 100),
        socket(9, Established, "172.17.0.2:80", "198.51.100.7:61000", 2_500),
    ];
    sockets[0].receive_queue = 3;
    sockets[0].send_queue = 511;
    if let Some(tcp) = &mut sockets[1].tcp {
        tcp.last_ack_recv_ms = 12_000;
    }
    sockets[2].timer = timer(TimerKind::Keepalive, 0, 51_000);
    sockets[3].receive_queue = 120;
    sockets[4].inode = 0;
    sockets[5].send_queue = 2_048;
    sockets[5].timer = timer(TimerKind::Retransmit, 6, 12_800);
    if let Some(tcp) = &mut sockets[5].tcp {
        tcp.retransmits = 6;
        tcp.backoff = 6;
        tcp.total_retrans = 6;
        tcp.unacked = 2;
        // A kernel of 4.0: the younger fields are not there.
        tcp.segs_in = None;
        tcp.bytes_received = None;
        tcp.bytes_acked = None;
        tcp.notsent_bytes = None;
        tcp.snd_wnd = None;
    }
    sockets[6].inode = 0;
    sockets[6].tcp = None;
    sockets[6].timer = timer(TimerKind::TimeWait, 0, 41_000);
    sockets[8].ns = NsId(1);
    let owner = |cookie: u32, pid, fd| Owner {
        inode: 40_000 + cookie,
        pid,
        fd,
    };
    let hidden = Why::NoRight {
        operation: "duplicate descriptor 5 of pid 2044".to_owned(),
        remedy: "run as root or grant CAP_SYS_PTRACE".to_owned(),
    };
    let settings = [
        (1, Fact::Known(OFF)),
        (2, Fact::Known(OFF)),
        (3, Fact::Known(keepalive(60, 75_000))),
        (4, Fact::Known(keepalive(300, 0))),
        (5, Fact::Unknown(Why::NoDescriptor)),
        (6, Fact::Known(OFF)),
        (8, Fact::Unknown(Why::OwnerHidden)),
        (9, Fact::Unknown(hidden)),
    ];
    HostParts {
        namespaces: vec![namespace(0, "host"), namespace(1, EVIL)],
        sockets,
        owners: Owners::new(vec![
            owner(1, 812, 6),
            owner(2, 812, 9),
            owner(3, 640, 4),
            owner(3, 641, 4),
            owner(4, 913, 11),
            owner(6, 812, 10),
            owner(9, 2044, 5),
        ]),
        processes: [
            process(812, "redis-server", Some("redis.service")),
            process(640, "sshd", Some("ssh.service")),
            process(641, "sshd-session", None),
            process(913, "leaky-server", None),
            process(2044, EVIL, None),
        ]
        .into(),
        keepalive: settings
            .into_iter()
            .map(|(cookie, fact)| (Cookie(0x1000 + cookie), fact))
            .collect(),
        partial: vec![Partial {
            what: "owners of 1 socket are hidden".to_owned(),
            why: "the descriptors of 1 process may not be read, such as /proc/77/fd".to_owned(),
            remedy: "run as root on the host, or grant CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH"
                .to_owned(),
        }],
        ..HostParts::default()
    }
}

fn namespace(id: u16, name: &str) -> Namespace {
    Namespace {
        id: NsId(id),
        inode: 4_026_531_840 + u64::from(id),
        name: name.to_owned(),
        sysctls: Sysctls::default(),
        counters: Fact::Known(Counters::default()),
    }
}

/// One answer of every kind, for the sockets 1, 2, 3, 4, 5, 7 and 8 of [`host`].
pub(crate) fn answers() -> Vec<(usize, Answer)> {
    let answer = |at: usize, verdict, engine, asks| {
        let answer = Answer {
            cookie: Cookie(0x1001 + at as u64),
            verdict,
            engine,
            choice: Choice {
                engine,
                passed_over: Vec::new(),
            },
            numbers: None,
            account: None,
            asks,
            pinned: Vec::new(),
            probes_raised: 0,
        };
        (at, answer)
    };
    let rtt = |micros| Verdict::Alive {
        rtt: Some(Duration::from_micros(micros)),
    };
    let (repair, keepalive) = (Some(Engine::Repair), Some(Engine::Keepalive));
    let mut answers = vec![
        answer(
            1,
            Verdict::Dead(ayt_core::cause::Cause::Unanswered),
            repair,
            3,
        ),
        answer(2, rtt(12_345), repair, 1),
        answer(
            3,
            Verdict::Dead(ayt_core::cause::Cause::PeerReset),
            repair,
            1,
        ),
        answer(4, Verdict::Unknown(Why::NoDescriptor), None, 0),
        answer(5, Verdict::Suspect(Suspicion::Unreachable), keepalive, 2),
        answer(7, Verdict::Unknown(Why::OwnerHidden), None, 0),
        answer(8, Verdict::Alive { rtt: None }, None, 0),
    ];
    answers[1].1.pinned = vec!["idle_s"];
    answers[3].1.choice.passed_over = vec![
        (Engine::Repair, Why::NoDescriptor),
        (Engine::Keepalive, Why::NoDescriptor),
        (Engine::Raw, Refusal::NoRawRight.why()),
    ];
    answers[4].1.probes_raised = 2;
    answers
}

/// What came of arming the sockets 1, 2 and 8 of [`host`]: changed, as it was,
/// refused.
pub(crate) fn armed() -> Vec<(usize, Armed)> {
    let why = Why::NoRight {
        operation: "duplicate descriptor 5 of pid 2044".to_owned(),
        remedy: "run as root or grant CAP_SYS_PTRACE".to_owned(),
    };
    let facts = host();
    let armed = |at: usize, before: Fact<Keepalive>, after: Fact<Keepalive>| {
        let refused = after.why().cloned();
        let armed = Armed {
            cookie: facts.sockets[at].cookie,
            owner: facts.owners_of(&facts.sockets[at]).first().copied(),
            changed: refused.is_none() && before != after,
            before,
            after,
            refused,
        };
        (at, armed)
    };
    vec![
        armed(1, Fact::Known(OFF), Fact::Known(keepalive(60, 20_000))),
        armed(
            2,
            Fact::Known(keepalive(60, 75_000)),
            Fact::Known(keepalive(60, 75_000)),
        ),
        armed(8, Fact::Unknown(why.clone()), Fact::Unknown(why)),
    ]
}

/// Why redis (pid 812) of [`host`] does not answer: two answers, a pool of which one
/// connection is dead, with an evil program beside it; and nothing wrong.
pub(crate) fn whys() -> Vec<ayt_guard::why::Answer> {
    use ayt_core::why::{Scope, explain, limits, subject};
    let answer = |dead: bool, wanted: &str| {
        let mut parts = parts();
        if dead {
            let verdict = Verdict::Dead(ayt_core::cause::Cause::Unanswered);
            parts.verdicts.insert(Cookie(0x1002), verdict);
            parts.inside.asks.insert(Cookie(0x1002), 3);
        }
        let facts = HostFacts::new(parts);
        let scope = Scope {
            here: vec![NsId(0)],
            only: false,
        };
        let wanted = wanted.parse().expect("a subject");
        let exists = |pid| facts.processes.contains_key(&pid);
        let subject = subject::resolve(&facts, &wanted, &scope, &exists).expect("a subject");
        let explanation = explain(&facts, &subject, &limits(), Duration::ZERO);
        ayt_guard::why::Answer {
            explanation,
            facts,
            subject,
            asked: dead.then_some(1),
            interrupted: false,
            undone: 0,
            refused: 0,
        }
    };
    vec![answer(true, "pid:812"), answer(false, "pid:2044")]
}

/// One outcome of every kind, for the sockets 1 to 5 of [`host`].
pub(crate) fn reaped() -> Vec<Reaped> {
    let facts = host();
    let refused = Why::NoRight {
        operation: "destroy a connection".to_owned(),
        remedy: "run as root or grant CAP_NET_ADMIN".to_owned(),
    };
    [
        (1, Outcome::Destroyed),
        (2, Outcome::CameBack),
        (3, Outcome::Destroyed),
        (4, Outcome::AlreadyGone),
        (5, Outcome::Refused(refused)),
    ]
    .map(|(at, outcome)| {
        let socket = &facts.sockets[at];
        Reaped {
            cookie: socket.cookie,
            still_held: match outcome {
                Outcome::AlreadyGone => Vec::new(),
                _ => facts.owners_of(socket).to_vec(),
            },
            outcome,
        }
    })
    .into()
}
