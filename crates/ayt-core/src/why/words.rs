//! Names and numbers in sentences.

use crate::doctor::group::{canonical, is_one_word};
use crate::duration::Ms;
use crate::facts::{Frame, HostFacts, Socket};

/// So many of a list are named, the rest counted.
pub(super) const SHOWN: usize = 8;

/// "python3 (pid 812)".
pub(super) fn program(facts: &HostFacts, pid: u32) -> String {
    match facts.processes.get(&pid) {
        Some(process) => format!("{} (pid {pid})", process.command),
        None => format!("process {pid}"),
    }
}

/// "nginx (pids 812, 813 and 814)".
pub(super) fn programs(facts: &HostFacts, pids: &[u32]) -> String {
    match pids {
        [] => "a program that ayt may not see".to_owned(),
        [pid] => program(facts, *pid),
        [first, ..] => {
            let command = facts.processes.get(first);
            let command = command.map_or("a program", |process| process.command.as_str());
            format!("{command} (pids {})", list(pids))
        }
    }
}

/// "3", "3 and 4", "3, 4 and 5", "3, 4, … and 90 more".
pub(super) fn list<T: std::fmt::Display>(items: &[T]) -> String {
    let shown = if items.len() > SHOWN + 1 {
        SHOWN
    } else {
        items.len()
    };
    let mut words: Vec<String> = items[..shown].iter().map(ToString::to_string).collect();
    if shown < items.len() {
        words.push(format!("{} more", items.len() - shown));
    }
    match words.as_slice() {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// "1 client", "3 clients".
pub(super) fn count(number: usize, noun: &str) -> String {
    let plural = match (number, noun) {
        (1, _) => noun.to_owned(),
        (_, "process") => "processes".to_owned(),
        _ => format!("{noun}s"),
    };
    format!("{number} {plural}")
}

/// "for 14m", "for 2.2s".
pub(super) fn span(ms: u64) -> String {
    format!("for {}", Ms(ms))
}

/// "recv+0x19 (libc.so.6) < serve+0x40 (server)", the innermost first.
pub(super) fn frames(frames: &[Frame]) -> String {
    const MOST: usize = 6;
    let shown: Vec<String> = frames.iter().take(MOST).map(ToString::to_string).collect();
    let more = if frames.len() > MOST { " < …" } else { "" };
    shown.join(" < ") + more
}

/// ayt's filters that select one connection of a process.
pub(super) fn filters(facts: &HostFacts, pid: Option<u32>, socket: &Socket) -> String {
    let mut filters = String::new();
    if let Some(ns) = facts.namespace(socket.ns).filter(|ns| ns.name != "host") {
        if is_one_word(&ns.name) {
            filters += &format!("--netns {} ", ns.name);
        } else {
            filters += &format!("--netns {} ", ns.inode);
        }
    }
    if let Some(pid) = pid {
        filters += &format!("--pid {pid} ");
    }
    filters + &format!("--peer {}", canonical(socket.remote))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_end_in_and() {
        assert_eq!(list(&[3]), "3");
        assert_eq!(list(&[3, 4]), "3 and 4");
        assert_eq!(list(&[3, 4, 5]), "3, 4 and 5");
        let many: Vec<u32> = (0..30).collect();
        assert_eq!(list(&many), "0, 1, 2, 3, 4, 5, 6, 7 and 22 more");
        assert_eq!(list::<u32>(&[]), "none");
    }
}
