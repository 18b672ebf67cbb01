//! `ayt probe` stopped in the middle: by SIGINT, SIGTERM and SIGKILL. Whatever
//! it had changed is put back, by itself or by the next run.

#![expect(
    clippy::disallowed_methods,
    reason = "the test waits for a moment in another process"
)]

mod common;

use std::fs;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ayt_testbed::{Need, TcpState, eventually};
use common::scene::{PATIENCE, Scene};
use common::{Home, Ran};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const GHOSTS: usize = 200;

fn off() -> Value {
    serde_json::json!({"enabled": false, "idle_s": 7200, "interval_s": 75, "count": 9,
                       "user_timeout_ms": 0})
}

fn start(home: &Home, scene: &Scene, arguments: &str) -> Child {
    home.command()
        .args(["probe", "--engine", "keepalive", "--netns", &scene.netns()])
        .args(arguments.split_whitespace())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ayt starts")
}

fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a pid"), signal).expect("signalling");
}

/// Packets the host has sent over the cable.
fn sent(scene: &Scene) -> u64 {
    let shown = scene
        .host
        .ip(&format!("-s -j link show dev {}", scene.cable.device()))
        .expect("ip");
    let links: Value = serde_json::from_str(&shown).expect("JSON");
    links[0]["stats64"]["tx"]["packets"]
        .as_u64()
        .expect("a count")
}

#[track_caller]
fn as_before(scene: &Scene, home: &Home) {
    assert_eq!(scene.settings(home), vec![off(); GHOSTS]);
    assert_eq!(scene.guarded(), 0);
    assert_eq!(scene.count(TcpState::Established), GHOSTS);
    assert!(home.journals().is_empty(), "{:?}", home.journals());
}

#[test]
fn a_signal_ends_it_with_everything_put_back() {
    if !Need::root() {
        return;
    }
    let (scene, home) = (Scene::ghosts(GHOSTS), Home::new());
    for (kind, exit, asked) in [
        (Signal::INT, 130, GHOSTS / 2),
        (Signal::TERM, 143, 1),
        (Signal::INT, 130, GHOSTS + 1),
    ] {
        let before = sent(&scene);
        let ayt = start(&home, &scene, "--json --patience 30s");
        eventually("some were asked", PATIENCE, || {
            sent(&scene) >= before + asked as u64
        });
        let told = Instant::now();
        signal(&ayt, kind);
        let ran = Ran::from(ayt.wait_with_output().expect("it ends")).exits(exit);
        assert!(
            told.elapsed() < Duration::from_secs(5),
            "{:?}",
            told.elapsed()
        );
        // What was known by then has been printed.
        let rows = ran.rows();
        assert_eq!(rows.len(), GHOSTS);
        for row in &rows {
            let verdict = row["verdict"].as_str().expect("a verdict");
            assert!(["suspect", "unknown"].contains(&verdict), "{row}");
        }
        assert!(rows.iter().any(|row| row["verdict"] == "suspect"));
        as_before(&scene, &home);
    }
}

/// Kills it while its journal says that something is changed: found by stopping
/// it again and again at such a moment.
fn kill_with_changes(home: &Home, scene: &Scene) -> usize {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let mut ayt = start(home, scene, "--patience 2s");
        while ayt.try_wait().expect("a child").is_none() {
            let open = |home: &Home| -> usize {
                let texts = home.journals().into_iter().map(fs::read_to_string);
                let text: String = texts.map_while(Result::ok).collect();
                let (made, done) = (
                    text.matches("\"intent\"").count(),
                    text.matches("\"done\"").count(),
                );
                made.saturating_sub(done)
            };
            if open(home) == 0 {
                thread::yield_now();
                continue;
            }
            signal(&ayt, Signal::STOP);
            // Written down, and done as well.
            let left = scene.guarded();
            if open(home) > 0 && left > 0 {
                ayt.kill().expect("killing");
                ayt.wait().expect("it is dead");
                return left;
            }
            signal(&ayt, Signal::CONT);
        }
    }
    panic!("the moment was never met");
}

#[test]
fn what_a_killed_one_left_is_put_back_by_the_next() {
    if !Need::root() {
        return;
    }
    let (scene, home) = (Scene::ghosts(GHOSTS), Home::new());
    let left = kill_with_changes(&home, &scene);
    assert!(left > 0 && !home.journals().is_empty());
    let ran = home.ayt(&format!(
        "probe --netns {} --patience 1s --json",
        scene.netns()
    ));
    assert!(
        ran.stderr.contains("an earlier run of ayt was killed") && ran.stderr.contains("put back"),
        "{left} were left: {}",
        ran.stderr
    );
    assert_eq!(ran.exit, 1);
    as_before(&scene, &home);
    let again = home.ayt(&format!("probe --netns {} --patience 1s", scene.netns()));
    assert!(!again.stderr.contains("put back"), "{}", again.stderr);
}
