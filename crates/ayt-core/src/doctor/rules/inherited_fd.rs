//! `inherited-fd`: another program still holds the connection, so a close sends
//! no FIN.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use crate::doctor::{Finding, Limits, Outcome, Rule, Severity, Value};
use crate::facts::{HostFacts, NsId, Owner, Process, Socket};
use crate::tcp_state::TcpState;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "inherited-fd",
    summary: "another program still holds a connection, so closing it sends no FIN",
    explanation: "\
A descriptor without FD_CLOEXEC is passed on to every program that a process starts. The \
connection is closed, and FIN sent, only when the last holder closes it: the server believes \
it has hung up, the peer sees nothing and waits, and the socket lives as long as a helper \
that knows nothing of it.

ayt reports a connection that two or more processes hold, of different command names, where \
one of them does not hold a listener on that port itself and has it as descriptor 3 or \
higher. The rightful owner is the process that holds the listener, else the one that started \
first. Descriptors 0, 1 and 2 are handed over on purpose (inetd, ncat --exec, a shell behind \
a socket), and so is what systemd passes to a service. Workers that share listeners and \
connections, and the two halves of an sshd session, have one command name and are not \
accused.

It may be wrong where a connection is passed to another program on purpose and both keep it \
for a while. Where the owner ended and only the heir is left, nothing shows that it was \
inherited. Processes that ayt may not see cannot be counted.

Sources: close(2), open(2) (O_CLOEXEC), accept4(2) (SOCK_CLOEXEC), fork(2), execve(2).",
    remedy: "open sockets with SOCK_CLOEXEC and accept them with accept4(SOCK_CLOEXEC), or close \
all but the wanted descriptors in the child before it starts the other program; ending the \
helper lets the FIN out; shutdown(2) sends FIN whoever else holds the socket",
    check,
};

/// One connection with the two descriptors on it.
struct Shared<'a> {
    socket: &'a Socket,
    owner: Owner,
    heir: Owner,
}

fn check(facts: &HostFacts, _: &Limits) -> Outcome {
    let mut listening: FxHashSet<(u32, NsId, u16)> = FxHashSet::default();
    for listener in facts
        .sockets
        .iter()
        .filter(|socket| socket.state == TcpState::Listen)
    {
        for owner in facts.owners_of(listener) {
            listening.insert((owner.pid, listener.ns, listener.local.port()));
        }
    }
    let mut pairs: BTreeMap<(u32, u32), Vec<Shared<'_>>> = BTreeMap::new();
    for socket in &facts.sockets {
        let owners = facts.owners_of(socket);
        if !is_open(socket) || owners.iter().all(|one| one.pid == owners[0].pid) {
            continue;
        }
        let accepts = |pid| listening.contains(&(pid, socket.ns, socket.local.port()));
        for shared in heirs(facts, socket, owners, accepts) {
            pairs
                .entry((shared.owner.pid, shared.heir.pid))
                .or_default()
                .push(shared);
        }
    }
    Outcome {
        findings: pairs
            .values()
            .filter_map(|all| finding(facts, all))
            .collect(),
        unknown: Vec::new(),
    }
}

/// Its FIN is still to come from this side, or the end is owed.
fn is_open(socket: &Socket) -> bool {
    use TcpState::{CloseWait, Established, FinWait1, FinWait2};
    matches!(socket.state, Established | CloseWait | FinWait1 | FinWait2)
}

/// Who holds a connection besides its rightful owner, by accident.
fn heirs<'a>(
    facts: &HostFacts,
    socket: &'a Socket,
    owners: &[Owner],
    accepts: impl Fn(u32) -> bool,
) -> Vec<Shared<'a>> {
    // The first descriptor of each process; owners are ordered by pid and number.
    let mut holders: Vec<(&Process, Owner)> = Vec::new();
    for owner in owners {
        if holders
            .last()
            .is_some_and(|(_, last)| last.pid == owner.pid)
        {
            continue;
        }
        match facts.process(owner) {
            Some(process) => holders.push((process, *owner)),
            None => return Vec::new(), // it was not seen: no guess
        }
    }
    let rightful = holders
        .iter()
        .min_by_key(|(process, owner)| (!accepts(owner.pid), process.start_ticks, owner.pid));
    let Some(&(process, owner)) = rightful else {
        return Vec::new();
    };
    if process.command == "systemd" {
        return Vec::new();
    }
    holders
        .iter()
        .filter(|(heir, first)| {
            heir.command != process.command && first.fd > 2 && !accepts(first.pid)
        })
        .map(|&(_, heir)| Shared {
            socket,
            owner,
            heir,
        })
        .collect()
}

fn finding(facts: &HostFacts, all: &[Shared<'_>]) -> Option<Finding> {
    let first = all.first()?;
    let name = |owner: &Owner| {
        let process = facts.process(owner);
        process.map_or("?", |process| process.command.as_str())
    };
    let (owner, heir) = (name(&first.owner), name(&first.heir));
    let (pid, heir_pid) = (first.owner.pid, first.heir.pid);
    let (what, them) = match all.len() {
        1 => (
            format!(
                "a connection of {owner} (pid {pid}), to {}, as descriptor {}",
                first.socket.remote, first.heir.fd
            ),
            "it",
        ),
        n => (format!("{n} connections of {owner} (pid {pid})"), "them"),
    };
    let mut finding = Finding::new(
        &RULE,
        Severity::Warning,
        format!("{heir} (pid {heir_pid}) still holds {what}: {owner} closing {them} sends no FIN"),
    )
    .evidence("count", Value::Count(all.len() as u64))
    .evidence("owner_pid", Value::Count(u64::from(pid)))
    .evidence("heir_pid", Value::Count(u64::from(heir_pid)));
    for shared in all {
        finding = finding.socket_with_note(
            facts,
            shared.socket,
            format!(
                "descriptor {} of {owner}, {} of {heir}",
                shared.owner.fd, shared.heir.fd
            ),
        );
    }
    Some(finding.remedy(format!(
        "see what {heir} holds: `ayt list --pid {heir_pid}`; ending it lets the FIN out. In \
         {owner}: open sockets with SOCK_CLOEXEC, accept with accept4(SOCK_CLOEXEC), or close \
         descriptors in the child before it starts another program"
    )))
}
