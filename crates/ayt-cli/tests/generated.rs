//! What the command writes about itself: completions, man pages, rules.

mod common;

use std::fs;
use std::process::Command;

use ayt_testbed::Need;
use common::{ayt, run};

#[test]
fn completions_name_every_command_and_the_shell_takes_them() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = ayt(["completions", shell]).exits(0).stdout;
        for word in [
            "list",
            "probe",
            "doctor",
            "trace",
            "arm",
            "reap",
            "plan",
            "user-timeout",
        ] {
            assert!(script.contains(word), "{shell}: {word}");
        }
        let page = "Print a page of the reference";
        assert!(!script.contains(page), "{shell} offers a hidden command");
        assert!(
            !script.contains(" docs\""),
            "{shell} offers a hidden command"
        );
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), &script).expect("writing");
        if ["bash", "zsh", "fish"].contains(&shell) {
            let flag = if shell == "fish" {
                "--no-execute"
            } else {
                "-n"
            };
            // bash is everywhere; the others are tried where they are.
            match Command::new(shell).arg(flag).arg(file.path()).output() {
                Ok(checked) => assert!(checked.status.success(), "{shell}: {checked:?}"),
                Err(error) => assert_ne!(shell, "bash", "{error}"),
            }
        }
    }
}

#[test]
fn every_command_has_a_man_page_that_man_reads() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("man1");
    ayt(["man", "--dir", dir.to_str().expect("a path")]).exits(0);
    let mut names: Vec<String> = fs::read_dir(&dir)
        .expect("a folder")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "ayt-arm.1",
            "ayt-completions.1",
            "ayt-doctor.1",
            "ayt-lab.1",
            "ayt-list.1",
            "ayt-man.1",
            "ayt-plan.1",
            "ayt-probe.1",
            "ayt-reap.1",
            "ayt-trace.1",
            "ayt-why.1",
            "ayt.1"
        ]
    );
    assert_eq!(
        ayt(["man"]).exits(0).stdout,
        fs::read_to_string(dir.join("ayt.1")).expect("a page")
    );
    if !Need::program("man", "apt-get install man-db groff") {
        return;
    }
    for name in names {
        let mut man = Command::new("man");
        man.args(["--warnings", "-P", "cat", "-l"])
            .arg(dir.join(&name))
            .env("MANWIDTH", "80")
            .env("LC_ALL", "C.UTF-8");
        let shown = run(&mut man).exits(0);
        assert_eq!(shown.stderr, "", "{name}");
        for heading in ["NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS"] {
            assert!(shown.stdout.contains(heading), "{name}: {heading}");
        }
        let healthy = "\n       0      everything was looked at and is healthy";
        assert!(shown.stdout.contains(healthy), "{name}: {}", shown.stdout);
    }
}

#[test]
fn every_rule_is_listed_and_explained() {
    let listed = ayt(["doctor", "--rules", "--json"]).exits(0).rows();
    assert!(listed.len() >= 19, "{}", listed.len());
    let table = ayt(["doctor", "--rules"]).exits(0).stdout;
    for rule in listed {
        let id = rule["rule"].as_str().expect("an id");
        assert!(table.contains(id), "{id}");
        let text = ayt(["doctor", "--explain", id]).exits(0).stdout;
        assert!(text.starts_with(&format!("{id}: ")), "{text}");
        assert!(text.contains("What to do"), "{text}");
        let json = ayt(["doctor", "--explain", id, "--json"]).exits(0).row();
        assert_eq!(json, rule);
    }
}

#[test]
fn the_version_is_told() {
    assert_eq!(
        ayt(["--version"]).exits(0).stdout,
        concat!("ayt ", env!("CARGO_PKG_VERSION"), "\n")
    );
}
