//! A row of `ayt lab --json`: one cell.

use ayt_lab::Side;
use ayt_lab::claims::{Shown, Verdict};
use ayt_lab::faults::Fault;
use ayt_lab::runner::commands::Noticed;
use ayt_lab::runner::{Outcome, Standing};
use ayt_lab::scenario::path_name;

use super::Json;

/// Appends the row and its line end.
pub(crate) fn cell(out: &mut Vec<u8>, outcome: &Outcome) {
    let cell = &outcome.cell;
    Json::new(out).object(|json| {
        json.key("fault").string(cell.fault.name());
        json.key("detector").string(cell.detector.name());
        json.key("settings").string(&cell.settings);
        json.key("path").string(path_name(cell.path));
        json.key("seed").number(cell.seed);
        json.key("detected").boolean(outcome.detected);
        json.key("cause")
            .optional_string(outcome.cause.map(ayt_core::cause::Cause::name));
        match outcome.measured {
            Some(time) => json.key("measured_s").seconds(time),
            None => json.key("measured_s").null(),
        }
        match outcome.planned {
            Some(span) => json.key("planned_s").array(|json| {
                json.seconds(span.earliest);
                // Outwards: the writer rounds down.
                json.seconds(span.latest + std::time::Duration::from_nanos(999_999));
            }),
            None => json.key("planned_s").null(),
        }
        match outcome.off_by() {
            Some(off) => json.key("off_by_s").float(off),
            None => json.key("off_by_s").null(),
        }
        json.key("false_deaths").number(outcome.false_deaths);
        json.key("as_planned")
            .boolean(outcome.standing == Standing::AsPlanned);
        let (differs, held_up) = match &outcome.standing {
            Standing::AsPlanned => (None, None),
            Standing::Differs(why) | Standing::Failed(why) => (Some(why.as_str()), None),
            Standing::HeldUp(by) => (Some("held up"), Some(*by)),
        };
        json.key("differs").optional_string(differs);
        match outcome.retried.or(held_up) {
            Some(by) => json.key("held_up_s").seconds(by),
            None => json.key("held_up_s").null(),
        }
        json.key("retried").boolean(outcome.retried.is_some());
        json.key("shows").array(|json| {
            cell.shows.iter().for_each(|row| json.string(row));
        });
        json.key("facts").array(|json| {
            for (fact, holds) in &outcome.facts {
                json.object(|json| {
                    json.key("fact").string(fact);
                    json.key("holds").boolean(*holds);
                });
            }
        });
    });
    out.push(b'\n');
}

const fn side_name(side: Side) -> &'static str {
    match side {
        Side::A => "server",
        Side::B => "client",
    }
}

/// Appends a row of `ayt lab --server … --client … --json`: one side of one fault.
pub(crate) fn noticed(out: &mut Vec<u8>, fault: Fault, noticed: &Noticed) {
    Json::new(out).object(|json| {
        json.key("fault").string(fault.name());
        json.key("side").string(side_name(noticed.side));
        json.key("detected").boolean(noticed.after.is_some());
        json.key("cause")
            .optional_string(noticed.cause.map(ayt_core::cause::Cause::name));
        for (key, time) in [("measured_s", noticed.after), ("closed_s", noticed.closed)] {
            match time {
                Some(time) => json.key(key).seconds(time),
                None => json.key(key).null(),
            }
        }
        json.key("failed").null();
    });
    out.push(b'\n');
}

/// Appends the rows, one a side, of a fault that could not be tried: nothing is known.
pub(crate) fn not_tried(out: &mut Vec<u8>, fault: Fault, why: &str) {
    for side in Side::BOTH {
        Json::new(out).object(|json| {
            json.key("fault").string(fault.name());
            json.key("side").string(side_name(side));
            for key in ["detected", "cause", "measured_s", "closed_s"] {
                json.key(key).null();
            }
            json.key("failed").string(why);
        });
        out.push(b'\n');
    }
}

/// Appends a row of `ayt lab claims --json`.
pub(crate) fn claim(out: &mut Vec<u8>, shown: &Shown) {
    Json::new(out).object(|json| {
        json.key("claim").string(shown.claim.id);
        json.key("verdict").string(shown.verdict.name());
        json.key("told").optional_string(shown.claim.folk);
        json.key("truth").string(shown.claim.truth);
        json.key("facts").array(|json| {
            for (fact, holds) in &shown.facts {
                json.object(|json| {
                    json.key("fact").string(fact);
                    json.key("holds").boolean(*holds);
                });
            }
        });
        let elsewhere = shown.claim.elsewhere;
        json.key("elsewhere")
            .optional_string(elsewhere.map(|other| other.how));
        json.key("tests").array(|json| {
            for (file, name) in elsewhere.iter().flat_map(|other| other.tests) {
                json.string(&format!("{file}: {name}"));
            }
        });
        let (failed, held_up) = match &shown.verdict {
            Verdict::Failed(why) => (Some(why.as_str()), None),
            Verdict::HeldUp(by) => (None, Some(*by)),
            _ => (None, None),
        };
        json.key("failed").optional_string(failed);
        match held_up {
            Some(by) => json.key("held_up_s").seconds(by),
            None => json.key("held_up_s").null(),
        }
        json.key("retried").boolean(shown.retried);
    });
    out.push(b'\n');
}
