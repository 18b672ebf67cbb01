//! A row of `ayt list --json`: all that is known of one socket.

use std::fmt::Write as _;

use ayt_core::fact::{Fact, Why};
use ayt_core::facts::{HostFacts, Socket, TcpInfo, Unit};

use super::Json;
use crate::text::cells;

/// Appends the row and its line end.
pub(crate) fn row(out: &mut Vec<u8>, facts: &HostFacts, socket: &Socket) {
    Json::new(out).object(|json| json.socket(facts, socket));
    out.push(b'\n');
}

impl Json<'_> {
    /// Everything about a socket.
    pub(super) fn socket(&mut self, facts: &HostFacts, socket: &Socket) {
        self.identity(facts, socket);
        self.place(facts, socket);
        match facts.keepalive.get(&socket.cookie) {
            Some(keepalive) => self.keepalive("keepalive", "keepalive_unknown", keepalive),
            None => self.keepalive(
                "keepalive",
                "keepalive_unknown",
                &Fact::Unknown(Why::NotAsked),
            ),
        }
        self.ages(socket);
        self.key("receive_queue").number(socket.receive_queue);
        self.key("send_queue").number(socket.send_queue);
        self.key("timer").object(|json| {
            json.key("kind").string(socket.timer.kind.name());
            json.key("count").number(socket.timer.count);
            json.key("expires_ms").number(socket.timer.expires_ms);
        });
        self.tcp(socket);
    }

    /// Inode, user, and where its first owner runs.
    fn place(&mut self, facts: &HostFacts, socket: &Socket) {
        const NOWHERE: &Unit = &Unit {
            systemd: None,
            container: None,
            pod: None,
        };
        let unit = facts
            .owners_of(socket)
            .first()
            .and_then(|owner| facts.process(owner))
            .map_or(NOWHERE, |process| &process.unit);
        self.key("inode").number(socket.inode);
        self.key("uid").number(socket.uid);
        self.key("unit").optional_string(unit.systemd.as_deref());
        self.key("container")
            .optional_string(unit.container.as_deref());
        self.key("pod").optional_string(unit.pod.as_deref());
    }

    /// TCP's own account.
    fn tcp(&mut self, socket: &Socket) {
        let Some(tcp) = cells::account(socket) else {
            self.key("retransmits").null();
            self.key("tcp").null();
            self.key("tcp_unknown").string(cells::no_account(socket));
            return;
        };
        self.key("retransmits").number(tcp.retransmits);
        self.key("tcp").object(|json| json.numbers(tcp));
    }

    fn numbers(&mut self, tcp: &TcpInfo) {
        self.key("rtt_us").number(tcp.rtt_us);
        self.key("rttvar_us").number(tcp.rttvar_us);
        self.key("rto_us").number(tcp.rto_us);
        self.key("backoff").number(tcp.backoff);
        self.key("probes").number(tcp.probes);
        self.key("unacked").number(tcp.unacked);
        self.key("total_retrans").number(tcp.total_retrans);
        self.key("pmtu").number(tcp.pmtu);
        let newer = [
            ("segs_in", tcp.segs_in.map(u64::from), "4.2"),
            ("bytes_received", tcp.bytes_received, "4.1"),
            ("bytes_acked", tcp.bytes_acked, "4.1"),
            ("notsent_bytes", tcp.notsent_bytes.map(u64::from), "4.6"),
            ("snd_wnd", tcp.snd_wnd.map(u64::from), "5.4"),
        ];
        let mut missing = String::new();
        for (name, value, since) in newer {
            match value {
                Some(value) => self.key(name).number(value),
                None => {
                    self.key(name).null();
                    let comma = if missing.is_empty() { "" } else { ", " };
                    let _ = write!(missing, "{comma}{name} (Linux {since})");
                }
            }
        }
        if !missing.is_empty() {
            let text = format!("this kernel does not tell {missing}");
            self.key("unknown").string(&text);
        }
    }
}
