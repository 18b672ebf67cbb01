//! `ayt reap`: destroys what is dead, and nothing else.

mod common;

use std::time::Duration;

use ayt_testbed::{Fixture, Need, Side, TcpState, Veth, eventually};
use common::scene::{PATIENCE, Scene};
use common::{Home, Nobody};
use serde_json::{Value, json};

/// A scene of ghosts, with living clients on a cable of their own.
struct Mixed {
    scene: Scene,
    _healthy: Veth,
    _living: Fixture,
}

const GHOSTS: usize = 4;
const LIVING: usize = 3;

impl Mixed {
    fn new() -> Self {
        let scene = Scene::new("serve", GHOSTS);
        let healthy = Veth::join(&scene.host, &scene.peer).expect("a cable");
        // The server is on the first cable's address; the second leads to it.
        let far = scene.server.addr().ip();
        scene
            .peer
            .ip(&format!(
                "route add {far}/32 via {} src {} table 7",
                healthy.v4(Side::A),
                healthy.v4(Side::B)
            ))
            .expect("a route");
        scene
            .peer
            .ip(&format!("rule add from {} lookup 7", healthy.v4(Side::B)))
            .expect("a rule");
        let living = Fixture::start(
            &scene.peer,
            [
                "hold",
                &scene.server.addr().to_string(),
                "--number",
                &LIVING.to_string(),
                "--source",
                &healthy.v4(Side::B).to_string(),
            ],
        )
        .expect("living clients");
        eventually("all are accepted", PATIENCE, || {
            scene.accepted().len() == GHOSTS + LIVING
        });
        scene.cable.cable_pulled().expect("pulling");
        Self {
            scene,
            _healthy: healthy,
            _living: living,
        }
    }
}

#[test]
fn a_dry_run_shows_the_dead_and_leaves_them() {
    if !Need::root() {
        return;
    }
    let (scene, home) = (Scene::ghosts(2), Home::new());
    let line = format!("reap --netns {} --patience 1s", scene.netns());
    let text = home.ayt(&line).exits(1).stdout;
    assert!(
        text.contains("2 connections would be destroyed: add --yes"),
        "{text}"
    );
    for row in home.ayt(&format!("{line} --json")).exits(1).rows() {
        assert_eq!(row["outcome"], "would_destroy");
        assert_eq!(
            (&row["reason"], &row["cause"]),
            (&json!("dead"), &json!("unanswered"))
        );
    }
    assert_eq!(scene.count(TcpState::Established), 2);
}

/// Clients that no program has accepted yet have no descriptor to ask through, as
/// the engine named would.
#[test]
fn what_could_not_be_asked_is_told_and_is_not_0_though_the_dead_are_gone() {
    if !Need::root() {
        return;
    }
    let (scene, home) = (Scene::new("serve", 1), Home::new());
    let bind = format!("{}:0", scene.cable.v4(Side::A));
    let stuck = Fixture::start(&scene.host, ["stuck-accept", "--bind", &bind]).expect("a server");
    let to = stuck.addr().to_string();
    let _clients = Fixture::start(&scene.peer, ["hold", &to, "--number", "3"]).expect("clients");
    let waiting = || {
        let rows = scene.host.tcp().expect("a table");
        let row = |row: &&ayt_testbed::TcpRow| row.local == stuck.addr() && row.inode == 0;
        rows.iter().filter(row).count()
    };
    eventually("two wait to be accepted", PATIENCE, || waiting() == 2);
    scene.cable.cable_pulled().expect("pulling");
    let line = format!(
        "reap --patience 2s --engine repair --netns {}",
        scene.netns()
    );
    let reason = "2 connections could not be asked";
    let would = home.ayt(&line).exits(1);
    assert!(would.stderr.contains(reason), "{would:?}");
    let done = home.ayt(&format!("{line} --yes")).exits(3);
    assert!(done.stdout.contains("2 connections destroyed"), "{done:?}");
    assert!(done.stderr.contains(reason), "{done:?}");
    assert_eq!(scene.accepted().len(), 0);
}

/// What stands between the first backticks of a remedy, without `ayt`.
fn first_command(remedy: &Value) -> String {
    let remedy = remedy.as_str().expect("a text");
    let quoted = remedy.split('`').nth(1).expect("a command");
    quoted.strip_prefix("ayt ").expect("of ayt").to_owned()
}

#[test]
fn the_remedy_of_the_doctor_can_be_pasted() {
    if !Need::root() {
        return;
    }
    let (scene, home) = (Scene::ghosts(2), Home::new());
    let line = format!(
        "doctor --json --probe --patience 1s --only half-open --netns {}",
        scene.netns()
    );
    let found = home.ayt(&line).exits(1).row();
    let command = first_command(&found["findings"][0]["remedy"]);
    assert!(
        command.starts_with("reap --") && command.contains("--yes"),
        "{command}"
    );
    let done = home.ayt(&format!("{command} --patience 1s")).exits(0);
    assert!(done.stdout.contains("2 connections destroyed"), "{done:?}");
    assert_eq!(scene.accepted().len(), 0);
}

