//! `ayt doctor`.

use std::time::Duration;

use ayt_core::doctor::{Limits, Rule, rules};
use clap::Args;

use super::{AskArgs, FilterArgs, Json, values};

pub(super) const HELP: &str = "\
Looks at the host and says what is wrong: the verdict, the numbers behind it, \
who it is, and what to do, with the command to paste. It changes nothing.

With --probe, suspects become certainties: the peers are asked (see `ayt probe`), \
also those of ESTABLISHED connections that no program has accepted yet. Where connections wait to be accepted, a second look is taken a second later.";

const EXAMPLES: &str = "\
Examples:
  ayt doctor
  ayt doctor --probe
  ayt doctor --only accept-stuck,close-wait-leak --command java
  ayt doctor --explain close-wait-leak";

/// Options of `ayt doctor`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Ask the peers: suspects become certain
    #[arg(long, help_heading = "Asking")]
    pub(crate) probe: bool,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
    /// What it finds, how it decides, where it may be wrong
    #[arg(long, value_name = "RULE", value_parser = rule, help_heading = "Rules")]
    pub(crate) explain: Option<&'static Rule>,
    /// List the rules
    #[arg(long, help_heading = "Rules")]
    pub(crate) rules: bool,
    /// Run only this rule, or several: half-open,orphans
    #[arg(
        long,
        value_name = "RULE",
        value_delimiter = ',',
        value_parser = rule,
        help_heading = "Rules"
    )]
    only: Vec<&'static Rule>,
    /// Run all but this rule, or several
    #[arg(
        long,
        value_name = "RULE",
        value_delimiter = ',',
        value_parser = rule,
        help_heading = "Rules"
    )]
    skip: Vec<&'static Rule>,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// From when on something counts.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
struct LimitArgs {
    /// Unguarded silence that is suspect (15m)
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    suspect_after: Option<Duration>,
    /// Idle time that lets settings matter (1m)
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    idle_after: Option<Duration>,
    /// Age of an owed close that counts (1m)
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    stuck_after: Option<Duration>,
    /// Detection that is slow if longer (15m)
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    keepalive_budget: Option<Duration>,
    /// Use of ports or descriptors that hurts (80)
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=100))]
    pressure: Option<u8>,
    /// Between two looks at an accept queue (1s)
    #[arg(
        long,
        value_name = "TIME",
        default_value = "1s",
        hide_default_value = true,
        value_parser = values::positive_duration
    )]
    look_apart: Duration,
}

impl DoctorArgs {
    /// The rules to run, in their order.
    pub(crate) fn chosen(&self) -> Vec<&'static Rule> {
        let listed = |rules: &[&Rule], rule: &Rule| rules.iter().any(|one| one.id == rule.id);
        rules::ALL
            .iter()
            .copied()
            .filter(|rule| self.only.is_empty() || listed(&self.only, rule))
            .filter(|rule| !listed(&self.skip, rule))
            .collect()
    }

    /// The limits, changed as asked.
    pub(crate) fn limits(&self) -> Limits {
        let defaults = Limits::default();
        let given = &self.limits;
        Limits {
            suspect_after: given.suspect_after.unwrap_or(defaults.suspect_after),
            idle_after: given.idle_after.unwrap_or(defaults.idle_after),
            stuck_after: given.stuck_after.unwrap_or(defaults.stuck_after),
            keepalive_budget: given.keepalive_budget.unwrap_or(defaults.keepalive_budget),
            pressure_percent: given.pressure.map_or(defaults.pressure_percent, u64::from),
            ..defaults
        }
    }

    /// The time between two looks.
    pub(crate) const fn look_apart(&self) -> Duration {
        self.limits.look_apart
    }
}

fn rule(id: &str) -> Result<&'static Rule, String> {
    rules::by_id(id).ok_or_else(|| {
        let near = rules::ALL
            .iter()
            .map(|rule| (distance(rule.id, id), rule.id))
            .min()
            .filter(|(distance, _)| *distance <= 3)
            .map(|(_, near)| format!("; did you mean `{near}`?"));
        format!(
            "no rule is called `{id}`{}",
            near.unwrap_or_else(|| "; `ayt doctor --rules` lists them".to_owned())
        )
    })
}

/// Edits between two words (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replace = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_rule_suggests_a_near_one() {
        assert_eq!(
            rule("close-wait-leek").unwrap_err(),
            "no rule is called `close-wait-leek`; did you mean `close-wait-leak`?"
        );
        assert!(rule("xyz").unwrap_err().contains("--rules"));
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
