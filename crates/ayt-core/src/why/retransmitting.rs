//! Data was written, and nothing acknowledges it.

use super::told::{Cause, from_doctor};
use super::{Case, Rule};
use crate::tcp_state::TcpState;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "retransmitting",
    summary: "what was sent is not acknowledged",
    check,
};

fn check(case: &Case<'_>) -> Vec<Cause> {
    let found = from_doctor(case, &RULE, "retransmitting", case.limits, |finding| {
        let data = finding
            .connections
            .iter()
            .filter(|one| one.state != TcpState::SynSent);
        case.concerns(data.map(|one| one.cookie))
    });
    found.into_iter().map(|(cause, _)| cause).collect()
}
