//! `retransmitting`: data, or a connection attempt, that nobody acknowledges.

mod give_up;

use crate::doctor::group::{Group, Span, by_service, heard_ms};
use crate::doctor::{Finding, Limits, Outcome, Rule, Severity, Value};
use crate::facts::{HostFacts, Socket, TimerKind};
use crate::tcp_state::TcpState;
use give_up::{Course, model_timeout_ms};

/// A single retransmission is everyday loss; from the second on the peer is
/// worth a word.
const TOLD_FROM: u8 = 2;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "retransmitting",
    summary: "data or connection attempts that the peer does not acknowledge",
    explanation: "\
Sent data that is not acknowledged is sent again, at once doubled intervals. Until \
the kernel gives up, the program sees nothing: its writes succeed into the buffer, \
its reads wait, and keepalive is silent while data is in flight. A peer that \
vanished with data in flight is found here, by default after 15 minutes.

ayt tells connections on which the retransmission timer runs after at least two \
retransmissions in a row without an answer. With TCP_USER_TIMEOUT the kernel gives \
up that long after the first retransmission. Without, tcp_retries2 counts, but as \
a time: that of a connection whose timeout starts at 200 ms and doubles up to 120 s \
(or tcp_rto_max_ms): 15 is 924.6 s, 8 is 102.2 s. When the first retransmission \
was, ayt reckons from their number and the timeouts; the end comes at the first \
timeout after the limit, up to two minutes later: both times are told. Where the \
settings could not be read there may be a user timeout that ends it earlier. A link \
that loses much, or a radio out of cover for some seconds, is told as well, and \
recovers.

In SYN_SENT it is the first packet that has no answer: a firewall that drops, a \
host that is down, a wrong address, or a full accept queue. (A port nobody listens \
on answers with RST at once.)

Sources: Linux net/ipv4/tcp_timer.c, retransmits_timed_out(), tcp_model_timeout(); \
Documentation/networking/ip-sysctl.rst, tcp_retries2, tcp_syn_retries; RFC 6298.",
    remedy: "`ayt probe FILTERS` asks whether the peer is there; `ayt trace FILTERS` shows \
where its segments are swallowed; `ayt arm FILTERS --keepalive \
60/5/3 --user-timeout 75s` bounds the wait; for connection attempts, look at the firewall and \
the address",
    check,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    Data,
    Connect,
}

fn check(facts: &HostFacts, _: &Limits) -> Outcome {
    let told = facts.sockets.iter().filter_map(|socket| {
        let kind = match socket.state {
            TcpState::SynSent => Kind::Connect,
            TcpState::Established
            | TcpState::CloseWait
            | TcpState::FinWait1
            | TcpState::Closing
            | TcpState::LastAck => Kind::Data,
            _ => return None,
        };
        let told = socket.timer.kind == TimerKind::Retransmit
            && retransmits(socket) >= TOLD_FROM
            && !socket.orphaned();
        told.then_some((socket, kind))
    });
    let groups = by_service(facts, told);
    let findings = groups.iter().map(|group| match group.kind {
        Kind::Data => data(facts, group),
        Kind::Connect => connect(facts, group),
    });
    Outcome {
        findings: findings.collect(),
        unknown: Vec::new(),
    }
}

fn retransmits(socket: &Socket) -> u8 {
    let counted = socket.tcp.as_ref().map_or(0, |tcp| tcp.retransmits);
    counted.max(socket.timer.count)
}

/// When the kernel ends a connection, as far as can be known.
#[derive(Debug, Clone, Copy)]
struct End {
    in_ms: u64,
    latest_ms: u64,
    /// The settings were read: it does not end earlier.
    certain: bool,
}

impl End {
    fn when(self) -> Span {
        Span {
            least: self.in_ms,
            most: self.latest_ms,
        }
    }
}

