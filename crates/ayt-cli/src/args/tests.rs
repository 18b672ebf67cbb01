//! The command line is well formed, and the commands that the doctor tells
//! people to paste are commands.

use std::fs;
use std::path::Path;

use ayt_core::doctor::{Limits, examine, rules};
use ayt_core::facts::HostFacts;
use clap::{CommandFactory as _, Parser as _};

use super::{Cli, Command};
use crate::testing;

#[test]
fn the_command_line_is_well_formed_and_every_line_of_help_is_short() {
    let command = Cli::command();
    command.clone().debug_assert();
    for sub in command.get_subcommands() {
        for argument in sub.get_arguments() {
            let help = argument.get_help().map(ToString::to_string);
            assert!(
                help.as_ref().is_some_and(|help| help.len() <= 70),
                "{} {}: {help:?}",
                sub.get_name(),
                argument.get_id()
            );
        }
    }
}

/// What stands between backticks and begins with `ayt `.
fn commands(text: &str) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted
        .map(|quoted| quoted.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|quoted| quoted.starts_with("ayt "))
        .collect()
}

/// Parses a command as a shell would hand it over; what changes something must
/// also say on what.
#[track_caller]
fn parse(line: &str) {
    let cli = Cli::try_parse_from(line.split_whitespace())
        .unwrap_or_else(|error| panic!("`{line}`: {error}"));
    let filtered = match &cli.command {
        Command::Arm(args) => args.disarm || !args.filter.filter().is_empty(),
        Command::Reap(args) => !args.connection.is_empty() || !args.filter.filter().is_empty(),
        _ => true,
    };
    assert!(filtered, "`{line}` would be refused: it has no filter");
}

/// Rust source with its string literals joined over their line ends.
fn joined(source: &str) -> String {
    let mut out = String::new();
    let mut rest = source;
    while let Some(at) = rest.find("\\\n") {
        out.push_str(&rest[..at]);
        rest = rest[at + 2..].trim_start();
    }
    out + rest
}

fn sources(folder: &Path, into: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("the rules").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.file_name().is_some_and(|name| name != "tests.rs") {
            let text = fs::read_to_string(&path).expect("a rule");
            let comments = |line: &&str| !line.trim_start().starts_with("//");
            let code: Vec<&str> = text.lines().filter(comments).collect();
            into.push(joined(&code.join("\n")));
        }
    }
}

/// Every command in every rule's source, its placeholders filled: also those of
/// findings that no test here makes.
#[test]
fn every_command_that_a_rule_can_tell_parses() {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ayt-core/src/doctor");
    let mut texts = Vec::new();
    sources(&rules, &mut texts);
    sources(&rules.join("../why"), &mut texts);
    let filters = "--netns blue --pid 812 --local :22";
    let mut told = 0;
    for line in texts.iter().flat_map(|text| commands(text)) {
        let mut filled = line.replace("FILTERS", filters);
        for (placeholder, value) in [
            ("{filters}", filters),
            ("{}", filters),
            ("{heir_pid}", "913"),
            ("{pid}", "812"),
            ("{first}", "813"),
            ("{subject}", ":80"),
            ("{netns}", "blue"),
            ("{local}", "10.0.0.1:80"),
            ("{remote}", "10.0.0.7:51144"),
            ("{peer}", "10.0.0.7"),
            ("{ip}", "10.0.0.7"),
            ("{over}", "1m"),
            ("{idle_s}", "60"),
            ("{interval_s}", "5"),
            ("{count}", "3"),
            ("{fitting}", "75"),
            ("{timeout}", "75s"),
        ] {
            filled = filled.replace(placeholder, value);
        }
        // A command's bare name is no command to paste.
        if filled.split_whitespace().count() > 2 {
            parse(&filled);
            told += 1;
        }
    }
    assert!(told >= 30, "only {told} were found");
}

#[test]
fn every_command_of_a_finding_parses() {
    let mut parts = testing::parts();
    for (at, answer) in testing::answers() {
        parts
            .verdicts
            .insert(parts.sockets[at].cookie, answer.verdict);
    }
    for facts in [testing::host(), HostFacts::new(parts)] {
        let found = examine(&facts, &Limits::default(), rules::ALL.iter().copied());
        let remedies = found.findings.iter().map(|finding| &finding.remedy);
        let partial = found.partial.iter().map(|partial| &partial.remedy);
        let told: Vec<String> = remedies
            .chain(partial)
            .flat_map(|text| commands(text))
            .collect();
        assert!(told.len() >= 5, "{told:?}");
        told.iter().for_each(|line| parse(line));
    }
}

#[test]
fn every_example_of_the_help_parses() {
    let mut command = Cli::command();
    command.build();
    let mut told = 0;
    for sub in command.get_subcommands() {
        let after = sub.get_after_long_help().map(ToString::to_string);
        for line in after.unwrap_or_default().lines() {
            if let Some(line) = line.trim().strip_prefix("ayt ") {
                let line = line.split(" | ").next().unwrap_or_default();
                parse(&format!("ayt {line}"));
                told += 1;
            }
        }
    }
    assert!(told >= 15, "only {told} were found");
}
