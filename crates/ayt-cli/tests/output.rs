//! Readers that leave early, colours, widths.

mod common;

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use ayt_testbed::{Need, Ns};
use common::scene::Scene;
use common::{Home, Nobody, Ran, command, run};

const ESC: char = '\u{1b}';

/// Runs a command, reads its first line, and leaves: its exit code and what it
/// said on standard error.
fn leave_after_a_line(command: &mut Command) -> (Option<i32>, String) {
    let mut ayt = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ayt starts");
    let mut line = String::new();
    let mut reader = BufReader::with_capacity(256, ayt.stdout.take().expect("a pipe"));
    reader.read_line(&mut line).expect("a line");
    drop(reader);
    let mut errors = String::new();
    let mut stderr = ayt.stderr.take().expect("a pipe");
    stderr.read_to_string(&mut errors).expect("text");
    let status = ayt.wait().expect("it ends");
    assert!(!line.is_empty());
    (status.code(), errors)
}

#[test]
fn a_reader_that_leaves_early_is_left_in_peace() {
    if !Need::root() {
        return;
    }
    // Far more than a pipe holds.
    let scene = Scene::new("serve", 400);
    let home = Home::new();
    let leave = |line: &str| {
        let mut ayt = home.command();
        ayt.args(line.split_whitespace()).arg(scene.netns());
        leave_after_a_line(&mut ayt)
    };
    for line in [
        "list --json --netns",
        "list --netns",
        "probe --json --netns",
    ] {
        assert_eq!(leave(line), (Some(0), String::new()), "{line}");
    }
    // Nobody sees whose the sockets are, which is no matter of who reads.
    let nobody = Nobody::new();
    let mut ayt = nobody.command();
    ayt.args(["list", "--json", "--netns", "host"]);
    let (exit, errors) = scene.host.run(|| leave_after_a_line(&mut ayt));
    assert_eq!(exit, Some(3), "{errors}");
    assert!(errors.starts_with("not seen: owners of 401"), "{errors}");
    // 0 would say that all are alive.
    scene.cable.cable_pulled().expect("pulling");
    for line in [
        "probe --patience 2s --netns",
        "probe --json --patience 2s --netns",
        "doctor --json --probe --patience 2s --netns",
        "reap --json --patience 2s --netns",
    ] {
        assert_eq!(leave(line), (Some(1), String::new()), "{line}");
    }
}

