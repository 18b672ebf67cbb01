//! A heartbeat whose usual gaps are learnt.

use ayt_core::detectors::AccrualTerms;
use std::time::Duration;

use super::{Setting, Spec, beats};

pub(super) const SPEC: Spec = Spec {
    name: "accrual",
    summary: "learns the usual gaps: expects one every B, dead after M·B + C at most",
    notation: "B/M/C",
    usual: "500ms/5/500ms",
    parse,
};

fn parse(text: &str) -> Result<Setting, String> {
    let (expected, most, challenge) = beats(text)?;
    let ceiling = expected
        .saturating_mul(u32::from(most))
        .saturating_add(challenge);
    let tell = |error: &dyn std::fmt::Display| error.to_string();
    let terms = AccrualTerms::new(expected)
        .and_then(|terms| terms.with_ceiling(ceiling, challenge))
        // Within a lab nothing pauses for seconds.
        .and_then(|terms| terms.with_floor(Duration::from_millis(50), expected / 2))
        .map_err(|error| tell(&error))?;
    Ok(Setting::Accrual(expected, terms))
}
