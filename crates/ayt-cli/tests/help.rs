//! The help of every command, as it stands on a terminal of 80 columns.

mod common;

use common::ayt;

/// As `ayt --help` lists them; the test below sees to it.
const COMMANDS: [&str; 11] = [
    "list",
    "probe",
    "doctor",
    "why",
    "trace",
    "arm",
    "reap",
    "plan",
    "lab",
    "completions",
    "man",
];

fn help(command: &str, flag: &str) -> String {
    let words: Vec<&str> = command.split_whitespace().chain([flag]).collect();
    let ran = ayt(words);
    assert_eq!((ran.exit, ran.stderr.as_str()), (0, ""), "{command} {flag}");
    ran.stdout
}

#[test]
fn help_may_also_come_first() {
    assert_eq!(help("help", "why"), help("why", "--help"));
    assert_eq!(help("help lab", "claims"), help("lab claims", "--help"));
    assert_eq!(ayt(["help"]).stdout, help("", "--help"));
    assert_eq!(ayt(["help", "no-such"]).exits(2).stdout, "");
}

#[test]
fn short_help_is_terse() {
    for command in [""].into_iter().chain(COMMANDS) {
        let text = help(command, "-h");
        // A screen of a terminal, and the doctor's two.
        let lines = text.lines().count();
        assert!(lines <= 48, "{command}: {lines} lines");
        insta::assert_snapshot!(format!("h_{command}"), text);
    }
}

#[test]
fn long_help_tells_all() {
    for command in [""].into_iter().chain(COMMANDS) {
        insta::assert_snapshot!(format!("help_{command}"), help(command, "--help"));
    }
}

#[test]
fn no_line_of_help_is_wider_than_80_columns_or_ends_in_blanks() {
    for command in [""].into_iter().chain(COMMANDS) {
        for flag in ["-h", "--help"] {
            for line in help(command, flag).lines() {
                assert!(line.chars().count() <= 80, "{command} {flag}: {line}");
                assert_eq!(line.trim_end(), line, "{command} {flag}");
            }
        }
    }
}

#[test]
fn every_command_is_listed() {
    let top = help("", "-h");
    let listed: Vec<&str> = top
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .map_while(|line| line.strip_prefix("  ")?.split_whitespace().next())
        .collect();
    assert_eq!(listed, COMMANDS);
}

#[test]
fn alone_it_shows_its_help_and_that_is_no_success() {
    let ran = ayt([""; 0]);
    assert_eq!(ran.exit, 2);
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.contains("Usage: ayt"), "{}", ran.stderr);
}