#[test]
fn a_full_disk_is_told() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
    let Ok(full) = full else { return };
    let mut ayt = command();
    ayt.args(["completions", "bash"]).stdout(full);
    let ran = run(&mut ayt).exits(2);
    assert!(
        ran.stderr
            .starts_with("error: standard output: No space left"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_full_disk_is_told_also_where_there_is_more_to_tell() {
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full");
    if !Need::root() || full().is_err() {
        return;
    }
    let scene = Scene::new("serve", 1);
    let nobody = Nobody::new();
    for line in ["list", "list --json", "probe", "doctor"] {
        let mut ayt = nobody.command();
        ayt.args(line.split_whitespace())
            .args(["--netns", "host"])
            .stdout(full().expect("it opens"));
        let ran = scene.host.run(|| run(&mut ayt)).exits(2);
        assert!(
            ran.stderr.contains("error: standard output: No space left"),
            "{line}: {}",
            ran.stderr
        );
    }
}

/// `doctor --rules` with this environment and these arguments.
fn rules(variables: &[(&str, &str)], arguments: &[&str]) -> String {
    let mut ayt = command();
    ayt.args(["doctor", "--rules"]).args(arguments);
    run(ayt.envs(variables.iter().copied())).exits(0).stdout
}

#[test]
fn colours_are_for_terminals_unless_asked_for() {
    assert!(!rules(&[], &[]).contains(ESC));
    assert!(!rules(&[], &["--color", "never"]).contains(ESC));
    assert!(rules(&[], &["--color", "always"]).contains(ESC));
    // The command line is nearer than the environment.
    assert!(rules(&[("NO_COLOR", "1")], &["--color", "always"]).contains(ESC));
}

/// The same on a terminal of its own.
fn on_terminal(variables: &[(&str, &str)], arguments: &str) -> String {
    let mut script = Command::new("script");
    let line = format!(
        "stty rows 24 cols 60; {} doctor --rules {arguments}",
        env!("CARGO_BIN_EXE_ayt")
    );
    script
        .args(["-qec", &line, "/dev/null"])
        .env_remove("NO_COLOR")
        .env("TERM", "xterm-256color")
        .envs(variables.iter().copied())
        .stdin(Stdio::null());
    Ran::from(script.output().expect("script runs"))
        .exits(0)
        .stdout
}

#[test]
fn a_terminal_has_colours_and_a_width() {
    if !Need::program("script", "apt-get install bsdutils") {
        return;
    }
    let text = on_terminal(&[], "");
    assert!(text.contains(ESC), "{text}");
    for (variables, arguments) in [
        (&[("NO_COLOR", "1")][..], ""),
        (&[("TERM", "dumb")][..], ""),
        (&[][..], "--color never"),
    ] {
        let text = on_terminal(variables, arguments);
        assert!(!text.contains(ESC), "{variables:?} {arguments}");
        let widest = text
            .lines()
            .map(|line| line.trim_end().chars().count())
            .max();
        assert!(widest <= Some(60) && widest > Some(50), "{widest:?}");
    }
    // Set to nothing is not set.
    assert!(on_terminal(&[("NO_COLOR", "")], "").contains(ESC));
}

#[test]
fn hints_are_for_people() {
    if !Need::root() || !Need::program("script", "apt-get install bsdutils") {
        return;
    }
    let scene = Scene::ghosts(1);
    let home = Home::new();
    let line = format!("probe --patience 1s --netns {}", scene.netns());
    let piped = home.ayt(&line).exits(1);
    assert_eq!(piped.stderr, "");
    let mut script = Command::new("script");
    script
        .args([
            "-qec",
            &format!("{} {line}", env!("CARGO_BIN_EXE_ayt")),
            "/dev/null",
        ])
        .env("AYT_RUNTIME_DIR", home.path())
        .stdin(Stdio::null());
    let shown = run(&mut script).exits(1).stdout;
    assert!(shown.contains("hint"), "{shown}");
    assert!(shown.contains("`ayt reap`"), "{shown}");
    // Asking takes a second: the progress was shown, and wiped.
    assert!(shown.contains("asking: 0 of 1 decided"), "{shown}");
    assert!(shown.contains("\r\u{1b}[K"), "{shown}");
}

#[test]
fn the_list_sorts_by_every_column_both_ways() {
    if !Need::root() {
        return;
    }
    let scene = Scene::new("serve", 5);
    let home = Home::new();
    let peers = |order: &str| -> Vec<String> {
        let line = format!(
            "list --json --netns {} --state ESTABLISHED {order}",
            scene.netns()
        );
        let rows = home.ayt(&line).exits(0).rows();
        rows.iter()
            .map(|row| row["remote"].as_str().expect("an address").to_owned())
            .collect()
    };
    let port = |peer: &String| -> u16 {
        peer.rsplit(':')
            .next()
            .expect("a port")
            .parse()
            .expect("one")
    };
    let forward = peers("--sort peer");
    assert!(forward.is_sorted_by_key(port), "{forward:?}");
    let mut backward = peers("--sort -peer");
    assert_eq!(backward, peers("--sort peer --reverse"));
    backward.reverse();
    assert_eq!(backward, forward);
    for column in [
        "state",
        "local",
        "owner",
        "pid",
        "keepalive",
        "idle",
        "ack",
        "recv",
        "send",
        "retrans",
        "timer",
        "netns",
    ] {
        let mut sorted = peers(&format!("--sort {column}"));
        sorted.sort_by_key(port);
        assert_eq!(sorted, forward, "{column} loses rows");
    }
}

#[test]
fn filters_of_every_kind_choose() {
    if !Need::root() {
        return;
    }
    let scene = Scene::new("serve", 3);
    let home = Home::new();
    let netns = scene.netns();
    let count = |filter: &str| {
        let line = format!("list --json --netns {netns} {filter}");
        home.ayt(&line).exits(0).rows().len()
    };
    let (pid, port) = (scene.server.pid(), scene.server.port());
    let server = scene.server.addr();
    assert_eq!(count(""), 4);
    for (filter, number) in [
        ("--state LISTEN".to_owned(), 1),
        ("--state established".to_owned(), 3),
        ("--state LISTEN,ESTABLISHED".to_owned(), 4),
        ("--state CLOSE_WAIT".to_owned(), 0),
        (format!("--local :{port}"), 4),
        (format!("--local {server} --state LISTEN"), 1),
        (format!("--peer {}/29", server.ip()), 3),
        (format!("--peer :{port}"), 0),
        (format!("--pid {pid}"), 4),
        ("--pid 1".to_owned(), 0),
        (format!("--pid 1,{pid}"), 4),
        ("--command ayt-fix".to_owned(), 4),
        ("--command nginx".to_owned(), 0),
        ("--idle-over 1h".to_owned(), 0),
        ("--idle-over 0".to_owned(), 3),
    ] {
        assert_eq!(count(&filter), number, "{filter}");
    }
    assert!(Ns::current().is_ok_and(|ns| ns.ino().to_string() != netns));
}