#[test]
fn the_dead_are_destroyed_and_their_neighbours_live() {
    if !Need::root() {
        return;
    }
    let (mixed, home) = (Mixed::new(), Home::new());
    let scene = &mixed.scene;
    let rows = home
        .ayt(&format!(
            "reap --json --yes --patience 1s --netns {}",
            scene.netns()
        ))
        .exits(0)
        .rows();
    assert_eq!(rows.len(), GHOSTS, "{rows:#?}");
    for row in &rows {
        assert_eq!(row["outcome"], "destroyed", "{row}");
        // The server waits in epoll: it is told, and closes.
        assert_eq!(row["still_held"], json!([]), "{row}");
    }
    let left = scene.accepted();
    assert_eq!(left.len(), LIVING);
    assert!(left.iter().all(|row| row.state == TcpState::Established));
    let again = home
        .ayt(&format!("reap --yes --netns {}", scene.netns()))
        .exits(0);
    assert_eq!(again.stdout, "Nothing to reap.\n");
    assert_eq!(scene.accepted().len(), LIVING);
}

/// One ghost is found dead after five seconds, another, whose retransmission
/// timeout is long, after sixteen. In between the first one's cable is mended.
#[test]
fn one_that_comes_back_between_verdict_and_deed_is_left_alone() {
    if !Need::root() {
        return;
    }
    let ghost = Scene::with("serve", 1, "hold", &["--keepalive", "1/1/100"]);
    let slow = Veth::join(&ghost.host, &ghost.peer).expect("a cable");
    ghost
        .host
        .ip(&format!(
            "route replace {}/32 dev {} rto_min 4s",
            slow.v4(Side::B),
            slow.device()
        ))
        .expect("a route");
    let bind = format!("{}:0", slow.v4(Side::A));
    let server = Fixture::start(&ghost.host, ["serve", "--bind", &bind]).expect("a server");
    let _slow_client =
        Fixture::start(&ghost.peer, ["hold", &server.addr().to_string()]).expect("a client");
    let home = Home::new();
    let netns = ghost.netns();
    eventually("its timeout is long", PATIENCE, || {
        let line = format!(
            "list --json --netns {netns} --state ESTABLISHED --local {}",
            server.addr()
        );
        let rows = home.ayt(&line).rows();
        rows.first()
            .and_then(|row| row["tcp"]["rto_us"].as_u64())
            .is_some_and(|rto| rto >= 4_000_000)
    });
    ghost.cable.cable_pulled().expect("pulling");
    slow.cable_pulled().expect("pulling");

    let (done, healed) = std::thread::scope(|scope| {
        let reaping = scope.spawn(|| home.ayt(&format!("reap --json --yes --netns {netns}")));
        // Long after the first verdict, long before the second.
        std::thread::sleep(Duration::from_secs(10));
        let healed = !reaping.is_finished();
        ghost.cable.heal().expect("mending");
        (reaping.join().expect("it ends"), healed)
    });
    assert!(healed, "the machine was too slow to tell: {done:?}");
    let rows = done.exits(0).rows();
    let outcome = |local: String| -> &Value {
        let row = rows.iter().find(|row| row["local"] == local);
        &row.unwrap_or_else(|| panic!("{local} in {rows:#?}"))["outcome"]
    };
    assert_eq!(outcome(ghost.server.addr().to_string()), "came_back");
    assert_eq!(outcome(server.addr().to_string()), "destroyed");
    assert_eq!(ghost.count(TcpState::Established), 1);
}

#[test]
fn close_wait_goes_by_age_and_the_descriptors_stay() {
    if !Need::root() {
        return;
    }
    let (mut scene, home) = (Scene::new("leak-close-wait", 3), Home::new());
    let netns = scene.netns();
    scene.client.kill().expect("killing");
    eventually("the peers have closed", PATIENCE, || {
        scene.count(TcpState::CloseWait) == 3
    });
    let line = format!("reap --yes --netns {netns} --state CLOSE_WAIT --close-wait-over");
    let none = home.ayt(&format!("{line} 1h")).exits(0);
    assert_eq!(none.stdout, "Nothing to reap.\n");

    let mut rows = Vec::new();
    eventually("they are old enough", PATIENCE, || {
        rows.extend(home.ayt(&format!("{line} 1s --json")).rows());
        rows.len() >= 3
    });
    for row in &rows {
        assert_eq!(
            (&row["reason"], &row["outcome"]),
            (&json!("close_wait"), &json!("destroyed"))
        );
        assert_eq!(row["verdict"], Value::Null);
        assert_eq!(row["still_held"], row["owners"], "it never closes");
        assert_eq!(row["still_held"][0]["pid"], scene.server.pid());
    }
    assert_eq!(scene.accepted().len(), 0);
}

