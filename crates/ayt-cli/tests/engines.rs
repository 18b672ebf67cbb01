//! Connections that no descriptor reaches, as the command asks them, explains how,
//! and reaps them. In network namespaces of the tests' own.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod common;

use std::time::Duration;

use ayt_testbed::{Fixture, Need, Ns, Side, Wire, eventually};
use common::{Home, Ran};

const PATIENCE: Duration = Duration::from_secs(20);

/// A server that never accepts, and two clients in its queue.
struct Scene {
    host: Ns,
    wire: Wire,
    home: Home,
    /// The server's.
    port: u16,
    _programs: Vec<Fixture>,
    _peer: Ns,
}

impl Scene {
    fn new() -> Self {
        let (host, peer) = (Ns::new().unwrap(), Ns::new().unwrap());
        let wire = Wire::join(&host, &peer).unwrap();
        let bind = format!("{}:0", wire.v4(Side::A));
        let server = Fixture::start(&host, ["no-accept", "--bind", &bind]).unwrap();
        let port = server.addr().port();
        let address = server.addr().to_string();
        let client = || Fixture::start(&peer, ["hold", &address]).unwrap();
        let programs = vec![client(), client(), server];
        eventually("both in the queue", PATIENCE, || {
            let table = host.tcp().unwrap();
            let queued = table.iter().filter(|row| row.remote.port() != 0);
            queued.filter(|row| row.inode == 0).count() == 2
        });
        Self {
            host,
            wire,
            home: Home::new(),
            port,
            _programs: programs,
            _peer: peer,
        }
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = self.home.command();
        let netns = self.host.ino().to_string();
        command.args(arguments).args(["--netns", &netns]);
        common::run(&mut command)
    }

    /// The words of a page, without its line ends.
    fn words(ran: &Ran) -> String {
        let words: Vec<&str> = ran.stdout.split_whitespace().collect();
        words.join(" ")
    }
}

#[test]
fn the_engine_is_explained_and_can_be_named() {
    if !Need::tun() {
        return;
    }
    let scene = Scene::new();
    let ran = scene.run(&["probe", "--explain-engine"]).exits(0);
    let text = Scene::words(&ran);
    assert!(text.contains("2 connections: 2 alive"), "{text}");
    let why = "2 by raw; not by repair and keepalive: no process holds a descriptor";
    assert!(text.contains(why), "{text}");
    let plain = scene.run(&["probe", "--engine", "auto"]).exits(0);
    assert!(!Scene::words(&plain).contains("not by"), "{plain:?}");

    for row in scene.run(&["probe", "--json"]).exits(0).rows() {
        assert_eq!(row["engine"], "raw");
        assert_eq!(row["numbers"], "learnt");
        let passed = row["passed_over"].as_array().unwrap();
        assert_eq!(passed.len(), 2);
        assert_eq!(passed[0]["engine"], "repair");
        assert!(passed[0]["why"].as_str().unwrap().contains("descriptor"));
    }
    for row in scene
        .run(&["probe", "--json", "--engine", "raw"])
        .exits(0)
        .rows()
    {
        assert_eq!(row["engine"], "raw");
        assert_eq!(row["passed_over"].as_array().unwrap().len(), 0);
    }
    // What another engine cannot ask has a reason, and is no success.
    let ran = scene
        .run(&["probe", "--json", "--engine", "repair"])
        .exits(3);
    for row in ran.rows() {
        assert_eq!(row["verdict"], "unknown");
        assert_eq!(row["engine"], serde_json::Value::Null);
    }
}

/// Nobody holds what waits to be accepted; the doctor asks it all the same.
#[test]
fn the_doctor_asks_what_waits_to_be_accepted() {
    if !Need::tun() {
        return;
    }
    let scene = Scene::new();
    let arguments = [
        "doctor",
        "--probe",
        "--json",
        "--only",
        "half-open",
        "--patience",
        "2s",
    ];
    // Its peers live: nothing is wrong with them.
    let healthy = scene.run(&arguments).exits(0).row();
    assert_eq!(healthy["looked_at"]["asked"], 2, "{healthy}");
    scene.wire.cut();
    let row = scene.run(&arguments).exits(1).row();
    assert_eq!(row["looked_at"]["asked"], 2, "{row}");
    let findings = row["findings"].as_array().unwrap();
    let [finding] = &findings[..] else {
        panic!("{row}");
    };
    assert_eq!(finding["rule"], "half-open", "{row}");
    assert_eq!(finding["evidence"]["cause"], "unanswered", "{row}");
    assert_eq!(finding["connections"].as_array().unwrap().len(), 2, "{row}");
    let port = format!("port {}", scene.port);
    let summary = finding["summary"].as_str().unwrap();
    assert!(summary.contains(&port), "{summary}");
}

/// The raw engine's own segments, which the kernel counts as received, do not
/// pass for the peer's return.
#[test]
fn ghosts_in_an_accept_queue_are_reaped() {
    if !Need::tun() {
        return;
    }
    let scene = Scene::new();
    scene.wire.cut();
    let arguments = ["reap", "--json", "--yes", "--patience", "2s"];
    let ran = scene.run(&arguments).exits(0);
    let rows = ran.rows();
    assert_eq!(rows.len(), 2, "{ran:?}");
    for row in rows {
        assert_eq!(row["outcome"], "destroyed", "{row}");
    }
}
