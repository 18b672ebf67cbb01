//! Data waits here because the program at the other end does not read.

use super::graph::Relation;
use super::told::{Cause, from_doctor};
use super::waits::{Wait, best, follow, threads, wait};
use super::{Case, Rule, words};
use crate::duration::Ms;
use crate::facts::Socket;
use crate::tcp_state::TcpState;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "zero-window",
    summary: "the send queue is full: the program at the other end does not read",
    check,
};

fn check(case: &Case<'_>) -> Vec<Cause> {
    let found = from_doctor(case, &RULE, "zero-window", case.limits, |finding| {
        case.concerns(finding.connections.iter().map(|one| one.cookie))
    });
    found
        .into_iter()
        .map(|(mut cause, finding)| {
            let sockets = finding.connections.iter();
            let sockets: Vec<&Socket> = sockets.filter_map(|one| case.socket(one.cookie)).collect();
            // No program is hidden then: one sits in the close of it, and has no
            // descriptor of it any more.
            let closing = |one: &&Socket| {
                matches!(
                    one.state,
                    TcpState::FinWait1 | TcpState::Closing | TcpState::LastAck
                )
            };
            if sockets.iter().all(closing) {
                let says = &mut cause.links[0].says;
                *says = says.replace(words::HIDDEN, "a program that has closed the connection");
            }
            writers(case, &mut cause, &sockets);
            readers(case, &mut cause, &sockets);
            cause
        })
        .collect()
}

/// Threads here that sit in a write.
fn writers(case: &Case<'_>, cause: &mut Cause, sockets: &[&Socket]) {
    for (pid, detail) in threads(case, &case.subject.pids) {
        if let Wait::Connection(call, owner, socket) = wait(case, pid, detail)
            && sockets.iter().any(|one| one.cookie == socket.cookie)
        {
            let span = case.blocked_ms(detail);
            let span = span.map_or_else(String::new, |ms| format!(" for {}", Ms(ms)));
            cause.says(format!(
                "{} has sat in {} on descriptor {}{span}.",
                super::waits::name(case, pid, detail),
                call.name,
                owner.fd
            ));
            return;
        }
    }
}

/// The program at the other end, where it runs on this host.
fn readers(case: &Case<'_>, cause: &mut Cause, sockets: &[&Socket]) {
    let ends = sockets.iter().filter_map(|socket| case.other_end(socket));
    for end in ends.take(1) {
        let Some(owner) = case.facts.owners_of(end).first() else {
            continue;
        };
        let pid = owner.pid;
        let id = cause.graph.descriptor(case.facts, owner, end);
        let from = cause.graph.socket(end);
        cause.graph.edge(&from, Relation::WaitsFor, &id, Vec::new());
        cause.says(format!(
            "The other end is descriptor {} of {} on this host, with {} B unread.",
            owner.fd,
            words::program(case.facts, pid),
            end.unread_bytes()
        ));
        if let Some((pid, detail, wait)) = best(case, &[pid]) {
            follow(case, cause, pid, detail, wait);
        }
        cause.remedy(format!("`ayt why pid:{pid}` looks at the reader"));
    }
}
