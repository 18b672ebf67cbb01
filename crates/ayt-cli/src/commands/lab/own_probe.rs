//! `ayt probe` for the lab: this program again, as a user would call it.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ayt_core::cause::Cause;
use ayt_lab::runner::Prober;

/// Asks with `ayt probe --json`.
#[derive(Debug)]
pub(super) struct OwnProbe;

impl Prober for OwnProbe {
    fn ask(&self, netns: u64, pid: u32, patience: Duration) -> Result<Option<Cause>, String> {
        // A journal of its own: it asks nobody but connections of the lab, and need not
        // wait for other cells.
        let journal = Journal::new()?;
        let ran = Command::new("/proc/self/exe")
            .args(["probe", "--json", "--netns", &netns.to_string()])
            .args(["--pid", &pid.to_string()])
            .args(["--patience", &format!("{}ms", patience.as_millis())])
            .env("AYT_RUNTIME_DIR", &journal.0)
            .output()
            .map_err(|error| format!("start ayt probe: {error}"))?;
        verdict(&String::from_utf8_lossy(&ran.stdout)).ok_or_else(|| {
            let said = String::from_utf8_lossy(&ran.stderr);
            format!("ayt probe asked nobody: {}", said.trim())
        })
    }
}

/// The verdict of the one row there is.
fn verdict(rows: &str) -> Option<Option<Cause>> {
    let row = rows.lines().next()?;
    let says = |key: &str, value: &str| row.contains(&format!("\"{key}\":\"{value}\""));
    if says("verdict", "alive") {
        return Some(None);
    }
    let dead = says("verdict", "dead");
    let cause = Cause::ALL
        .into_iter()
        .find(|cause| says("cause", cause.name()));
    cause.filter(|_| dead).map(Some)
}

/// A folder that vanishes.
struct Journal(PathBuf);

impl Journal {
    fn new() -> Result<Self, String> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ayt-lab-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder)
            .map_err(|error| format!("make {}: {error}", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_is_read_from_the_row() {
        let alive = "{\"state\":\"ESTABLISHED\",\"verdict\":\"alive\",\"cause\":null}";
        let dead = "{\"verdict\":\"dead\",\"cause\":\"peer_reset\"}";
        let unknown = "{\"verdict\":\"unknown\",\"cause\":null}";
        assert_eq!(verdict(alive), Some(None));
        assert_eq!(verdict(dead), Some(Some(Cause::PeerReset)));
        assert_eq!(verdict(unknown), None);
        assert_eq!(verdict(""), None);
    }
}
