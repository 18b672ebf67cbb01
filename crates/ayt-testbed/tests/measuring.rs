//! The programs that benchmarks are made of: pairs, bare, measure.
#![cfg(target_os = "linux")]

use std::time::Duration;

use ayt_testbed::{Fixture, Need, Ns, TcpState, eventually};

const SOON: Duration = Duration::from_secs(20);

fn established(ns: &Ns) -> usize {
    let rows = ns.tcp().expect("reading /proc/net/tcp");
    rows.iter()
        .filter(|row| row.state == TcpState::Established)
        .count()
}

#[test]
fn vanished_peers_leave_the_other_side_established_and_unaware() {
    if !Need::root() {
        return;
    }
    let ns = Ns::new().unwrap();
    let mut pairs = Fixture::start(&ns, ["pairs", "--number=20", "--v6-every=4"]).unwrap();
    assert_eq!(established(&ns), 40);
    pairs.tell("vanish 5").unwrap();
    let said = pairs.wait_line("vanished", SOON).unwrap();
    assert_eq!(said["count"], "5");
    let rows = ns.tcp().expect("its sockets");
    let all = rows.iter().filter(|row| row.state != TcpState::Listen);
    // Neither FIN nor RST: nothing is closing, 15 are whole, 5 are halves.
    assert_eq!(all.count(), 35);
    assert_eq!(established(&ns), 35);
    drop(pairs);
    eventually("no socket is left", SOON, || established(&ns) == 0);
}

#[test]
fn bare_reads_a_link_for_each_socket_of_the_pairs() {
    if !Need::root() {
        return;
    }
    let ns = Ns::new().unwrap();
    let pairs = Fixture::start(&ns, ["pairs", "--number=300", "--v6-every=10"]).unwrap();
    let fds: String = pairs.field("fds");
    let holders = format!("--holders={}:{fds}", pairs.pid());
    let mut bare = std::process::Command::new(ayt_testbed::fixture_binary().unwrap());
    let said = ns.output(bare.args(["bare", &holders])).unwrap();
    let bytes = said
        .trim()
        .strip_suffix(" links=600")
        .and_then(|rest| rest.strip_prefix("bytes="))
        .unwrap_or_else(|| panic!("{said}"));
    assert!(bytes.parse::<usize>().unwrap() > 600 * 88, "{said}");
}

#[test]
fn the_stopwatch_counts_one_program_and_keeps_what_it_writes() {
    let ns = Ns::current().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kept");
    let keep = format!("--keep={}", file.display());
    let script = "printf hello; sleep 0.2; exit 3";
    let arguments = ["measure", &keep, "--accept=0,3", "--", "sh", "-c", script];
    let watch = Fixture::start(&ns, arguments).unwrap();
    let took = watch.wait_line("measured", SOON).unwrap();
    assert_eq!((took["code"].as_str(), took["bytes"].as_str()), ("3", "5"));
    assert_eq!(std::fs::read_to_string(file).unwrap(), "hello");
    let micros = |name: &str| took[name].parse::<u64>().unwrap();
    assert!(micros("wall_us") >= 200_000);
    assert!(micros("last_us") < micros("wall_us"));
}

#[test]
fn the_stopwatch_ends_what_takes_too_long() {
    let ns = Ns::current().unwrap();
    let watch = Fixture::start(&ns, ["measure", "--timeout=1", "--", "sleep", "1000"]).unwrap();
    let error = watch.wait_line("measured", SOON).unwrap_err();
    assert!(error.to_string().contains("left before"), "{error}");
}
