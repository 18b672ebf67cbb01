//! A heartbeat that the peer has promised.

use ayt_core::detectors::Terms;

use super::{Setting, Spec, beats};

pub(super) const SPEC: Spec = Spec {
    name: "heartbeat",
    summary: "a promised heartbeat: every B, M misses, then C to answer",
    notation: "B/M/C",
    usual: "500ms/2/500ms",
    parse,
};

fn parse(text: &str) -> Result<Setting, String> {
    let (interval, misses, challenge) = beats(text)?;
    Terms::new(interval, misses, challenge)
        .map(Setting::Heartbeat)
        .map_err(|error| error.to_string())
}
