//! Kernel keepalive.

use super::{Setting, Spec, policy};

pub(super) const SPEC: Spec = Spec {
    name: "keepalive",
    summary: "kernel keepalive: I seconds idle, then N probes every V",
    notation: "I/V/N",
    usual: "2/1/2",
    parse,
};

fn parse(text: &str) -> Result<Setting, String> {
    let (policy, effective) = policy(text)?;
    if policy.user_timeout().is_some() {
        return Err(format!(
            "`{text}` has a user timeout: that detector is `both`"
        ));
    }
    Ok(Setting::Kernel(effective))
}
