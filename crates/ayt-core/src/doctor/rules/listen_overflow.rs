//! `listen-overflow`: connections are dropped because an accept queue is full.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::doctor::{Finding, Limits, Outcome, Rule, Severity, Value, commands};
use crate::duration::Ms;
use crate::fact::{Fact, Partial};
use crate::facts::{Counters, HostFacts, Namespace, NsId, SecondLook, Socket};
use crate::tcp_state::TcpState;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "listen-overflow",
    summary: "new connections are dropped at a full accept queue",
    explanation: "\
A listener holds at most backlog + 1 connections that the program has not accepted \
yet. While it is full the kernel drops the next SYN or the last segment of the \
handshake without a word; the client sends again after 1, 3, 7 s and more, so users see \
connections that take exactly that long, or time out. With tcp_abort_on_overflow it \
gets a reset instead.

ayt reports a listener whose queue is full now, in either look, and the drops counted \
between two looks: TcpExt.ListenOverflows (accept queue full), TCPReqQFullDrop (queue of \
half-made connections full and no SYN cookies) and ListenDrops (all drops at listeners, \
also for want of memory or by a security module). The counters are per network \
namespace, so drops are laid at a listener's door only if its queue is full. What they \
have counted since boot is evidence, never a finding by itself. A queue may be full for \
an instant in a burst: one look is a warning, full in both or full with drops is \
critical.

The backlog is the smaller of the program's listen(fd, backlog) and net.core.somaxconn \
at the time of the call; raising either shows after the program listens again. A queue \
that is full because nobody accepts is the rule accept-stuck's.

Sources: listen(2); net/core/sock.c (sk_acceptq_is_full), net/ipv4/tcp_input.c \
(tcp_conn_request), net/ipv4/tcp_ipv4.c (tcp_v4_syn_recv_sock).",
    remedy: "accept faster (a thread of its own, more workers), and raise the backlog in \
listen() and net.core.somaxconn, then restart the program; `nstat -az TcpExtListenOverflows` \
shows whether it goes on",
    check,
};

/// What was dropped at listeners of one namespace.
#[derive(Clone, Copy, Default)]
struct Drops {
    overflows: u64,
    syn_queue: u64,
    all: u64,
}

impl Drops {
    fn of(counters: &Counters) -> Self {
        let get = |name| counters.get(name).and_then(|n| u64::try_from(n).ok());
        Self {
            overflows: get("TcpExt.ListenOverflows").unwrap_or(0),
            syn_queue: get("TcpExt.TCPReqQFullDrop").unwrap_or(0),
            all: get("TcpExt.ListenDrops").unwrap_or(0),
        }
    }

    fn since(self, earlier: Self) -> Self {
        Self {
            overflows: self.overflows.saturating_sub(earlier.overflows),
            syn_queue: self.syn_queue.saturating_sub(earlier.syn_queue),
            all: self.all.saturating_sub(earlier.all),
        }
    }

    /// Connection attempts lost; a drop at a full queue counts in both its own
    /// counter and in that of all drops.
    fn lost(self) -> u64 {
        self.all.max(self.overflows).max(self.syn_queue)
    }
}

fn check(facts: &HostFacts, _: &Limits) -> Outcome {
    let mut outcome = Outcome::default();
    let mut full: BTreeMap<NsId, Vec<(&Socket, bool)>> = BTreeMap::new();
    for listener in facts
        .sockets
        .iter()
        .filter(|socket| socket.state == TcpState::Listen)
    {
        let again = facts
            .second_look
            .as_ref()
            .and_then(|second| second.sockets.get(&listener.cookie));
        let looks = [is_full(listener), again.is_some_and(is_full)];
        if looks.contains(&true) {
            let both = looks == [true, true];
            full.entry(listener.ns).or_default().push((listener, both));
        }
    }
    let mut unreadable = 0;
    for namespace in &facts.namespaces {
        let grown = match (&namespace.counters, &facts.second_look) {
            (Fact::Known(first), Some(second)) => grown(namespace.id, first, second),
            (Fact::Known(_), None) => Drops::default(),
            (Fact::Unknown(_), _) => {
                unreadable += 1;
                Drops::default()
            }
        };
        match full.get(&namespace.id) {
            Some(listeners) => outcome.findings.extend(
                listeners
                    .iter()
                    .map(|&(listener, both)| queue_full(facts, namespace, listener, both, grown)),
            ),
            None if grown.lost() > 0 => outcome.findings.push(dropped(facts, namespace, grown)),
            None => {}
        }
    }
    outcome.unknown.extend(no_counters(facts, unreadable));
    outcome
}

/// The kernel drops what comes next (`sk_acceptq_is_full`).
fn is_full(listener: &Socket) -> bool {
    listener.receive_queue > listener.send_queue
}

fn grown(ns: NsId, first: &Counters, second: &SecondLook) -> Drops {
    second
        .counters
        .get(&ns)
        .map_or_else(Drops::default, |now| Drops::of(now).since(Drops::of(first)))
}

