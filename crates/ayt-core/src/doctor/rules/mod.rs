//! The rules: one file each. To add one, write `rules/<name>.rs` with a
//! `pub const RULE: Rule`, and add its name to the list below.

use super::Rule;

macro_rules! rules {
    ($($name:ident),* $(,)?) => {
        $(pub mod $name;)*

        /// Every rule, in the order in which their findings are told.
        pub const ALL: &[&Rule] = &[$(&$name::RULE),*];
    };
}

rules! {
    half_open,
    ghost_family,
    retransmitting,
    no_keepalive,
    keepalive_slow,
    user_timeout_conflict,
    middlebox_idle,
    close_wait_leak,
    fin_wait_2_stuck,
    time_wait_pressure,
}

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
