//! The peer does not know the connection any more: it answered the ask with RST.

use super::half_open::{blocked_on, held, tell_group};
use super::told::Cause;
use super::{Case, Rule};
use crate::cause::Cause as End;
use crate::facts::Socket;
use crate::verdict::Verdict;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "peer-rebooted",
    summary: "the peer has rebooted, or forgotten the connection",
    check,
};

fn check(case: &Case<'_>) -> Vec<Cause> {
    let forgotten = |socket: &Socket| {
        matches!(
            case.facts.verdict_of(socket),
            Some(Verdict::Dead(End::PeerReset))
        )
    };
    let groups = held(case, forgotten).into_iter();
    groups
        .map(|group| {
            let mut cause = tell_group(case, &RULE, &group, |what, them| {
                format!(
                    "{what}: asked, its kernel answered with RST. It has rebooted, or it or a \
                     box on the way has forgotten {them}."
                )
            });
            blocked_on(case, &mut cause, &group);
            cause.says(
                "The answer has ended what it was about: the program reads ECONNRESET now, if it \
                 reads at all.",
            );
            cause.remedy(
                "the program must open such connections again; keepalive shorter than the \
                 memory of the boxes on the way keeps them (`ayt plan`)",
            );
            cause
        })
        .collect()
}
