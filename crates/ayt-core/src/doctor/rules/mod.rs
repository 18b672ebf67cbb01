//! The rules: one file each. To add one, write `rules/<name>.rs` with a
//! `pub(super) const RULE: Rule`, and name it in the two lists below: a rule that
//! is not in [`ALL`] is dead code, which the lints refuse.

use super::Rule;

mod accept_stuck;
mod close_wait_leak;
mod dead_held;
mod fd_exhaustion;
mod fin_wait_2_stuck;
mod ghost_family;
mod half_open;
mod inherited_fd;
mod keepalive_slow;
mod listen_overflow;
mod middlebox_idle;
mod no_keepalive;
mod orphans;
mod reader_stuck;
mod retransmitting;
mod sysctl_stale;
mod time_wait_pressure;
mod user_timeout_conflict;
mod zero_window;

/// Every rule, in the order in which their findings are told.
pub const ALL: &[&Rule] = &[
    &accept_stuck::RULE,
    &half_open::RULE,
    &ghost_family::RULE,
    &retransmitting::RULE,
    &close_wait_leak::RULE,
    &dead_held::RULE,
    &fd_exhaustion::RULE,
    &listen_overflow::RULE,
    &reader_stuck::RULE,
    &zero_window::RULE,
    &fin_wait_2_stuck::RULE,
    &time_wait_pressure::RULE,
    &orphans::RULE,
    &inherited_fd::RULE,
    &no_keepalive::RULE,
    &keepalive_slow::RULE,
    &user_timeout_conflict::RULE,
    &middlebox_idle::RULE,
    &sysctl_stale::RULE,
];

/// The rule with this id.
#[must_use]
pub fn by_id(id: &str) -> Option<&'static Rule> {
    ALL.iter().copied().find(|rule| rule.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_kebab_case_and_every_rule_explains_itself() {
        let mut seen = std::collections::BTreeSet::new();
        for rule in ALL {
            assert!(seen.insert(rule.id), "{} twice", rule.id);
            assert!(
                rule.id
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c == '-' || c.is_ascii_digit()),
                "{}",
                rule.id
            );
            assert!(
                !rule.summary.ends_with('.') && rule.summary.len() <= 80,
                "{}",
                rule.id
            );
            assert!(rule.explanation.len() > 200, "{}: explain more", rule.id);
            assert!(!rule.remedy.is_empty(), "{}", rule.id);
            assert_eq!(by_id(rule.id).map(|found| found.id), Some(rule.id));
        }
        assert!(by_id("no-such-rule").is_none());
    }
}