fn queue_full(
    facts: &HostFacts,
    namespace: &Namespace,
    listener: &Socket,
    both: bool,
    grown: Drops,
) -> Finding {
    let who = match facts.owners_of(listener).first() {
        Some(owner) => {
            let command = facts.process(owner).map_or("?", |one| one.command.as_str());
            format!("{command} (pid {})", owner.pid)
        }
        None => "a program that ayt may not see".to_owned(),
    };
    let again = facts
        .second_look
        .as_ref()
        .and_then(|second| second.sockets.get(&listener.cookie))
        .filter(|now| is_full(now));
    let (length, backlog) = again.map_or((listener.receive_queue, listener.send_queue), |now| {
        (now.receive_queue, now.send_queue)
    });
    let more = match (lost_text(facts, grown), both) {
        (Some(lost), _) => format!("; {lost}"),
        (None, true) => " in both looks".to_owned(),
        (None, false) => String::new(),
    };
    let severity = if both || grown.lost() > 0 {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let somaxconn = namespace.sysctls.number("core/somaxconn");
    let finding = Finding::new(
        &RULE,
        severity,
        format!(
            "the accept queue of {who} on {} is full ({length} wait, backlog {backlog}){more}",
            listener.local
        ),
    )
    .evidence("queue_length", Value::Count(u64::from(length)))
    .evidence("backlog", Value::Count(u64::from(backlog)));
    let finding = match somaxconn {
        Some(limit) => finding.evidence("somaxconn", Value::Count(limit)),
        None => finding,
    };
    let port = format!(":{}", listener.local.port());
    let why = commands::why(facts, listener.ns, &port);
    counted(finding, namespace, grown)
        .socket(facts, listener)
        .remedy(remedy(u64::from(backlog), somaxconn, &why))
}

/// Names what binds: the program's own number, or the host's limit on it.
fn remedy(backlog: u64, somaxconn: Option<u64>, why: &str) -> String {
    let wanted = backlog.max(2048).saturating_mul(2);
    match somaxconn {
        Some(limit) if backlog >= limit => format!(
            "`sysctl -w net.core.somaxconn={wanted}`, which limits this backlog, then restart the \
             program so that it listens again; and accept faster: {why} tells what holds it up"
        ),
        Some(limit) => format!(
            "raise the backlog in the program's listen() call or configuration above {backlog} \
             (net.core.somaxconn allows {limit}); and accept faster: \
             {why} tells what holds it up"
        ),
        None => format!(
            "raise the backlog in the program's listen() call above {backlog} and \
             net.core.somaxconn with it; and accept faster: {why} tells what holds it up"
        ),
    }
}

/// Drops in a namespace where no queue is full at the moment of looking.
fn dropped(facts: &HostFacts, namespace: &Namespace, grown: Drops) -> Finding {
    let lost = lost_text(facts, grown).unwrap_or_default();
    let why = if grown.overflows > 0 {
        "at an accept queue that is full at times"
    } else if grown.syn_queue > 0 {
        "because the queue of half-made connections is full"
    } else {
        "at a listener whose queues are not full: for want of memory, or by a security module"
    };
    let finding = Finding::new(
        &RULE,
        Severity::Warning,
        format!("{lost} in namespace {}, {why}", namespace.name),
    );
    let finding = counted(finding, namespace, grown);
    if grown.overflows == 0 && grown.syn_queue > 0 {
        finding.remedy(
            "`sysctl -w net.ipv4.tcp_syncookies=1`, and raise net.ipv4.tcp_max_syn_backlog and \
             the program's backlog",
        )
    } else {
        finding
    }
}

fn lost_text(facts: &HostFacts, grown: Drops) -> Option<String> {
    let after = facts.second_look.as_ref().map(|second| second.after)?;
    let after = Ms::from(after);
    match grown.lost() {
        0 => None,
        1 => Some(format!("1 connection attempt was dropped within {after}")),
        n => Some(format!(
            "{n} connection attempts were dropped within {after}"
        )),
    }
}

fn counted(finding: Finding, namespace: &Namespace, grown: Drops) -> Finding {
    let finding = finding
        .evidence("overflows_between_looks", Value::Count(grown.overflows))
        .evidence("drops_between_looks", Value::Count(grown.lost()));
    let Some(total) = namespace.counters.known().map(Drops::of) else {
        return finding;
    };
    finding
        .evidence("overflows_since_boot", Value::Count(total.overflows))
        .evidence("drops_since_boot", Value::Count(total.all))
        .evidence("syn_queue_drops_since_boot", Value::Count(total.syn_queue))
}

fn no_counters(facts: &HostFacts, unreadable: usize) -> Option<Partial> {
    let why = facts.namespaces.iter().find_map(|ns| ns.counters.why())?;
    let what = match unreadable {
        1 => "drops at listeners of 1 namespace".to_owned(),
        n => format!("drops at listeners of {n} namespaces"),
    };
    Some(Partial {
        what,
        why: why.to_string(),
        remedy: "make /proc/net/netstat of the namespace readable: run as root".to_owned(),
    })
}
