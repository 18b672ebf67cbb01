//! A row of `ayt reap --json`: a connection, why it is a candidate, what came
//! of it.

use ayt_core::facts::HostFacts;
use ayt_guard::reap::Outcome;

use super::Json;
use crate::text::reap::Row;

/// Appends the row and its line end.
pub(crate) fn reaped(out: &mut Vec<u8>, facts: &HostFacts, row: &Row<'_>) {
    Json::new(out).object(|json| {
        json.identity(facts, row.socket);
        json.ages(row.socket);
        json.key("reason").string(row.reason.name());
        match row.verdict {
            Some(verdict) => json.verdict(verdict),
            None => {
                json.key("verdict").null();
                json.key("verdict_unknown").string("not asked");
                json.key("cause").null();
                json.key("rtt_ms").null();
            }
        }
        json.key("outcome").string(row.outcome_name());
        if let Some(Outcome::Refused(why)) = row.outcome() {
            json.key("outcome_refused").why(why);
        }
        json.key("still_held").owners(facts, row.still_held());
    });
    out.push(b'\n');
}
