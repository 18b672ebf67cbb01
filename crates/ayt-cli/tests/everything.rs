//! `--all`: every connection of the host, if that is said. Tried in a world of
//! its own: own processes, own network, own names.

mod common;

use std::process::Command;

use ayt_testbed::{Need, fixture_binary};
use common::{Home, Ran, run};

/// Runs lines of shell where there is nothing but what they start: `$AYT`, a
/// server `$SERVER` with two clients.
fn alone(home: &Home, lines: &str) -> Ran {
    let script = format!(
        "mount -t tmpfs none /run; ip link set lo up
         sleep 600 | $FIXTURE serve --bind 127.0.0.1:7007 > $HOME/server &
         until grep -q ready $HOME/server; do sleep 0.05; done
         sleep 600 | $FIXTURE hold 127.0.0.1:7007 --number 2 > $HOME/client &
         until grep -q ready $HOME/client; do sleep 0.05; done
         until [ $($AYT list --json --state ESTABLISHED | grep -c '\"fd\"') = 4 ]; do
             sleep 0.05
         done
         {lines}"
    );
    let mut command = Command::new("unshare");
    command
        .args([
            "--mount",
            "--pid",
            "--net",
            "--fork",
            "--kill-child",
            "--mount-proc",
        ])
        .args(["sh", "-ec", &script])
        .env("AYT", env!("CARGO_BIN_EXE_ayt"))
        .env("FIXTURE", fixture_binary().expect("the fixture"))
        .env("HOME", home.path())
        .env("AYT_RUNTIME_DIR", home.path());
    run(&mut command)
}

#[test]
fn all_is_all_only_where_it_is_said() {
    if !Need::root() {
        return;
    }
    let home = Home::new();
    let arm = alone(
        &home,
        "$AYT arm --all --keepalive 60/5/3 --json
         ! $AYT arm --keepalive 10/1/1
         $AYT list --json --state ESTABLISHED",
    )
    .exits(0);
    let rows = arm.rows();
    // Both ends of two connections, armed and then listed.
    let (armed, listed) = rows.split_at(4);
    assert_eq!(listed.len(), 4, "{arm:?}");
    for row in armed {
        assert_eq!(
            (&row["changed"], &row["after"]["idle_s"]),
            (&true.into(), &60.into())
        );
    }
    assert!(
        listed.iter().all(|row| row["keepalive"]["idle_s"] == 60),
        "{listed:#?}"
    );
    assert!(arm.stderr.contains("no filter is given"), "{}", arm.stderr);
}

#[test]
fn reaping_all_spares_all_that_live() {
    if !Need::root() {
        return;
    }
    let home = Home::new();
    let ran = alone(
        &home,
        "$AYT reap --all --yes
         $AYT list --json --state ESTABLISHED",
    )
    .exits(0);
    let (said, rows) = ran.stdout.split_once('\n').expect("two outputs");
    assert_eq!(said, "Nothing to reap.");
    assert_eq!(rows.lines().count(), 4, "{rows}");
}
