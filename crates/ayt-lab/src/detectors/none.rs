//! A program that sets nothing and waits.

use super::{Setting, Spec};
use ayt_core::plan::Detector as Planned;

pub(super) const SPEC: Spec = Spec {
    name: "none",
    summary: "a program that sets nothing",
    notation: "no settings",
    usual: "",
    parse,
};

fn parse(text: &str) -> Result<Setting, String> {
    if !text.is_empty() {
        return Err(format!("`none` takes no settings, and `{text}` is given"));
    }
    match Planned::nothing() {
        Planned::Kernel(effective) => Ok(Setting::Kernel(effective)),
        _ => Err("the planner has no such detector".to_owned()),
    }
}
