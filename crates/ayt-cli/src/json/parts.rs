//! What the objects of several commands share.

use std::fmt::Display;

use ayt_core::fact::{Fact, Why};
use ayt_core::facts::{HostFacts, NsId, Owner, Socket};
use ayt_core::keepalive::Keepalive;
use ayt_core::tcp_state::TcpState;
use ayt_core::verdict::Verdict;

use super::Json;
use crate::text::cells;

impl Json<'_> {
    /// Which connection: state, endpoints, namespace, cookie, owners.
    pub(super) fn identity(&mut self, facts: &HostFacts, socket: &Socket) {
        self.key("state").string(socket.state.name());
        self.key("local").address(socket.local);
        self.key("remote").address(socket.remote);
        self.netns(facts, socket.ns);
        self.key("cookie").hexadecimal(socket.cookie.0);
        let owners = facts.owners_of(socket);
        self.key("owners").owners(facts, owners);
        if owners.is_empty() && socket.inode != 0 {
            self.key("owners_unknown").why(&Why::OwnerHidden);
        }
    }

    /// The namespace's name.
    pub(super) fn netns(&mut self, facts: &HostFacts, ns: NsId) {
        match facts.namespace(ns) {
            Some(namespace) => self.key("netns").string(&namespace.name),
            None => {
                self.key("netns").null();
                self.key("netns_unknown").why(&Why::Vanished);
            }
        }
    }

    /// Descriptors: pid, command, fd.
    pub(super) fn owners(&mut self, facts: &HostFacts, owners: &[Owner]) {
        self.array(|json| {
            for owner in owners {
                json.object(|json| {
                    json.key("pid").number(owner.pid);
                    match facts.process(owner) {
                        Some(process) => json.key("command").string(&process.command),
                        None => {
                            json.key("command").null();
                            json.key("command_unknown").why(&Why::Vanished);
                        }
                    }
                    json.key("fd").number(owner.fd);
                });
            }
        });
    }

    /// A reason, as a string.
    pub(super) fn why(&mut self, why: &Why) {
        match why {
            // The reasons that may stand in every row cost no formatting.
            Why::NotAsked => self.string("not asked"),
            why => self.display(why),
        }
    }

    /// Anything that can be printed, as a string.
    pub(super) fn display(&mut self, what: &dyn Display) {
        self.string(&what.to_string());
    }

    /// Keepalive settings under `name`, or null and why under `unknown`.
    pub(super) fn keepalive(&mut self, name: &str, unknown: &str, keepalive: &Fact<Keepalive>) {
        match keepalive {
            Fact::Known(keepalive) => self.key(name).object(|json| {
                json.key("enabled").boolean(keepalive.enabled);
                json.key("idle_s").number(keepalive.idle_s);
                json.key("interval_s").number(keepalive.interval_s);
                json.key("count").number(keepalive.count);
                json.key("user_timeout_ms")
                    .number(keepalive.user_timeout_ms);
            }),
            Fact::Unknown(why) => {
                self.key(name).null();
                self.key(unknown).why(why);
            }
        }
    }

    /// For how long nothing happened, and how old the state is at least.
    pub(super) fn ages(&mut self, socket: &Socket) {
        let account = cells::traffic(socket);
        let mut known = |name: &str, value: Option<u32>| match value {
            Some(value) => self.key(name).number(value),
            None => self.key(name).null(),
        };
        known("idle_ms", account.map(|tcp| tcp.idle_ms()));
        known("idle_ack_ms", account.map(|tcp| tcp.last_ack_recv_ms));
        known("idle_received_ms", account.map(|tcp| tcp.last_data_recv_ms));
        known("idle_sent_ms", account.map(|tcp| tcp.last_data_sent_ms));
        if account.is_none() {
            self.key("idle_unknown").string(cells::no_account(socket));
        }
        // A lower bound that rests on traffic needs some.
        let age = socket.age_at_least_ms();
        match age.filter(|_| socket.state != TcpState::SynSent) {
            Some(age) => self.key("age_at_least_ms").number(age),
            None => {
                self.key("age_at_least_ms").null();
                self.key("age_at_least_unknown")
                    .string(cells::no_account(socket));
            }
        }
    }

    /// What a probe said: `verdict`, `cause`, `rtt_ms`.
    pub(super) fn verdict(&mut self, verdict: &Verdict) {
        self.key("verdict").string(verdict.name());
        if let Verdict::Unknown(why) = verdict {
            self.key("verdict_unknown").why(why);
        }
        self.key("cause").optional_string(verdict.cause_name());
        match verdict {
            Verdict::Alive { rtt: Some(rtt) } => self.key("rtt_ms").milliseconds(*rtt),
            Verdict::Alive { rtt: None } => {
                self.key("rtt_ms").null();
                self.key("rtt_unknown")
                    .string("the peer was heard without being asked");
            }
            _ => self.key("rtt_ms").null(),
        }
    }
}
