//! 0 healthy, 1 found, 2 failed, 3 not seen: on real conditions.

mod common;

use std::process::{Command, Stdio};

use ayt_testbed::{Need, Ns, eventually};
use common::scene::{PATIENCE, Scene};
use common::{Home, Nobody, run};

#[test]
fn a_clean_namespace_is_healthy() {
    if !Need::root() {
        return;
    }
    let ns = Ns::named(&format!("ayt-clean-{}", std::process::id())).expect("a name");
    let home = Home::new();
    let name = ns.name().expect("it has one");
    let ran = home.ayt(&format!("doctor --netns {name}")).exits(0);
    assert!(ran.stdout.contains("Healthy"), "{}", ran.stdout);
    assert_eq!(ran.stderr, "");
    for command in ["list", "probe", "list --json", "probe --json"] {
        let ran = home.ayt(&format!("{command} --netns {name}")).exits(0);
        assert_eq!(ran.stderr, "", "{command}");
    }
    let json = home
        .ayt(&format!("doctor --json --netns {name}"))
        .exits(0)
        .row();
    assert_eq!(json["healthy"], true);
    assert_eq!(json["findings"], serde_json::json!([]));
    assert_eq!(json["partial"], serde_json::json!([]));
}

#[test]
fn the_own_namespace_may_be_called_by_its_name() {
    if !Need::root() {
        return;
    }
    let ns = Ns::named(&format!("ayt-inside-{}", std::process::id())).expect("a name");
    let name = ns.name().expect("it has one");
    let home = Home::new();
    for command in ["list", "doctor", "probe"] {
        let mut inside = home.command();
        inside.args([command, "--netns", name]);
        // As `ip netns exec NAME` runs it.
        let ran = ns.run(|| run(&mut inside));
        assert_eq!((ran.exit, ran.stderr.as_str()), (0, ""), "{command}");
    }
}

#[test]
fn a_living_peer_is_0_and_a_ghost_is_1() {
    if !Need::root() {
        return;
    }
    let home = Home::new();
    let scene = Scene::new("serve", 2);
    let netns = scene.netns();
    let alive = home.ayt(&format!("probe --json --netns {netns}")).exits(0);
    for row in alive.rows() {
        assert_eq!(row["verdict"], "alive", "{row}");
        assert!(row["rtt_ms"].as_f64().is_some_and(|rtt| rtt > 0.0), "{row}");
        assert_eq!(row["owners"][0]["pid"], scene.server.pid(), "{row}");
    }
    assert_eq!(alive.rows().len(), 2);

    scene.cable.cable_pulled().expect("pulling");
    let dead = home
        .ayt(&format!("probe --json --patience 1s --netns {netns}"))
        .exits(1);
    assert_eq!(dead.rows().len(), 2);
    for row in dead.rows() {
        assert_eq!(row["verdict"], "dead", "{row}");
        assert_eq!(row["cause"], "unanswered", "{row}");
        assert!(
            row["rtt_ms"].is_null() && row["asks"].as_u64() >= Some(3),
            "{row}"
        );
    }
    let found = home
        .ayt(&format!(
            "doctor --probe --patience 1s --json --netns {netns}"
        ))
        .exits(1)
        .row();
    let finding = &found["findings"][0];
    assert_eq!(finding["rule"], "half-open");
    assert_eq!(finding["severity"], "critical");
    assert_eq!(finding["connections"].as_array().map(Vec::len), Some(2));
    let text = home
        .ayt(&format!("probe --patience 1s --netns {netns}"))
        .exits(1);
    assert!(text.stdout.contains("dead: unanswered"), "{}", text.stdout);
    assert!(
        text.stdout.contains("2 connections: 2 dead"),
        "{}",
        text.stdout
    );
}

#[test]
fn what_nobody_may_see_is_3_with_the_reason() {
    if !Need::root() {
        return;
    }
    let scene = Scene::new("serve", 1);
    let nobody = Nobody::new();
    for (command, reason) in [
        ("list", "owners of"),
        ("list --json", "owners of"),
        ("probe", "its owner is hidden"),
        ("doctor", "owners of"),
        ("doctor --json", "owners of"),
        ("doctor --probe", "owners of"),
    ] {
        let ran = nobody.ayt(&scene.host, command).exits(3);
        let all = format!("{}{}", ran.stdout, ran.stderr);
        assert!(all.contains(reason), "{command}: {all}");
        assert!(all.contains("run as root"), "{command}: {all}");
    }
    let row = nobody.ayt(&scene.host, "doctor --probe --json").row();
    assert_eq!(
        row["looked_at"]["asked"], 0,
        "who has no owner is not asked"
    );
    let row = nobody.ayt(&scene.host, "probe --json").exits(3).row();
    assert_eq!(row["verdict"], "unknown");
    assert!(row["verdict_unknown"].is_string());
    assert!(row["owners_unknown"].is_string());
}

/// Nobody sees what root holds, and all of a process of its own.
#[test]
fn what_others_hide_is_no_gap_of_a_look_at_a_process() {
    if !Need::root() {
        return;
    }
    let (scene, nobody) = (Scene::new("serve", 1), Nobody::new());
    let server = scene.server.addr();
    let connect = format!(
        "exec 3<>/dev/tcp/{}/{}; read line",
        server.ip(),
        server.port()
    );
    let mut bash = Command::new("setpriv");
    bash.args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .args(["bash", "-c", &connect])
        .stdin(Stdio::piped());
    let mut own = scene.host.spawn(&mut bash).expect("bash");
    let line = format!("list --json --pid {}", own.id());
    eventually("it has connected", PATIENCE, || {
        !nobody.ayt(&scene.host, &line).rows().is_empty()
    });
    let seen = nobody.ayt(&scene.host, &line).exits(0);
    assert_eq!(
        (seen.row()["owners"][0]["fd"].as_u64(), &*seen.stderr),
        (Some(3), "")
    );
    let both = format!("{line},{}", scene.server.pid());
    assert!(
        nobody
            .ayt(&scene.host, &both)
            .exits(3)
            .stderr
            .contains("hidden")
    );
    // Its input ends, and so does it.
    drop(own.stdin.take());
    own.wait().expect("its end");
}

#[test]
fn a_namespace_that_may_not_be_entered_is_not_said_to_be_none() {
    if !Need::root() {
        return;
    }
    let ns = Ns::named(&format!("ayt-closed-{}", std::process::id())).expect("a name");
    let name = ns.name().expect("it has one");
    let here = Ns::new().expect("a namespace");
    let nobody = Nobody::new();
    let mut ayt = nobody.command();
    ayt.args(["list", "--netns", name]);
    let ran = here.run(|| run(&mut ayt)).exits(3);
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.contains(name), "{}", ran.stderr);
    assert!(ran.stderr.contains("CAP_SYS_ADMIN"), "{}", ran.stderr);
}

#[test]
fn nobody_sees_an_empty_namespace_whole() {
    if !Need::root() {
        return;
    }
    let ns = Ns::new().expect("a namespace");
    let nobody = Nobody::new();
    let ran = nobody.ayt(&ns, "list").exits(0);
    assert_eq!(ran.stderr, "");
}
