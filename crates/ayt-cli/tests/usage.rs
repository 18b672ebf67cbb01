//! A command line that makes no sense: exit code 2, and the offending part.

mod common;

use common::ayt;

/// What is written, and what the error must say.
const WRONG: &[(&str, &str)] = &[
    (
        "list --peer 10.0.0.300",
        "`10.0.0.300` is neither an address nor a network",
    ),
    (
        "list --peer 10.0.0.0/33",
        "`/33` in `10.0.0.0/33` is not a prefix length",
    ),
    (
        "list --peer fd00::/129",
        "`/129` in `fd00::/129` is not a prefix length",
    ),
    (
        "list --peer 10.0.x/8:22",
        "`10.0.x` in `10.0.x/8:22` is neither an address",
    ),
    ("list --local :99999", "`99999` in `:99999` is not a port"),
    (
        "list --local 10.0.0.1:ssh",
        "`ssh` in `10.0.0.1:ssh` is not a port",
    ),
    (
        "list --local [fd00::1",
        "`[fd00::1` is neither an address nor a network",
    ),
    (
        "list --state ESTABLISHED,OPEN",
        "no TCP state is called `OPEN`",
    ),
    ("list --idle-over 5x", "`5x` is not a duration"),
    ("list --idle-over 10", "`10` is not a duration"),
    ("list --pid 812,abc", "`abc` is not a process id"),
    ("list --pid 0", "`0` is not a process id"),
    (
        "list --sort size",
        "no column is called `size`; there are state, local",
    ),
    ("list --width 5", "5 is not in 20..=65535"),
    ("list --color maybe", "'maybe'"),
    (
        "list --exact --no-exact",
        "'--exact' cannot be used with '--no-exact'",
    ),
    ("list --jsno", "'--json'"),
    ("probe --patience 0", "`0` is no time at all"),
    ("probe --patience 5s5", "`5s5` is not a duration"),
    ("probe --rate 0", "0 is not in 1..="),
    ("probe --rate fast", "invalid value 'fast' for '--rate <N>'"),
    (
        "probe --engine smoke",
        "invalid value 'smoke' for '--engine <ENGINE>'",
    ),
    ("doctor --only half-opne", "did you mean `half-open`?"),
    (
        "doctor --skip close-wait-leek",
        "did you mean `close-wait-leak`?",
    ),
    (
        "doctor --explain nonsense",
        "no rule is called `nonsense`; `ayt doctor --rules` lists them",
    ),
    ("doctor --pressure 101", "101 is not in 1..=100"),
    ("doctor --look-apart 0", "`0` is no time at all"),
    (
        "doctor --only half-open --skip half-open",
        "leave no rule to run",
    ),
    ("arm --pid 1", "--keepalive <I/V/N>"),
    (
        "arm --pid 1 --keepalive 60/5",
        "`60/5` is not IDLE/INTERVAL/COUNT",
    ),
    (
        "arm --pid 1 --keepalive 60/5/x",
        "`x` in `60/5/x` is not a whole number",
    ),
    (
        "arm --pid 1 --keepalive 0/5/3",
        "keepalive idle time 0 is out of range 1..=32767",
    ),
    (
        "arm --pid 1 --keepalive 60/5/128",
        "keepalive count 128 is out of range 1..=127",
    ),
    (
        "arm --pid 1 --keepalive 60/5/3 --user-timeout 25d",
        "`25d` is more than the kernel takes",
    ),
    (
        "arm --disarm --keepalive 60/5/3",
        "'--disarm' cannot be used with '--keepalive",
    ),
    (
        "arm --disarm --user-timeout 5s",
        "'--disarm' cannot be used with '--user-timeout <TIME>'",
    ),
    (
        "reap --connection 10.0.0.1:80",
        "`10.0.0.1:80` is not LOCAL,REMOTE",
    ),
    (
        "reap --connection 10.0.0.1:80,10.0.0.7",
        "`10.0.0.7` in `10.0.0.1:80,10.0.0.7`",
    ),
    ("reap --close-wait-over soon", "`soon` is not a duration"),
    ("plan", "--detect-within <TIME>"),
    ("plan --detect-within 30", "`30` is not a duration"),
    ("plan --detect-within 0", "`0` is no time at all"),
    ("plan --check 60/5", "`60/5` is not IDLE/INTERVAL/COUNT"),
    (
        "plan --check 60/0/3",
        "keepalive interval 0ns is out of range",
    ),
    (
        "plan --detect-within 30s --user-timeout 20s",
        "--check <I/V/N>",
    ),
    ("plan --detect-within 30s --loss 2", "`2` is not a loss"),
    (
        "plan --detect-within 30s --behind nowhere",
        "`nowhere` is neither a box that ayt knows (`ayt plan --list-middleboxes`)",
    ),
    (
        "plan --detect-within 30s --os beos",
        "no system is called `beos`; there are: linux",
    ),
    (
        "plan --detect-within 30s --bytes-budget lots",
        "`lots` is not a number of bytes",
    ),
    (
        "plan --detect-within 30s --emit cobol",
        "nothing is emitted for `cobol`; there are: sysctl",
    ),
    ("plan --detect-within 30s --hz 5", "5 is not in 24..=1200"),
    (
        "plan --detect-within 2s",
        "what binds is the limits of Linux",
    ),
    (
        "plan --detect-within 30s --outage 25s",
        "what binds is the outage of 25s",
    ),
    (
        "plan --detect-within 30s --os openbsd",
        "what binds is the idle time: OpenBSD has it for the whole system only",
    ),
    (
        "plan --check 500ms/1/3",
        "Linux counts whole seconds; ask for at least 1 s",
    ),
    ("lst", "'list'"),
    ("", "Usage: ayt"),
];

#[test]
fn the_offending_part_is_named() {
    for (line, says) in WRONG {
        let ran = ayt(line.split_whitespace());
        assert_eq!(ran.exit, 2, "ayt {line}: {ran:?}");
        assert_eq!(ran.stdout, "", "ayt {line}");
        assert!(ran.stderr.contains(says), "ayt {line}:\n{}", ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "ayt {line}");
    }
}

#[test]
fn what_changes_something_wants_to_be_told_what() {
    for line in [
        "arm --keepalive 60/5/3",
        "arm --keepalive 60/5/3 --dry-run",
        "reap",
        "reap --yes",
        "reap --close-wait-over 1h --yes",
    ] {
        let ran = ayt(line.split_whitespace()).exits(2);
        assert_eq!(ran.stdout, "", "ayt {line}");
        assert!(ran.stderr.contains("no filter is given"), "{}", ran.stderr);
        assert!(ran.stderr.contains("--all"), "{}", ran.stderr);
    }
}

#[test]
fn a_namespace_that_is_not_there_is_told_with_those_that_are() {
    let ran = ayt(["list", "--netns", "no-such-place"]).exits(2);
    assert!(
        ran.stderr
            .contains("no network namespace is called `no-such-place`; there are: host"),
        "{}",
        ran.stderr
    );
}
