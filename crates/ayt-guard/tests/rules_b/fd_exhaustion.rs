//! A process at the end of its descriptors.

use std::io::Write;
use std::process::Command;

use ayt_core::doctor::Severity;
use ayt_testbed::{Fixture, Need, Ns, eventually};

use crate::support::{Done, Look, PATIENCE, amount, connect, text};

const RULE: &str = "fd-exhaustion";

fn descriptors(pid: u32) -> u64 {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd"));
    entries.map_or(0, |entries| entries.count() as u64)
}

#[test]
fn nearly_all_and_all_used_up() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    for (free, severity) in [("2", Severity::Warning), ("0", Severity::Critical)] {
        let bind = ["--bind", "127.0.0.1:0"];
        let hog = ["fd-hog", "--limit", "64", "--free", free];
        let hog = Fixture::start(&ns, hog.iter().chain(&bind))?;
        let finding = Look::of(&ns).one(RULE);
        assert_eq!(finding.severity, severity);
        assert_eq!(amount(&finding, "open"), hog.field::<u64>("open"));
        assert_eq!(amount(&finding, "open"), descriptors(hog.pid()));
        assert_eq!(amount(&finding, "limit"), 64);
        assert_eq!(text(&finding, "tcp_by_state"), "LISTEN 1");
        assert!(finding.summary.contains(&format!("(pid {})", hog.pid())));
    }
    Ok(())
}

#[test]
fn a_program_that_never_closes_is_told_from_a_busy_one_and_the_remedy_helps() -> Done {
    if !Need::root() || !Need::program("prlimit", "apt-get install util-linux") {
        return Ok(());
    }
    let ns = Ns::new()?;
    let leaky = Fixture::start(&ns, ["leak-close-wait"])?;
    let pid = leaky.pid();
    let idle = descriptors(pid);
    for _ in 0..40 {
        connect(&ns, leaky.addr()).write_all(b"bye")?;
    }
    eventually("it holds them all", PATIENCE, || {
        descriptors(pid) == idle + 40
    });
    let look = Look::of(&ns);
    look.silent(RULE);
    let limit = format!("--nofile={}:", idle + 42);
    ns.output(Command::new("prlimit").args(["--pid", &pid.to_string(), &limit]))?;
    let finding = look.one(RULE);
    assert_eq!(finding.severity, Severity::Warning);
    assert_eq!(amount(&finding, "open"), idle + 40);
    assert_eq!(amount(&finding, "limit"), idle + 42);
    assert_eq!(amount(&finding, "close_wait"), 40);
    assert_eq!(finding.owners.len(), 40);
    assert!(finding.owners.iter().all(|owner| owner.pid == pid));
    assert_eq!(text(&finding, "tcp_by_state"), "CLOSE_WAIT 40, LISTEN 1");
    assert_eq!(amount(&finding, "dead_held"), 0);
    // With a filter by peer they are not looked for: no zero is made of that.
    let mut by_peer = look.clone();
    by_peer.collect.filter.peer = vec!["127.0.0.1".parse()?];
    let narrow = by_peer.one(RULE);
    assert!(narrow.evidence.iter().all(|one| one.name != "dead_held"));

    let room = finding.remedy.split('`').nth(3).expect("a second command");
    assert!(room.starts_with("prlimit "), "{room}");
    let done = Command::new("sh").args(["-c", room]).status()?;
    assert!(done.success());
    look.silent(RULE);
    Ok(())
}

#[test]
fn descriptors_of_ended_connections_are_counted() -> Done {
    if !Need::root() || !Need::program("prlimit", "apt-get install util-linux") {
        return Ok(());
    }
    let ns = Ns::new()?;
    let holder = Fixture::start(&ns, ["dead-held", "--number", "30"])?;
    let pid = holder.pid();
    let limit = format!("--nofile={}:", descriptors(pid) + 1);
    ns.output(Command::new("prlimit").args(["--pid", &pid.to_string(), &limit]))?;
    // It has not one socket left that a table of connections shows.
    let finding = Look::of_pids(&[pid]).one(RULE);
    assert_eq!(amount(&finding, "dead_held"), 30);
    assert!(finding.remedy.contains("--only dead-held"));
    Ok(())
}