fn end_of(facts: &HostFacts, socket: &Socket) -> Option<End> {
    let tcp = socket.tcp.as_ref()?;
    let sysctls = &facts.namespace(socket.ns)?.sysctls;
    let rto_max = sysctls.number("ipv4/tcp_rto_max_ms");
    let settings = facts.keepalive.get(&socket.cookie);
    let settings = settings.and_then(|settings| settings.known());
    let user_timeout = settings.map(|settings| u64::from(settings.user_timeout_ms));
    let user_timeout = user_timeout.filter(|&ms| ms > 0);
    let limit = match user_timeout {
        Some(user_timeout) => user_timeout,
        None => model_timeout_ms(sysctls.number("ipv4/tcp_retries2")?, rto_max),
    };
    // RFC 6298 2.3, with Linux's least of 200 ms for the deviation.
    let base_us = u64::from(tcp.rtt_us) + (4 * u64::from(tcp.rttvar_us)).max(200_000);
    let course = Course {
        retransmits: u64::from(retransmits(socket)),
        rto_ms: u64::from(tcp.rto_us / 1000),
        base_ms: base_us / 1000,
        next_ms: u64::from(socket.timer.expires_ms),
    };
    let running = course
        .running_ms(rto_max)
        .min(u64::from(tcp.last_ack_recv_ms));
    let in_ms = course.gives_up_in_ms(running, limit);
    Some(End {
        in_ms,
        latest_ms: match user_timeout {
            Some(_) => in_ms,
            None => course.gives_up_latest_ms(running, limit, rto_max),
        },
        certain: settings.is_some(),
    })
}

fn data(facts: &HostFacts, group: &Group<'_, Kind>) -> Finding {
    let filters = group.filters();
    let heard = group.span(heard_ms);
    let waiting: u64 = group.sockets.iter().map(|s| u64::from(s.send_queue)).sum();
    let ends: Vec<_> = group
        .sockets
        .iter()
        .filter_map(|s| end_of(facts, s))
        .collect();
    let first = ends.iter().min_by_key(|end| end.in_ms);
    let give_up = first.map_or_else(String::new, |end| {
        format!(
            "; the kernel gives up {}in about {}{}",
            group.words("", "on the first "),
            end.when(),
            if end.certain { "" } else { " (at the latest)" },
        )
    });
    let last = heard.map_or_else(String::new, |heard| format!(", heard last {heard} ago"));
    let summary = format!(
        "{} has {} {} whose {} not acknowledge data after {} retransmissions{last}{give_up}",
        group.who(),
        group.connections(""),
        group.place(),
        group.words("peer does", "peers do"),
        tries(group),
    );
    let mut finding = group
        .finding(&RULE, Severity::Warning, summary, |socket| {
            let ends = end_of(facts, socket);
            let ends = ends.map(|end| format!(", gives up in about {}", end.when()));
            let times = retransmits(socket);
            format!("{times} retransmissions{}", ends.unwrap_or_default())
        })
        .evidence(
            "retransmissions_at_most",
            Value::Count(u64::from(most(group))),
        )
        .evidence("undelivered_bytes", Value::Bytes(waiting));
    if let Some(heard) = heard {
        finding = finding.evidence("heard_last_at_most_ms", Value::Millis(heard.most));
    }
    if let Some(end) = first {
        finding = finding
            .evidence("gives_up_in_ms", Value::Millis(end.in_ms))
            .evidence("gives_up_latest_in_ms", Value::Millis(end.latest_ms));
    }
    finding.remedy(format!(
        "`ayt probe {filters}` asks whether the peer is there; {} shows where its segments are \
         swallowed; `ayt arm {filters} --keepalive 60/5/3 --user-timeout 75s` bounds the wait",
        group.trace()
    ))
}

fn connect(facts: &HostFacts, group: &Group<'_, Kind>) -> Finding {
    let summary = format!(
        "{} has {} {} still opening, unanswered after {} retransmissions: a firewall that drops, a \
         host that is down, or a full accept queue there",
        group.who(),
        group.connections(""),
        group.place(),
        tries(group),
    );
    let finding = group
        .finding(&RULE, Severity::Warning, summary, |socket| {
            format!("{} retransmissions", retransmits(socket))
        })
        .evidence(
            "retransmissions_at_most",
            Value::Count(u64::from(most(group))),
        );
    let retries = group.sockets.first().and_then(|socket| {
        let sysctls = &facts.namespace(socket.ns)?.sysctls;
        sysctls.number("ipv4/tcp_syn_retries")
    });
    let finding = match retries {
        Some(retries) => finding.evidence("tcp_syn_retries", Value::Count(retries)),
        None => finding,
    };
    finding.remedy(
        "look whether a firewall on the way drops the port, and whether the host is up and the \
         address right; the program should bound its connect() with a timeout of its own",
    )
}

/// "4", or "2 to 4".
fn tries(group: &Group<'_, Kind>) -> String {
    let counts = group.sockets.iter().map(|s| u64::from(retransmits(s)));
    match Span::of(counts) {
        Some(Span { least, most }) if least < most => format!("{least} to {most}"),
        _ => most(group).to_string(),
    }
}

fn most(group: &Group<'_, Kind>) -> u8 {
    let counts = group.sockets.iter().map(|socket| retransmits(socket));
    counts.max().unwrap_or(0)
}

#[cfg(test)]
mod tests;
