//! `half-open`: the peer is gone, and this side does not know.

use crate::cause::Cause;
use crate::doctor::group::{Group, by_service, heard_ms, ms};
use crate::doctor::guard::{Guard, guard_of};
use crate::doctor::{Finding, Limits, Outcome, Rule, Severity, Value};
use crate::duration::Ms;
use crate::facts::{HostFacts, Socket, TimerKind};
use crate::verdict::{Suspicion, Verdict};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "half-open",
    summary: "a connection whose peer is gone, or may be, without this side knowing",
    explanation: "\
A peer that loses power, cable, route or NAT entry sends no FIN and no RST. This \
side's connection stays ESTABLISHED: half-open (RFC 9293 3.5.1). A read on it \
blocks for ever, a write vanishes for up to 15 minutes, and the program keeps a \
thread, memory and a descriptor for nobody.

With `--probe` ayt has asked the peer's kernel. Silence over the whole patience, \
a router's \"unreachable\" followed by silence, or an RST is certain death. A \
first silence, or \"unreachable\" alone, is only a suspicion: routes flap. So is an \
answer that this host drops before TCP has it (its firewall, `rp_filter`). A peer \
that is heard is not told here, even if its program is frozen: the answer comes \
from its kernel, and only an application heartbeat can ask the program.

Without asking, ayt suspects an ESTABLISHED or CLOSE_WAIT connection to another \
host from which nothing came for 15 minutes and which nothing would ever end: \
keepalive is off, or, where the settings cannot be read, the kernel runs no \
timer on it. Most such connections are merely idle; asking tells. Connections on \
which the kernel retransmits are left to the rule `retransmitting`. \"Heard \
last\" is the last acknowledgement or data, measured before asking.

Sources: RFC 9293 3.5.1; RFC 1122 4.2.3.6; tcp(7); Linux net/ipv4/tcp_timer.c.",
    remedy: "`ayt doctor --probe` makes suspects certain; `ayt trace FILTERS` shows where \
the path of one ends; `ayt reap FILTERS --yes` ends \
the dead; `ayt arm FILTERS --keepalive 60/5/3` lets the kernel find the next ones",
    check,
};

/// What is said of a connection; one finding tells of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    Dead(Cause),
    Unreachable,
    Silent,
    Overdue,
    Unheard,
    Off,
    NoTimer,
}

fn check(facts: &HostFacts, limits: &Limits) -> Outcome {
    let told = facts.sockets.iter();
    let told = told.filter_map(|socket| Some((socket, kind(facts, limits, socket)?)));
    Outcome {
        findings: by_service(facts, told).iter().map(finding).collect(),
        unknown: Vec::new(),
    }
}

fn kind(facts: &HostFacts, limits: &Limits, socket: &Socket) -> Option<Kind> {
    match facts.verdict_of(socket) {
        Some(&Verdict::Dead(
            cause @ (Cause::PeerReset | Cause::Unreachable | Cause::Unanswered),
        )) => Some(Kind::Dead(cause)),
        Some(Verdict::Dead(_) | Verdict::Alive { .. }) => None,
        Some(Verdict::Suspect(Suspicion::Unreachable)) => Some(Kind::Unreachable),
        Some(Verdict::Suspect(Suspicion::Silent)) => Some(Kind::Silent),
        Some(Verdict::Suspect(Suspicion::Overdue)) => Some(Kind::Overdue),
        Some(Verdict::Suspect(Suspicion::Unheard)) => Some(Kind::Unheard),
        Some(Verdict::Quiet | Verdict::Unknown(_)) | None => unasked(facts, limits, socket),
    }
}

fn unasked(facts: &HostFacts, limits: &Limits, socket: &Socket) -> Option<Kind> {
    let kernel_asks = matches!(
        socket.timer.kind,
        TimerKind::Retransmit | TimerKind::WindowProbe
    );
    if !socket.state.can_be_asked()
        || kernel_asks
        || heard_ms(socket)? < ms(limits.suspect_after)
        || facts.peer_is_local(socket)
    {
        return None;
    }
    match guard_of(facts, socket) {
        Guard::Off(_) => Some(Kind::Off),
        Guard::Unknown(_) if socket.timer.kind == TimerKind::Off => Some(Kind::NoTimer),
        Guard::Unknown(_) | Guard::TimerRuns | Guard::On(_) => None,
    }
}

