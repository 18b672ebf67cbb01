//! Connections in a state that somebody owes the end of, and does not end.

use super::group::{Group, by_service, ms};
use super::{Finding, Limits, Rule, Severity, Value};
use crate::duration::Ms;
use crate::facts::{HostFacts, Socket};

/// Connections of one service that have been in their state for long.
pub(super) struct Overdue<'g, 'a> {
    /// Which they are.
    pub(super) group: &'g Group<'a, ()>,
    /// The oldest is at least this old, ms.
    pub(super) oldest: u64,
}

/// Of the sockets with a descriptor that are `owed` an end: those of a service
/// where one is `stuck_after` old, or where they pile up sooner.
pub(super) fn overdue(
    facts: &HostFacts,
    limits: &Limits,
    owed: impl Fn(&Socket) -> bool,
    finding: impl Fn(&Overdue<'_, '_>) -> Finding,
) -> Vec<Finding> {
    let owed = facts.sockets.iter().filter(|socket| {
        owed(socket) && socket.inode != 0 && socket.age_at_least_ms() >= Some(ms(limits.pile_after))
    });
    by_service(facts, owed.map(|socket| (socket, ())))
        .iter()
        .filter_map(|group| {
            let oldest = group.span(Socket::age_at_least_ms)?.most;
            let certain = oldest >= ms(limits.stuck_after);
            let tell = certain || group.count() >= limits.pile;
            tell.then(|| finding(&Overdue { group, oldest }))
        })
        .collect()
}

impl Overdue<'_, '_> {
    /// A finding about all of them, with their number and age.
    pub(super) fn finding(&self, rule: &Rule, severity: Severity, summary: String) -> Finding {
        let age = |socket: &Socket| {
            let age = socket.age_at_least_ms();
            age.map_or_else(String::new, |age| format!("at least {}", Ms(age)))
        };
        self.group
            .finding(rule, severity, summary, age)
            .evidence("oldest_age_at_least_ms", Value::Millis(self.oldest))
    }
}
