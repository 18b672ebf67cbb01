//! Keepalive and `TCP_USER_TIMEOUT`.

use super::{Setting, Spec, policy};

pub(super) const SPEC: Spec = Spec {
    name: "both",
    summary: "keepalive and TCP_USER_TIMEOUT",
    notation: "I/V/N U=TIME",
    usual: "2/1/3 U=3s",
    parse,
};

fn parse(text: &str) -> Result<Setting, String> {
    let (policy, effective) = policy(text)?;
    if policy.user_timeout().is_none() {
        return Err(format!(
            "`{text}` has no user timeout: add one, such as U=3s"
        ));
    }
    Ok(Setting::Kernel(effective))
}