fn finding(group: &Group<'_, Kind>) -> Finding {
    let (who, place, filters) = (group.who(), group.place(), group.filters());
    let heard = group.span(heard_ms);
    let last = heard.map_or_else(String::new, |heard| format!(", heard last {heard} ago"));
    let connections = group.connections("");
    let suspected = |one: &str, many: &str| {
        let words = group.words(one, many);
        format!("{who} has {connections} {place} {words}{last}")
    };
    let (severity, summary) = match group.kind {
        Kind::Dead(cause) => (
            Severity::Critical,
            format!(
                "{who} {} {} {place}: {}{last}",
                // The answer, RST, has ended it.
                if cause == Cause::PeerReset {
                    "held"
                } else {
                    "holds"
                },
                group.connections("half-open "),
                dead_words(group, cause),
            ),
        ),
        Kind::Unreachable => (
            Severity::Warning,
            suspected(
                "whose peer a router calls unreachable",
                "whose peers a router calls unreachable",
            ),
        ),
        Kind::Silent => (
            Severity::Warning,
            suspected(
                "whose peer has not answered so far",
                "whose peers have not answered so far",
            ),
        ),
        Kind::Overdue => (
            Severity::Warning,
            suspected("whose peer is overdue", "whose peers are overdue"),
        ),
        Kind::Unheard => (
            Severity::Warning,
            suspected(
                "whose peer answers, and this host drops the answer (firewall, rp_filter)",
                "whose peers answer, and this host drops the answers (firewall, rp_filter)",
            ),
        ),
        Kind::Off | Kind::NoTimer => {
            let silence = heard.map_or_else(|| "long".to_owned(), |heard| heard.to_string());
            let guard = if group.kind == Kind::Off {
                "with keepalive off"
            } else {
                "with no keepalive timer running (settings unknown)"
            };
            let doubt = group.words(
                "its peer may be gone unnoticed",
                "their peers may be gone unnoticed",
            );
            (
                Severity::Warning,
                format!("{who} has {connections} {place} silent for {silence} {guard}: {doubt}"),
            )
        }
    };
    let unsent = group.sockets.iter();
    let unsent: u64 = unsent.map(|socket| u64::from(socket.send_queue)).sum();
    let mut finding = group.finding(&RULE, severity, summary, |socket| {
        let heard = heard_ms(socket);
        heard.map_or_else(String::new, |heard| format!("heard last {} ago", Ms(heard)))
    });
    if let Kind::Dead(cause) = group.kind {
        finding = finding.evidence("cause", Value::Text(cause.name().to_owned()));
    }
    if let Some(heard) = heard {
        finding = finding
            .evidence("heard_last_at_least_ms", Value::Millis(heard.least))
            .evidence("heard_last_at_most_ms", Value::Millis(heard.most));
    }
    finding
        .evidence("undelivered_bytes", Value::Bytes(unsent))
        .remedy(remedy(group, &filters))
}

fn dead_words(group: &Group<'_, Kind>, cause: Cause) -> &'static str {
    match cause {
        Cause::PeerReset => group.words(
            "the peer did not know it any more (RST), which has ended it",
            "the peers did not know them any more (RST), which has ended them",
        ),
        Cause::Unreachable => group.words(
            "the network calls the peer unreachable, and it does not answer",
            "the network calls the peers unreachable, and they do not answer",
        ),
        _ => group.words("the peer does not answer", "the peers do not answer"),
    }
}

fn remedy(group: &Group<'_, Kind>, filters: &str) -> String {
    let path = group.words("its path", "the path of one of them");
    let trace = format!("{} shows where {path} ends", group.trace());
    let arm = format!("`ayt arm {filters} --keepalive 60/5/3` lets the kernel find the next one");
    match group.kind {
        Kind::Dead(Cause::PeerReset) => format!("{arm}; nothing is left to end"),
        Kind::Dead(_) => format!(
            "`ayt reap {filters} --yes` asks again and ends the dead; {arm}; before that, {trace}"
        ),
        Kind::Unreachable | Kind::Silent | Kind::Overdue => {
            format!("`ayt probe {filters}` asks again; {trace}")
        }
        Kind::Unheard => format!(
            "let the peer's segments in: `nft list ruleset` shows this host's firewall, `sysctl \
             net.ipv4.conf.all.rp_filter` its source check; `ayt probe {filters}` asks again"
        ),
        Kind::Off | Kind::NoTimer => format!(
            "`ayt probe {filters}` (or `ayt doctor --probe`) asks whether the peer is there; {arm}"
        ),
    }
}

#[cfg(test)]
mod tests;
