//! What is known of a connection's peer, in words.

use super::super::{Case, words};
use crate::cause::Cause;
use crate::doctor::commands::trace;
use crate::duration::Ms;
use crate::facts::{Socket, TimerKind};
use crate::tcp_state::TcpState;
use crate::verdict::{Suspicion, Verdict};

/// A clause that continues "a connection to 10.0.3.7:51144, …".
pub(in crate::why) fn peer_clause(case: &Case<'_>, socket: &Socket) -> String {
    let asks = case.facts.inside.asks.get(&socket.cookie).copied();
    let asked = match asks {
        Some(1) => "was asked once".to_owned(),
        Some(2) => "was asked twice".to_owned(),
        Some(count) if count > 0 => format!("was asked {count} times"),
        _ => "was asked".to_owned(),
    };
    match case.facts.verdict_of(socket) {
        Some(Verdict::Dead(Cause::Unanswered)) => {
            format!("which {asked} and is silent (half-open)")
        }
        Some(Verdict::Dead(Cause::PeerReset)) => {
            "whose peer answered the ask with RST: it has rebooted or forgotten it".to_owned()
        }
        Some(Verdict::Dead(Cause::Unreachable)) => {
            format!(
                "which {asked} and is silent, and the network says that it cannot be \
                 reached (ICMP, or nobody answers ARP)"
            )
        }
        Some(Verdict::Dead(cause)) => format!("which is dead: {}", cause.sentence()),
        Some(Verdict::Alive { rtt }) => {
            let within = rtt.map_or_else(String::new, |rtt| match rtt.as_millis() {
                0 => " at once".to_owned(),
                ms => format!(" within {ms}ms"),
            });
            format!(
                "whose peer's kernel answers{within}: the program there is slow, frozen, or has \
                 nothing to say"
            )
        }
        Some(Verdict::Suspect(Suspicion::Unheard)) => {
            "whose peer answers, and this host drops the answer before TCP has it (its firewall, \
             or rp_filter)"
                .to_owned()
        }
        Some(Verdict::Suspect(_)) => format!("which {asked} and is silent so far"),
        Some(Verdict::Quiet | Verdict::Unknown(_)) | None => unasked(case, socket),
    }
}

fn unasked(case: &Case<'_>, socket: &Socket) -> String {
    if socket.state == TcpState::SynSent {
        let retransmits = syns(socket);
        return match retransmits {
            0 => "which is not made yet".to_owned(),
            n => format!(
                "which is not made: {} went unanswered",
                words::count(usize::from(n) + 1, "SYN")
            ),
        };
    }
    let heard = socket.tcp.as_ref().map(|tcp| u64::from(tcp.heard_ms()));
    let heard = heard.map_or_else(String::new, |ms| format!("last heard {} ago", Ms(ms)));
    if let Some(other) = case.other_end(socket) {
        let pids: Vec<u32> = case
            .facts
            .owners_of(other)
            .iter()
            .map(|one| one.pid)
            .collect();
        if let [pid, ..] = pids.as_slice() {
            return format!(
                "the other end of which is {} on this host, {heard}",
                words::program(case.facts, *pid)
            );
        }
    }
    if heard.is_empty() {
        return "of which the kernel keeps no account".to_owned();
    }
    heard
}

/// How often a SYN was sent again.
pub(in crate::why) fn syns(socket: &Socket) -> u8 {
    let counted = socket.tcp.as_ref().map_or(0, |tcp| tcp.retransmits);
    if socket.timer.kind == TimerKind::Retransmit {
        counted.max(socket.timer.count)
    } else {
        counted
    }
}

/// What to do about a thread that sits on this connection, or about several like it;
/// `filters` select them.
pub(in crate::why) fn peer_remedy(case: &Case<'_>, filters: &str, socket: &Socket) -> Vec<String> {
    let prevent = format!(
        "`ayt arm {filters} --keepalive 60/5/3` finds such a peer in time; a read and write \
         timeout in the program does it for good"
    );
    match case.facts.verdict_of(socket) {
        Some(Verdict::Dead(Cause::PeerReset)) => vec![
            "the answer has ended the connection: who sits there goes on by itself".to_owned(),
            prevent,
        ],
        Some(Verdict::Dead(_)) => vec![
            format!(
                "`ayt reap {filters} --yes` ends what is dead: who sits there goes on, with \
                 ECONNABORTED; before that, {} shows where its path ends",
                trace(socket)
            ),
            prevent,
        ],
        Some(Verdict::Alive { .. }) => vec![
            "the peer lives, so look at the program there; here, give the program a read and \
             write timeout, or a thread per client, so that one peer cannot hold up all others"
                .to_owned(),
        ],
        _ if case.facts.peer_is_local(socket) || case.other_end(socket).is_some() => vec![
            "look at the program at the other end: `ayt why` with its pid; here, give the \
             program a read and write timeout, or a thread per client"
                .to_owned(),
        ],
        _ if socket.state == TcpState::SynSent => vec![format!(
            "find out who drops the SYN: a firewall on the way (`nft list ruleset`, security \
             groups), or no host at {}; a connect timeout in the program bounds the wait",
            socket.remote
        )],
        _ => vec![
            format!("`ayt probe {filters}` tells whether the peer is gone"),
            prevent,
        ],
    }
}
