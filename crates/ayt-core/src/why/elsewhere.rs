//! Nothing listens here, but there it does: in another namespace, or on another
//! address.

use super::graph::{Kind, Relation, text};
use super::told::Cause;
use super::{Case, Rule, words};
use crate::doctor::{Severity, Value};
use crate::facts::Socket;
use crate::tcp_state::TcpState;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "listens-elsewhere",
    summary: "nothing listens here; perhaps in another namespace or on another address",
    check,
};

fn check(case: &Case<'_>) -> Vec<Cause> {
    let Some(port) = case.subject.port else {
        return Vec::new();
    };
    let here = |socket: &Socket| case.subject.here.contains(&socket.ns);
    let listening: Vec<&Socket> = case.listeners().collect();
    // The client's side: its connections are what was asked for, and they were made.
    let client = |one: &&Socket| one.remote.port() == port && here(one);
    if case.own().iter().any(client) {
        return Vec::new();
    }
    if !listening.is_empty() {
        if listening.iter().any(|one| here(one)) {
            return loopback_only(case, &listening).into_iter().collect();
        }
        return vec![other_namespace(case, port, &listening)];
    }
    if case.subject.address.is_some() && !case.own().is_empty() {
        return Vec::new();
    }
    vec![nothing(case, port)]
}

fn namespace(case: &Case<'_>, socket: &Socket) -> String {
    let ns = case.facts.namespace(socket.ns);
    ns.map_or_else(|| "?".to_owned(), |ns| ns.name.clone())
}

fn holders(case: &Case<'_>, socket: &Socket) -> String {
    let mut pids: Vec<u32> = case
        .facts
        .owners_of(socket)
        .iter()
        .map(|one| one.pid)
        .collect();
    pids.dedup();
    words::programs(case.facts, &pids)
}

fn other_namespace(case: &Case<'_>, port: u16, listening: &[&Socket]) -> Cause {
    let mut cause = Cause::new(&RULE, Severity::Critical);
    let named: Vec<String> = listening
        .iter()
        .take(words::SHOWN)
        .map(|one| {
            format!(
                "{} does, on {}, in network namespace {}",
                holders(case, one),
                one.local,
                namespace(case, one)
            )
        })
        .collect();
    let here = case
        .subject
        .here
        .iter()
        .filter_map(|&id| case.facts.namespace(id));
    let here: Vec<&str> = here.map(|ns| ns.name.as_str()).collect();
    let here = match here.as_slice() {
        ["host"] | [] => "here, in this network namespace".to_owned(),
        names => format!("in network namespace {}", words::list(names)),
    };
    cause.says(format!(
        "Nothing listens on :{port} {here}; {}. A client here is refused (RST).",
        words::list(&named)
    ));
    cause.counted("listeners_elsewhere", listening.len());
    for one in listening.iter().take(words::SHOWN) {
        let id = cause.graph.socket(one);
        for owner in case.facts.owners_of(one) {
            cause.graph.descriptor(case.facts, owner, one);
        }
        if let Some(ns) = case.facts.namespace(one.ns) {
            let ns = cause
                .graph
                .node(Kind::Namespace, ns.inode, ns.name.clone(), Vec::new());
            cause.graph.edge(&id, Relation::LiesIn, &ns, Vec::new());
        }
    }
    if let Some(owner) = listening
        .first()
        .and_then(|one| case.facts.owners_of(one).first())
    {
        from_there(&mut cause, owner.pid);
    }
    cause
}

/// What to do where it listens in another namespace.
fn from_there(cause: &mut Cause, pid: u32) -> &mut Cause {
    cause.remedy(format!(
        "reach it from there: `nsenter -t {pid} -n`; or publish the port of the container, or \
         run the program in this namespace"
    ))
}

/// It listens, but not for other hosts. Meant so, mostly: a note.
fn loopback_only(case: &Case<'_>, listening: &[&Socket]) -> Option<Cause> {
    let loopback = |one: &&Socket| one.local.ip().to_canonical().is_loopback();
    if case.subject.address.is_some() || !listening.iter().all(loopback) {
        return None;
    }
    let first = listening.first()?;
    let mut cause = Cause::new(&RULE, Severity::Notice);
    cause.says(format!(
        "{} listens on {} only: clients on other hosts are refused.",
        holders(case, first),
        first.local.ip()
    ));
    Some(cause)
}

/// Nothing listens anywhere that was looked at; perhaps on another address.
fn nothing(case: &Case<'_>, port: u16) -> Cause {
    let mut cause = Cause::new(&RULE, Severity::Critical);
    let mut near: Vec<&Socket> = case
        .facts
        .sockets
        .iter()
        .filter(|one| one.state == TcpState::Listen && one.local.port() == port)
        .collect();
    near.sort_by_key(|one| !case.subject.here.contains(&one.ns));
    if let (Some(address), Some(other)) = (case.subject.address, near.first()) {
        cause.says(format!(
            "Nothing listens on {address}; {} does on {}{}. A client of {} is refused (RST).",
            holders(case, other),
            other.local,
            match case.subject.here.contains(&other.ns) {
                true => String::new(),
                false => format!(", in network namespace {}", namespace(case, other)),
            },
            address.ip()
        ));
        for owner in case.facts.owners_of(other) {
            cause.graph.descriptor(case.facts, owner, other);
        }
        cause.graph.socket(other);
        match case.facts.owners_of(other).first() {
            Some(owner) if !case.subject.here.contains(&other.ns) => {
                from_there(&mut cause, owner.pid)
            }
            _ => cause.remedy(format!(
                "let the program listen on {} too, or on any address (0.0.0.0, [::])",
                address.ip()
            )),
        };
        return cause;
    }
    let left = case.own().len();
    let name = &case.subject.name;
    cause.says(match left {
        0 => format!(
            "Nothing listens on {name} in any network namespace looked at ({}), and nothing is \
             connected there: a client is refused (RST).",
            case.facts.namespaces.len()
        ),
        n => format!(
            "Nothing listens on {name} any more: {} left of before, and a new client is refused \
             (RST).",
            match n {
                1 => "1 connection is".to_owned(),
                n => format!("{n} connections are"),
            }
        ),
    });
    cause.shown("listeners", Value::Count(0));
    cause.graph.node(
        Kind::Listener,
        format!("none/{port}"),
        format!(":{port}"),
        vec![text("state", "none")],
    );
    cause.remedy(format!(
        "start the program that should listen there; `ayt list --state LISTEN` shows what does. \
         If it should run, its log tells why it has ended or which port it took instead of {port}"
    ));
    cause
}
