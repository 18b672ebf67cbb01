//! `TCP_USER_TIMEOUT` alone.

use ayt_core::duration;
use ayt_core::plan::Detector as Planned;

use super::{Setting, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "user-timeout",
    summary: "TCP_USER_TIMEOUT without keepalive",
    notation: "U=TIME",
    usual: "U=2s",
    parse,
};

fn parse(text: &str) -> Result<Setting, String> {
    let time = text
        .strip_prefix("U=")
        .ok_or_else(|| format!("`{text}` is no user timeout: write U=TIME, such as U=2s"))?;
    let time = duration::parse(time).map_err(|error| error.to_string())?;
    // The same bounds as with keepalive.
    super::policy(&format!("1/1/1 U={}ms", time.as_millis()))?;
    match Planned::user_timeout(time) {
        Planned::Kernel(effective) => Ok(Setting::Kernel(effective)),
        _ => Err("the planner has no such detector".to_owned()),
    }
}
