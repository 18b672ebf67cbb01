//! A row of `ayt arm --json`: settings before and after.

use ayt_core::facts::{HostFacts, Socket};
use ayt_guard::arm::Armed;

use super::Json;

/// Appends the row and its line end.
pub(crate) fn armed(
    out: &mut Vec<u8>,
    facts: &HostFacts,
    socket: &Socket,
    armed: &Armed,
    dry_run: bool,
) {
    Json::new(out).object(|json| {
        json.identity(facts, socket);
        json.keepalive("before", "before_unknown", &armed.before);
        json.keepalive("after", "after_unknown", &armed.after);
        json.key("changed").boolean(armed.changed);
        json.key("dry_run").boolean(dry_run);
        match &armed.refused {
            Some(why) => json.key("refused").why(why),
            None => json.key("refused").null(),
        }
    });
    out.push(b'\n');
}
