//! `ayt arm` on living sockets of running processes: set, read back, journal,
//! taken back.

mod common;

use ayt_testbed::{Fixture, Need, TcpState, eventually};
use common::scene::{PATIENCE, Scene};
use common::{Home, Nobody};
use serde_json::{Value, json};

fn off() -> Value {
    json!({"enabled": false, "idle_s": 7200, "interval_s": 75, "count": 9, "user_timeout_ms": 0})
}

fn on(idle_s: u32, interval_s: u32, count: u32) -> Value {
    json!({"enabled": true, "idle_s": idle_s, "interval_s": interval_s, "count": count,
           "user_timeout_ms": 0})
}

#[test]
fn before_and_after_are_read_back_and_the_kernel_runs_the_timers() {
    if !Need::root() {
        return;
    }
    let (scene, home) = (Scene::new("serve", 3), Home::new());
    let netns = scene.netns();
    assert_eq!(scene.guarded(), 0);
    let rows = home
        .ayt(&format!("arm --json --netns {netns} --keepalive 60/5/3"))
        .exits(0)
        .rows();
    assert_eq!(rows.len(), 3, "the listener is not among them");
    for row in &rows {
        assert_eq!((&row["before"], &row["after"]), (&off(), &on(60, 5, 3)));
        assert_eq!(
            (&row["changed"], &row["refused"]),
            (&json!(true), &Value::Null)
        );
        assert_eq!(row["owners"][0]["pid"], scene.server.pid());
    }
    assert_eq!(
        scene.guarded(),
        3,
        "three keepalive timers in /proc/net/tcp"
    );
    assert_eq!(scene.settings(&home), vec![on(60, 5, 3); 3]);
    assert_eq!(home.armed().map(|text| text.lines().count()), Some(3));

    // Again the same: nothing to do, and the journal does not grow.
    let text = home
        .ayt(&format!("arm --netns {netns} --keepalive 60/5/3"))
        .exits(0)
        .stdout;
    assert!(
        text.contains("as it was") && text.contains("0 sockets changed"),
        "{text}"
    );
    assert_eq!(home.armed().map(|text| text.lines().count()), Some(3));

    let rows = home
        .ayt(&format!("arm --json --netns {netns} --disarm"))
        .exits(0)
        .rows();
    for row in &rows {
        assert_eq!((&row["before"], &row["after"]), (&on(60, 5, 3), &off()));
    }
    assert_eq!((rows.len(), scene.guarded()), (3, 0));
    assert_eq!(home.armed(), None);
    assert_eq!(scene.count(TcpState::Established), 3);
}

#[test]
fn a_dry_run_changes_nothing() {
    if !Need::root() {
        return;
    }
    let (scene, home) = (Scene::new("serve", 2), Home::new());
    let netns = scene.netns();
    let dry = format!("arm --json --dry-run --netns {netns} --keepalive 60/5/3");
    for row in home.ayt(&dry).exits(0).rows() {
        assert_eq!((&row["before"], &row["after"]), (&off(), &on(60, 5, 3)));
        assert_eq!(row["dry_run"], true);
    }
    let text = home.ayt(&dry.replace("--json ", "")).exits(0).stdout;
    assert!(text.contains("2 sockets would be changed"), "{text}");
    assert_eq!(scene.settings(&home), vec![off(); 2]);
    assert_eq!((scene.guarded(), home.armed()), (0, None));

    home.ayt(&format!("arm --netns {netns} --keepalive 60/5/3"))
        .exits(0);
    let dry = format!("arm --json --dry-run --netns {netns} --disarm");
    for row in home.ayt(&dry).exits(0).rows() {
        assert_eq!((&row["before"], &row["after"]), (&on(60, 5, 3), &off()));
    }
    assert_eq!(scene.settings(&home), vec![on(60, 5, 3); 2]);
    assert!(home.armed().is_some());
}

#[test]
fn armed_twice_it_goes_back_to_the_first_values() {
    if !Need::root() {
        return;
    }
    let (scene, home) = (Scene::new("serve", 1), Home::new());
    let netns = scene.netns();
    for settings in ["60/5/3", "30/4/2 --user-timeout 20s", "10/1/9"] {
        home.ayt(&format!("arm --netns {netns} --keepalive {settings}"))
            .exits(0);
    }
    let armed = json!({"enabled": true, "idle_s": 10, "interval_s": 1, "count": 9,
                       "user_timeout_ms": 20_000});
    assert_eq!(scene.settings(&home), [armed], "U stays unless it is named");
    home.ayt(&format!("arm --netns {netns} --disarm")).exits(0);
    assert_eq!(scene.settings(&home), [off()]);
}

#[test]
fn an_owner_who_has_changed_them_since_keeps_them() {
    if !Need::root() {
        return;
    }
    let (scene, home) = (Scene::new("serve", 1), Home::new());
    let netns = scene.netns();
    home.ayt(&format!("arm --netns {netns} --keepalive 60/5/3"))
        .exits(0);
    // Nothing of this journal: to the first one, the owner did it.
    Home::new()
        .ayt(&format!("arm --netns {netns} --keepalive 40/4/4"))
        .exits(0);
    let ran = home.ayt(&format!("arm --netns {netns} --disarm")).exits(2);
    assert!(
        ran.stdout
            .contains("its owner has set 40/4/4 since; left as it is"),
        "{}",
        ran.stdout
    );
    assert_eq!(scene.settings(&home), [on(40, 4, 4)]);
    assert!(home.armed().is_some(), "it is not forgotten");
}

#[test]
fn a_listener_is_armed_for_those_who_come_later() {
    if !Need::root() {
        return;
    }
    let (scene, home) = (Scene::new("serve", 1), Home::new());
    let netns = scene.netns();
    home.ayt(&format!(
        "arm --netns {netns} --state LISTEN --keepalive 60/5/3"
    ))
    .exits(0);
    assert_eq!(scene.guarded(), 0, "those who are there keep theirs");
    let later = Fixture::start(&scene.peer, ["hold", &scene.server.addr().to_string()]);
    eventually("the later one is guarded", PATIENCE, || {
        scene.guarded() == 1
    });
    drop(later);
}

#[test]
fn a_filter_that_nothing_matches_is_an_error() {
    if !Need::root() {
        return;
    }
    let (scene, home) = (Scene::new("serve", 1), Home::new());
    let line = format!(
        "arm --netns {} --command nginx --keepalive 60/5/3",
        scene.netns()
    );
    let ran = home.ayt(&line).exits(2);
    assert!(
        ran.stderr.contains("no connection matches"),
        "{}",
        ran.stderr
    );
    // To take back what never was is none.
    let ran = home
        .ayt(&format!("arm --netns {} --disarm", scene.netns()))
        .exits(0);
    assert!(ran.stdout.contains("0 sockets changed"), "{}", ran.stdout);
}

#[test]
fn without_the_right_it_is_an_error_that_names_it() {
    if !Need::root() {
        return;
    }
    let scene = Scene::new("serve", 1);
    let line = format!("arm --peer :{} --keepalive 60/5/3", scene.server.port());
    // The owner is hidden from nobody; a socket whose owner is hidden cannot be
    // duplicated.
    let line = line.replace("--peer", "--local");
    let ran = Nobody::new().ayt(&scene.host, &line).exits(2);
    assert!(ran.stdout.contains("refused"), "{ran:?}");
    assert!(ran.stdout.contains("CAP_SYS_PTRACE"), "{ran:?}");
    assert_eq!(scene.guarded(), 0);
}
