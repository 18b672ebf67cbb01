//! `zero-window`: the peer's program does not read, so nothing can be sent.

#[cfg(test)]
mod tests;

use crate::doctor::by_process::{self, Service, by_process};
use crate::doctor::{Finding, Limits, Outcome, Rule, Severity, Value, commands};
use crate::duration::Ms;
use crate::facts::{HostFacts, Socket, TimerKind};
use crate::tcp_state::TcpState;
use crate::verdict::Verdict;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "zero-window",
    summary: "a peer's program does not read, and data for it waits here",
    explanation: "\
The peer's kernel acknowledges, but its receive window is 0: its program does not read. \
Data written here stays in the send buffer, and once that is full a blocking write on \
this side does not return. The kernel asks for a new window by itself, at growing \
distances up to two minutes, and goes on for ever as long as the peer answers (RFC 9293 \
3.8.6.1, RFC 6429).

ayt reports a connection that has data to send while the kernel's window probe timer \
runs, or while the peer's window is known to be 0, and on which no data has been sent for \
a minute. A shorter stop is ordinary flow control. It is reported after two seconds where \
a user timeout is set: the kernel then ends the connection when the window has been closed \
for that long, although the peer lives and answers (net/ipv4/tcp_timer.c, \
tcp_probe_timer; tcp(7), TCP_USER_TIMEOUT).

It may be wrong about the reason: a window smaller than the next segment, or a full \
queue on the own network device, starts the same timer for a moment. A peer that does not \
answer the window probes either is gone rather than slow; the number of unanswered ones \
is shown, and connections that a probe found dead are left to half-open.",
    remedy: "look why the peer's program does not read (stopped, blocked, slow); on this side \
set a write timeout in the program, so that one slow reader does not hold it up",
    check,
};

/// From this many unanswered window probes on the peer is gone rather than slow.
const UNANSWERED: u8 = 3;

struct Closed<'a> {
    socket: &'a Socket,
    since_ms: u64,
    user_timeout_ms: u32,
}

fn check(facts: &HostFacts, limits: &Limits) -> Outcome {
    let closed = facts
        .sockets
        .iter()
        .filter_map(|socket| Some((socket, closed(facts, limits, socket)?)));
    Outcome {
        findings: by_process(facts, closed)
            .iter()
            .map(|(&(_, pid, service), sockets)| finding(facts, pid, service, sockets))
            .collect(),
        unknown: Vec::new(),
    }
}

/// The window has been closed for long enough to matter.
fn closed<'a>(facts: &HostFacts, limits: &Limits, socket: &'a Socket) -> Option<Closed<'a>> {
    // Before the handshake is done the peer has told no window.
    let open = !matches!(socket.state, TcpState::SynSent | TcpState::SynReceived);
    let tcp = socket.tcp.as_ref().filter(|_| open)?;
    let owes = socket.send_queue > 0 || tcp.notsent_bytes.is_some_and(|bytes| bytes > 0);
    let shut = socket.timer.kind == TimerKind::WindowProbe || (tcp.snd_wnd == Some(0) && owes);
    // Orphans have a rule of their own; only states with a program behind send.
    if !shut || socket.inode == 0 || facts.verdict_of(socket).is_some_and(Verdict::is_dead) {
        return None;
    }
    let settings = facts.keepalive_of(socket);
    let user_timeout_ms = settings.known().map_or(0, |known| known.user_timeout_ms);
    let since_ms = u64::from(tcp.last_data_sent_ms);
    let after = if user_timeout_ms > 0 {
        limits.pile_after
    } else {
        limits.idle_after
    };
    (u128::from(since_ms) >= after.as_millis()).then_some(Closed {
        socket,
        since_ms,
        user_timeout_ms,
    })
}

fn finding(
    facts: &HostFacts,
    pid: Option<u32>,
    service: Service,
    sockets: &[Closed<'_>],
) -> Finding {
    let mut who = by_process::name(facts, pid);
    let mut filters = pid.map_or_else(String::new, |pid| format!("--pid {pid} "));
    let count = sockets.len();
    let peer = match (service, sockets) {
        (Service::Port(port), [one]) => {
            who += &format!(" on port {port}");
            filters += &format!("--peer {}", one.socket.remote);
            format!("{} does", one.socket.remote)
        }
        (Service::Port(port), _) => {
            filters += &format!("--local :{port}");
            who += &format!(" on port {port}");
            format!("{count} clients do")
        }
        (Service::Server(server), _) => {
            filters += &format!("--peer {server}");
            if count > 1 {
                who += &format!(" on {count} connections");
            }
            format!("{server} does")
        }
    };
    let queued: u64 = sockets
        .iter()
        .map(|one| u64::from(one.socket.send_queue))
        .sum();
    let longest = sockets.iter().map(|one| one.since_ms).max().unwrap_or(0);
    let timeout = sockets
        .iter()
        .map(|one| one.user_timeout_ms)
        .filter(|&ms| ms > 0)
        .min();
    let doom = timeout.map_or_else(String::new, |ms| {
        let them = if count == 1 { "it" } else { "them" };
        format!(
            "; the user timeout of {} will end {them} although the peer lives",
            Ms(u64::from(ms))
        )
    });
    let summary = format!(
        "{peer} not read from {who}: {queued} B wait, nothing could be sent for {}{doom}",
        Ms(longest)
    );
    let unanswered = sockets
        .iter()
        .filter_map(|one| one.socket.tcp.as_ref())
        .filter(|tcp| tcp.probes >= UNANSWERED)
        .count();
    let mut finding = Finding::new(&RULE, Severity::Warning, summary)
        .evidence("count", Value::Count(count as u64))
        .evidence("queued_bytes", Value::Bytes(queued))
        .evidence("longest_ms", Value::Millis(longest))
        .evidence(
            "not_answering_window_probes",
            Value::Count(unanswered as u64),
        );
    if let Some(ms) = timeout {
        finding = finding.evidence("user_timeout_ms", Value::Millis(u64::from(ms)));
    }
    for one in sockets {
        finding = finding.socket_with_note(facts, one.socket, note(one));
    }
    let ask = format!("`ayt probe {filters}` tells whether the peer's kernel is there");
    let remedy = match timeout {
        Some(_) => format!(
            "set TCP_USER_TIMEOUT above the longest pause a reader may make: `ayt arm \
             {filters} --keepalive 60/5/3 --user-timeout 10m`; {ask}"
        ),
        None => format!("{ask}; if so, {}", RULE.remedy),
    };
    finding.remedy(match pid {
        Some(pid) => commands::and_why(&remedy, pid, "what is stuck behind it"),
        None => remedy,
    })
}

fn note(one: &Closed<'_>) -> String {
    let mut note = format!(
        "{} B queued, nothing sent for {}",
        one.socket.send_queue,
        Ms(one.since_ms)
    );
    if let Some(tcp) = one.socket.tcp.filter(|tcp| tcp.probes >= UNANSWERED) {
        note += &format!(", {} window probes unanswered", tcp.probes);
    }
    note
}
