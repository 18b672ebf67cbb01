//! `ayt probe`, asked from the host's side: the program that is watched knows nothing.

use std::time::Duration;

use ayt_core::duration;

use super::{Setting, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "probe",
    summary: "`ayt probe` from the host's side, as soon as the fault is there",
    notation: "PATIENCE",
    usual: "1.5s",
    parse,
};

fn parse(text: &str) -> Result<Setting, String> {
    let patience = duration::parse(text).map_err(|error| error.to_string())?;
    if patience > Duration::from_secs(60) {
        return Err(format!(
            "a patience of `{text}` is longer than a lab waits: at most 1m"
        ));
    }
    Ok(Setting::Probe(patience))
}
