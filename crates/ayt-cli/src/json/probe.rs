//! A row of `ayt probe --json`: all of the list's row, and the answer.

use ayt_core::facts::{HostFacts, Socket};
use ayt_guard::probe::Answer;

use super::Json;

/// Appends the row and its line end.
pub(crate) fn answer(out: &mut Vec<u8>, facts: &HostFacts, socket: &Socket, answer: &Answer) {
    Json::new(out).object(|json| {
        json.verdict(&answer.verdict);
        json.key("engine")
            .optional_string(answer.engine.map(|engine| engine.name()));
        json.key("passed_over").array(|json| {
            for (engine, why) in &answer.choice.passed_over {
                json.object(|json| {
                    json.key("engine").string(engine.name());
                    json.key("why").why(why);
                });
            }
        });
        json.key("numbers")
            .optional_string(answer.numbers.map(|numbers| numbers.name()));
        json.key("asks").number(answer.asks);
        json.key("pinned").array(|json| {
            for name in &answer.pinned {
                json.string(name);
            }
        });
        json.key("probes_raised").number(answer.probes_raised);
        json.socket(facts, socket);
    });
    out.push(b'\n');
}