#[test]
fn what_is_still_held_is_told_to_people_too() {
    if !Need::root() {
        return;
    }
    let (mut scene, home) = (Scene::new("leak-close-wait", 3), Home::new());
    scene.client.kill().expect("killing");
    eventually("the peers have closed", PATIENCE, || {
        scene.count(TcpState::CloseWait) == 3
    });
    let line = format!("reap --yes --netns {} --close-wait-over 0", scene.netns());
    let text = home.ayt(&line).exits(0).stdout;
    assert!(text.contains("3 connections destroyed"), "{text}");
    assert!(
        text.contains("3 descriptors still held by ayt-fixture"),
        "{text}"
    );
    assert!(text.contains("restart"), "{text}");
    // Which is what the doctor says as well.
    let line = format!("doctor --json --only dead-held --netns {}", scene.netns());
    let found = home.ayt(&line).exits(1).row();
    assert_eq!(found["findings"][0]["rule"], "dead-held");
}

#[test]
fn fin_wait_2_goes_by_age() {
    if !Need::root() {
        return;
    }
    let scene = Scene::with("leak-close-wait", 2, "half-close", &[]);
    let home = Home::new();
    let netns = scene.peer.ino();
    let left = || {
        let rows = scene.peer.tcp().expect("a table");
        rows.iter()
            .filter(|row| row.state == TcpState::FinWait2)
            .count()
    };
    eventually("they are half closed", PATIENCE, || left() == 2);
    let line = format!("reap --yes --json --netns {netns} --state FIN_WAIT_2 --fin-wait-2-over");
    assert_eq!(home.ayt(&format!("{line} 1h")).exits(0).rows().len(), 0);
    assert_eq!(left(), 2);
    let mut rows = Vec::new();
    eventually("they are old enough", PATIENCE, || {
        rows.extend(home.ayt(&format!("{line} 1s")).rows());
        rows.len() >= 2
    });
    assert!(
        rows.iter().all(|row| row["reason"] == "fin_wait_2"),
        "{rows:#?}"
    );
    assert!(
        rows.iter().all(|row| row["outcome"] == "destroyed"),
        "{rows:#?}"
    );
    assert_eq!(left(), 0);
}

#[test]
fn one_that_is_named_is_destroyed_unasked_and_no_other() {
    if !Need::root() {
        return;
    }
    let (scene, home) = (Scene::new("serve", 3), Home::new());
    let rows = scene.accepted();
    let named = format!("{},{}", rows[1].local, rows[1].remote);
    let netns = scene.netns();
    let line = format!("reap --json --netns {netns} --connection {named}");
    assert_eq!(home.ayt(&line).exits(1).row()["outcome"], "would_destroy");
    assert_eq!(scene.accepted().len(), 3);
    let row = home.ayt(&format!("{line} --yes")).exits(0).row();
    assert_eq!(
        (&row["reason"], &row["outcome"]),
        (&json!("named"), &json!("destroyed"))
    );
    assert_eq!(
        (&row["verdict"], &row["verdict_unknown"]),
        (&Value::Null, &json!("not asked"))
    );
    let left: Vec<_> = scene.accepted().iter().map(|row| row.remote).collect();
    assert_eq!(left.len(), 2);
    assert!(!left.contains(&rows[1].remote));
    let gone = home.ayt(&format!("{line} --yes")).exits(2);
    assert!(
        gone.stderr
            .contains(&format!("there is no connection {named}")),
        "{gone:?}"
    );
}

#[test]
fn a_kill_without_the_right_is_an_error_that_names_it() {
    if !Need::root() {
        return;
    }
    let scene = Scene::new("serve", 1);
    let row = &scene.accepted()[0];
    let line = format!("reap --yes --connection {},{}", row.local, row.remote);
    let ran = Nobody::new().ayt(&scene.host, &line).exits(2);
    assert!(ran.stdout.contains("1 refused"), "{ran:?}");
    assert!(ran.stdout.contains("CAP_NET_ADMIN"), "{ran:?}");
    let json = Nobody::new()
        .ayt(&scene.host, &format!("{line} --json"))
        .exits(2)
        .row();
    assert_eq!(json["outcome"], "refused");
    assert!(
        json["outcome_refused"]
            .as_str()
            .is_some_and(|why| why.contains("CAP_NET_ADMIN"))
    );
    assert_eq!(scene.count(TcpState::Established), 1);
}
