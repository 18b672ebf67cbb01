//! /proc/PID/stat and /proc/PID/limits.

/// The part of /proc/PID/stat ayt uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// Command name, as the kernel keeps it (at most 15 bytes).
    pub command: String,
    /// State letter.
    pub state: char,
    /// Parent's id.
    pub parent: u32,
    /// Start, clock ticks since boot.
    pub start_ticks: u64,
}

/// Reads /proc/PID/stat. The command stands in parentheses and may itself hold
/// parentheses, spaces and line feeds: it ends at the last one.
#[must_use]
pub fn stat(text: &str) -> Option<Stat> {
    let open = text.find('(')?;
    let close = text.rfind(')')?;
    let command = text.get(open + 1..close)?.to_owned();
    let mut fields = text.get(close + 1..)?.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    // starttime is field 22; fields 3 and 4 are taken.
    let start_ticks = fields.nth(17)?.parse().ok()?;
    Some(Stat {
        command,
        state,
        parent,
        start_ticks,
    })
}

/// The soft limit of open files from /proc/PID/limits; `u64::MAX` for
/// "unlimited".
#[must_use]
pub fn open_files_limit(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_ascii_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_may_hold_anything() {
        let rest = "S 1 812 812 0 -1 4194560 300 0 0 0 1 2 0 0 20 0 4 0 555 1000 200";
        for command in ["redis-server", "a) S 7 (b", "two words", ""] {
            let text = format!("812 ({command}) {rest}\n");
            let stat = stat(&text).unwrap();
            assert_eq!(stat.command, command);
            assert_eq!((stat.state, stat.parent, stat.start_ticks), ('S', 1, 555));
        }
        assert_eq!(stat("812 (x) S 1"), None);
        assert_eq!(stat(")("), None);
    }

    #[test]
    fn reads_the_limit() {
        let text = "Limit                     Soft Limit           Hard Limit           Units\n\
                    Max open files            1024                 20000                files\n";
        assert_eq!(open_files_limit(text), Some(1024));
        assert_eq!(
            open_files_limit("Max open files            unlimited            unlimited files"),
            Some(u64::MAX)
        );
        assert_eq!(open_files_limit("Max open files"), None);
    }
}
