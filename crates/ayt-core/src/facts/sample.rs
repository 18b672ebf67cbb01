//! Made-up facts for unit tests of filters and rules.

use std::collections::BTreeMap;

use super::{
    Cookie, Counters, HostFacts, HostParts, Memory, Namespace, NsId, Owner, Owners, Process,
    Socket, Sysctls, TcpInfo, Timer, TimerKind, Unit,
};
use crate::fact::Fact;
use crate::keepalive::Keepalive;
use crate::tcp_state::TcpState;
use crate::verdict::Verdict;

/// The host's own namespace.
pub(crate) const HOST: NsId = NsId(0);

/// An idle connection `local → remote` in `state`, with its own cookie; inode
/// equals the cookie, quiet for one second.
pub(crate) fn socket(cookie: u32, state: TcpState, local: &str, remote: &str) -> Socket {
    Socket {
        ns: HOST,
        state,
        local: local.parse().expect("a local address"),
        remote: remote.parse().expect("a remote address"),
        cookie: Cookie(u64::from(cookie)),
        inode: cookie,
        interface: 0,
        uid: 0,
        receive_queue: 0,
        send_queue: 0,
        timer: Timer {
            kind: TimerKind::Off,
            count: 0,
            expires_ms: 0,
        },
        shutdown: None,
        tcp: Some(TcpInfo {
            rto_us: 204_000,
            rtt_us: 1_000,
            rttvar_us: 500,
            pmtu: 1500,
            snd_wnd: Some(64_240),
            rcv_wnd: Some(64_240),
            notsent_bytes: Some(0),
            segs_in: Some(10),
            ..quiet_for(1_000)
        }),
        memory: Some(Memory::default()),
        cgroup: None,
    }
}

/// A TCP account in which nothing went either way for `ms`.
pub(crate) fn quiet_for(ms: u32) -> TcpInfo {
    TcpInfo {
        last_data_sent_ms: ms,
        last_data_recv_ms: ms,
        last_ack_recv_ms: ms,
        ..TcpInfo::default()
    }
}

/// Makes a socket quiet for `ms`, everything else as it was.
pub(crate) fn set_quiet(socket: &mut Socket, ms: u32) {
    if let Some(tcp) = &mut socket.tcp {
        tcp.last_data_sent_ms = ms;
        tcp.last_data_recv_ms = ms;
        tcp.last_ack_recv_ms = ms;
    }
}

/// Keepalive I/V/N without user timeout.
pub(crate) fn keepalive(idle_s: u32, interval_s: u32, count: u32) -> Keepalive {
    Keepalive {
        enabled: true,
        idle_s,
        interval_s,
        count,
        user_timeout_ms: 0,
    }
}

/// Keepalive that is off, with the kernel's defaults behind it.
pub(crate) fn keepalive_off() -> Keepalive {
    Keepalive {
        enabled: false,
        ..keepalive(7200, 75, 9)
    }
}

/// A process with plenty of descriptors left.
pub(crate) fn process(pid: u32, command: &str) -> Process {
    Process {
        pid,
        parent: 1,
        command: command.to_owned(),
        start_ticks: 1,
        netns: Fact::Known(4_026_531_840),
        unit: Unit::default(),
        descriptor_limit: Fact::Known(1024),
        descriptors: Fact::Known(20),
    }
}

/// Facts under construction.
#[derive(Default)]
pub(crate) struct Sample(pub(crate) HostParts);

impl Sample {
    /// One namespace called `host` with the kernel's default settings.
    pub(crate) fn new() -> Self {
        let defaults = [
            ("core/somaxconn", "4096"),
            ("ipv4/ip_local_port_range", "32768\t60999"),
            ("ipv4/tcp_fin_timeout", "60"),
            ("ipv4/tcp_keepalive_intvl", "75"),
            ("ipv4/tcp_keepalive_probes", "9"),
            ("ipv4/tcp_keepalive_time", "7200"),
            ("ipv4/tcp_max_orphans", "65536"),
            ("ipv4/tcp_max_tw_buckets", "131072"),
            ("ipv4/tcp_retries2", "15"),
            ("ipv4/tcp_timestamps", "1"),
            ("ipv4/tcp_tw_reuse", "2"),
        ];
        let sysctls = defaults
            .into_iter()
            .map(|(name, value)| (name, Fact::Known(value.to_owned())))
            .collect::<BTreeMap<_, _>>();
        Self(HostParts {
            namespaces: vec![Namespace {
                id: HOST,
                inode: 4_026_531_840,
                name: "host".to_owned(),
                sysctls: Sysctls(sysctls),
                counters: Fact::Known(Counters::default()),
            }],
            ..HostParts::default()
        })
    }

    /// Adds a socket, and a process with a descriptor on it.
    pub(crate) fn owned(mut self, socket: Socket, pid: u32, command: &str, fd: u32) -> Self {
        let mut owners = self.0.owners.all().to_vec();
        owners.push(Owner {
            inode: socket.inode,
            pid,
            fd,
        });
        self.0.owners = Owners::new(owners);
        self.0
            .processes
            .entry(pid)
            .or_insert_with(|| process(pid, command));
        self.0.sockets.push(socket);
        self
    }

    /// Adds a socket without a descriptor.
    pub(crate) fn unowned(mut self, mut socket: Socket) -> Self {
        socket.inode = 0;
        self.0.sockets.push(socket);
        self
    }

    /// Says what a probe said.
    pub(crate) fn verdict(mut self, cookie: u32, verdict: Verdict) -> Self {
        self.0.verdicts.insert(Cookie(u64::from(cookie)), verdict);
        self
    }

    /// Says the exact keepalive settings.
    pub(crate) fn with_keepalive(mut self, cookie: u32, keepalive: Fact<Keepalive>) -> Self {
        self.0
            .keepalive
            .insert(Cookie(u64::from(cookie)), keepalive);
        self
    }

    /// Sets a sysctl.
    pub(crate) fn sysctl(mut self, name: &'static str, value: &str) -> Self {
        self.0.namespaces[0]
            .sysctls
            .0
            .insert(name, Fact::Known(value.to_owned()));
        self
    }

    /// The facts.
    pub(crate) fn facts(self) -> HostFacts {
        HostFacts::new(self.0)
    }
}
