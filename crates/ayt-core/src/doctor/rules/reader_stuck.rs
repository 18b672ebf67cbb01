//! `reader-stuck`: data has arrived, and the own program does not read it.

#[cfg(test)]
mod tests;

use crate::doctor::by_process::{self, Service, by_process};
use crate::doctor::{Finding, Limits, Outcome, Rule, Severity, Value};
use crate::duration::Ms;
use crate::fact::Fact;
use crate::facts::{HostFacts, Socket};
use crate::tcp_state::TcpState;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "reader-stuck",
    summary: "a program does not read what its peers have sent",
    explanation: "\
The kernel keeps received data until the program reads it, and acknowledges it: to the \
peer all is well. When the buffer is full the window closes and the peer cannot send any \
more (the rule zero-window on its side). A program that does not read is stopped, stuck in \
another call, or has lost the connection out of its event loop. It does not see the peer's \
end either.

ayt reports a connection with a descriptor and unread data that came in at least a minute \
ago, and one whose receive buffer is full and has taken nothing for two seconds. Full means \
that the window last told to the peer is 0 (Linux 6.2 and later tell it), or that at least \
three quarters of the buffer's limit are in use: the kernel mostly closes the window between \
there and the limit, as the overhead of small segments counts too (measured at a window of 0: \
82 % to 103 %, and 70 % of a small buffer set by the program). CLOSE_WAIT is left to close-wait-leak, whose end of stream \
counts as one unread byte.

Unread data on a client's idle connection may be harmless: a pool does not look at a \
connection that it does not use, and a server may have sent a farewell or a TLS ticket. \
That is a notice; a client's request that nobody reads, or a full buffer, is a warning.

Sources: tcp(7) (SIOCINQ, tcp_rmem); net/ipv4/tcp_diag.c (idiag_rqueue), \
net/ipv4/tcp_output.c (__tcp_select_window).",
    remedy: "see what the program is doing (`strace -f -p PID`); it must read from all its \
connections, or close those it does not want; a restart frees it",
    check,
};

struct Unread<'a> {
    socket: &'a Socket,
    since_ms: u64,
    full: bool,
}

fn check(facts: &HostFacts, limits: &Limits) -> Outcome {
    let unread = facts
        .sockets
        .iter()
        .filter_map(|socket| Some((socket, unread(socket, limits)?)));
    Outcome {
        findings: by_process(facts, unread)
            .iter()
            .map(|(&(_, pid, service), sockets)| finding(facts, pid, service, sockets))
            .collect(),
        unknown: Vec::new(),
    }
}

fn unread<'a>(socket: &'a Socket, limits: &Limits) -> Option<Unread<'a>> {
    use TcpState::{Established, FinWait1, FinWait2};
    let open = matches!(socket.state, Established | FinWait1 | FinWait2);
    if !open || socket.inode == 0 || socket.receive_queue == 0 {
        return None;
    }
    let since_ms = u64::from(socket.tcp.as_ref()?.last_data_recv_ms);
    let shut = socket.tcp.is_some_and(|tcp| tcp.rcv_wnd == Some(0));
    let full = shut
        || socket.memory.is_some_and(|memory| {
            let held = u64::from(memory.receive_alloc);
            let limit = u64::from(memory.receive_limit);
            limit > 0 && held * 4 >= limit * 3
        });
    let after = if full {
        limits.pile_after.min(limits.idle_after)
    } else {
        limits.idle_after
    };
    (u128::from(since_ms) >= after.as_millis()).then_some(Unread {
        socket,
        since_ms,
        full,
    })
}

fn finding(
    facts: &HostFacts,
    pid: Option<u32>,
    service: Service,
    sockets: &[Unread<'_>],
) -> Finding {
    let who = by_process::name(facts, pid);
    let bytes: u64 = sockets
        .iter()
        .map(|one| u64::from(one.socket.receive_queue))
        .sum();
    let longest = sockets.iter().map(|one| one.since_ms).max().unwrap_or(0);
    let full = sockets.iter().filter(|one| one.full).count();
    let count = sockets.len();
    let from = match (service, sockets) {
        (Service::Port(port), [one]) => format!("{} on port {port}", one.socket.remote),
        (Service::Port(port), _) => format!("{count} clients on port {port}"),
        (Service::Server(server), [_]) => server.to_string(),
        (Service::Server(server), _) => format!("{server} on {count} connections"),
    };
    let blocked = match (full, count) {
        (0, _) => String::new(),
        (_, 1) => "; the buffer is full and the peer can send no more".to_owned(),
        (full, count) if full == count => {
            "; the buffers are full and the peers can send no more".to_owned()
        }
        (1, _) => "; 1 buffer is full and its peer can send no more".to_owned(),
        (full, _) => format!("; {full} buffers are full and their peers can send no more"),
    };
    let doing = pid.and_then(|pid| doing(facts, pid));
    let doing_text = doing
        .as_ref()
        .map_or_else(String::new, |doing| format!("; {doing}"));
    let severity = if full > 0 || matches!(service, Service::Port(_)) {
        Severity::Warning
    } else {
        Severity::Notice
    };
    let mut finding = Finding::new(
        &RULE,
        severity,
        format!(
            "{who} has not read {bytes} B from {from}, there for {}{blocked}{doing_text}",
            Ms(longest)
        ),
    )
    .evidence("count", Value::Count(count as u64))
    .evidence("unread_bytes", Value::Bytes(bytes))
    .evidence("longest_ms", Value::Millis(longest))
    .evidence("full_buffers", Value::Count(full as u64));
    if let Some(doing) = doing {
        finding = finding.evidence("thread", Value::Text(doing));
    }
    for one in sockets {
        let note = format!(
            "{} B unread, last data {} ago{}",
            one.socket.receive_queue,
            Ms(one.since_ms),
            if one.full { ", buffer full" } else { "" }
        );
        finding = finding.socket_with_note(facts, one.socket, note);
    }
    match pid {
        Some(pid) => finding.remedy(format!(
            "`strace -f -p {pid}` shows what the program does instead; it must read from all its \
             connections, or close those it does not want; a restart frees it"
        )),
        None => finding,
    }
}

/// What the process does instead, where it is stopped or has but one thread.
fn doing(facts: &HostFacts, pid: u32) -> Option<String> {
    let Fact::Known(threads) = facts.threads.get(&pid)? else {
        return None;
    };
    if let Some(stopped) = threads.iter().find(|one| matches!(one.state, 'T' | 't')) {
        return Some(format!("thread {} is stopped", stopped.tid));
    }
    let [only] = threads.as_slice() else {
        return None;
    };
    match &only.call {
        _ if only.state == 'R' => Some(format!("thread {} is running", only.tid)),
        Fact::Known(Some(call)) => Some(format!("thread {} sits in {call}", only.tid)),
        _ => None,
    }
}
