//! Names and numbers in sentences.

use std::net::IpAddr;

use crate::doctor::group::{canonical, is_one_word};
use crate::duration::Ms;
use crate::facts::{Frame, HostFacts, Socket};

/// So many of a list are named, the rest counted.
pub(super) const SHOWN: usize = 8;

/// Whose program it is, where that is hidden.
pub(super) const HIDDEN: &str = "a program that ayt may not see";

/// "python3 (pid 812)".
pub(super) fn program(facts: &HostFacts, pid: u32) -> String {
    match facts.processes.get(&pid) {
        Some(process) => format!("{} (pid {pid})", process.command),
        None => format!("process {pid}"),
    }
}

/// "nginx (pids 812, 813 and 814)", "nginx (pid 812) and curl (pid 900)".
pub(super) fn programs(facts: &HostFacts, pids: &[u32]) -> String {
    match pids {
        [] => HIDDEN.to_owned(),
        [pid] => program(facts, *pid),
        [first, rest @ ..] => {
            let command = |pid| {
                let process = facts.processes.get(pid);
                process.map_or("a program", |process| process.command.as_str())
            };
            if rest.iter().any(|pid| command(pid) != command(first)) {
                let all: Vec<String> = pids.iter().map(|&pid| program(facts, pid)).collect();
                return list(&all);
            }
            format!("{} (pids {})", command(first), list(pids))
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

/// "5-9, 11, 12": all of them, in order, each once.
pub(super) fn ranges(mut numbers: Vec<u32>) -> String {
    numbers.sort_unstable();
    numbers.dedup();
    let runs = numbers.chunk_by(|one, next| next - one == 1);
    let words = runs.flat_map(|run| match run {
        [first, _, .., last] => vec![format!("{first}-{last}")],
        few => few.iter().map(ToString::to_string).collect(),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// ayt's filters that select all connections of a process from one client.
pub(super) fn filters_from(
    facts: &HostFacts,
    pid: Option<u32>,
    socket: &Socket,
    port: u16,
    client: IpAddr,
) -> String {
    let process = place(facts, pid, socket);
    format!("{process}--local :{port} --peer {client}")
}

/// ayt's filters that select one connection of a process.
pub(super) fn filters(facts: &HostFacts, pid: Option<u32>, socket: &Socket) -> String {
    let process = place(facts, pid, socket);
    format!("{process}--peer {}", canonical(socket.remote))
}

/// ayt's filters that select all connections of this one's port, also those that no
/// process holds.
pub(super) fn filters_to(facts: &HostFacts, socket: &Socket) -> String {
    let place = place(facts, None, socket);
    format!("{place}--local :{}", socket.local.port())
}

/// Filters for a connection's namespace and process.
fn place(facts: &HostFacts, pid: Option<u32>, socket: &Socket) -> String {
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
    filters
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

    #[test]
    fn programs_of_one_command_are_named_once() {
        use crate::facts::sample::{Sample, process};
        let mut sample = Sample::new();
        for (pid, command) in [(8, "nginx"), (9, "nginx"), (10, "curl")] {
            sample.0.processes.insert(pid, process(pid, command));
        }
        let facts = sample.facts();
        assert_eq!(programs(&facts, &[8, 9]), "nginx (pids 8 and 9)");
        assert_eq!(
            programs(&facts, &[8, 10]),
            "nginx (pid 8) and curl (pid 10)"
        );
    }

    #[test]
    fn ranges_name_all_in_order() {
        let of = |numbers: &[u32]| ranges(numbers.to_vec());
        assert_eq!(of(&[]), "");
        assert_eq!(of(&[7]), "7");
        assert_eq!(of(&[8, 7]), "7, 8");
        assert_eq!(of(&[25, 5, 6, 9, 7, 8, 11, 9]), "5-9, 11, 25");
        assert_eq!(
            of(&[0, 1, 2, u32::MAX - 1, u32::MAX]),
            "0-2, 4294967294, 4294967295"
        );
    }
}
