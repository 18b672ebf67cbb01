//! The library: a session of `ayt/1` between its server and its client.

use ayt_core::detectors::Terms;

use super::{Setting, Spec, beats};

pub(super) const SPEC: Spec = Spec {
    name: "session",
    summary: "the library's Server and Client (ayt/1), with its heartbeat",
    notation: "B/M/C",
    usual: "500ms/2/500ms",
    parse,
};

fn parse(text: &str) -> Result<Setting, String> {
    let (interval, misses, challenge) = beats(text)?;
    Terms::new(interval, misses, challenge)
        .map(Setting::Session)
        .map_err(|error| error.to_string())
}
