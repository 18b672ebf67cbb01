//! A real ghost beside a living connection: what each command says of them, and
//! with which exit code. In network namespaces of the tests' own.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod common;

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ayt_testbed::{Direction, Fixture, Need, Ns, Side, Wire, eventually};
use common::Ran;

const PATIENCE: Duration = Duration::from_secs(20);

/// A server with one client that has vanished and one that lives.
struct Scene {
    server: Fixture,
    _living: Fixture,
    wire: Wire,
    _spaces: (Ns, Ns),
}

impl Scene {
    fn new() -> Self {
        let (host, peer) = (Ns::new().unwrap(), Ns::new().unwrap());
        let wire = Wire::join(&host, &peer).unwrap();
        let bind = format!("{}:0", wire.v4(Side::A));
        let server = Fixture::start(&host, ["serve", "--bind", &bind]).unwrap();
        let address = server.addr().to_string();
        let accepted = |count: usize| {
            eventually("the server has accepted", PATIENCE, || {
                let table = host.tcp().unwrap();
                let rows = table.iter();
                rows.filter(|row| row.local == server.addr() && row.remote.port() != 0)
                    .filter(|row| row.inode != 0)
                    .count()
                    == count
            });
        };
        let mut ghost = Fixture::start(&peer, ["hold", &address]).unwrap();
        accepted(1);
        wire.cut();
        ghost.kill().unwrap();
        // Over loopback the wire does not matter.
        let living = Fixture::start(&host, ["hold", &address]).unwrap();
        accepted(2);
        Self {
            server,
            _living: living,
            wire,
            _spaces: (host, peer),
        }
    }

    /// ayt on the server's side of its connections.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = common::command();
        let local = self.server.addr().to_string();
        command.args(arguments).args(["--local", &local]);
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        common::run(&mut self.command(arguments))
    }

    /// Starts a command and sends it a signal once the ghost has been asked for
    /// the second time: the living has answered by then, and silence is not yet
    /// death.
    fn interrupted(&self, arguments: &[&str], signal: &str) -> Ran {
        let asked = || self.wire.count(Direction::AtoB);
        let before = asked();
        let child = self
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        eventually("the ghost asked twice", PATIENCE, || asked() >= before + 2);
        interrupt(&child, signal);
        child.wait_with_output().unwrap().into()
    }
}

/// 0; or 3 on a machine that hides something from root, which is told then.
fn assert_done(ran: &Ran) {
    let expected = match ran.stderr.contains("not seen") {
        true => 3,
        false => 0,
    };
    assert_eq!(ran.exit, expected, "{ran:?}");
}

fn interrupt(child: &Child, signal: &str) {
    let pid = child.id().to_string();
    let sent = Command::new("kill").args([signal, &pid]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn a_ghost_is_found_and_reaped_and_the_living_stays() {
    if !Need::tun() {
        return;
    }
    let scene = Scene::new();
    let probe = scene.run(&["probe", "--json"]);
    assert_eq!(probe.exit, 1, "{probe:?}");
    let mut verdicts: Vec<_> = probe
        .rows()
        .into_iter()
        .map(|row| (row["verdict"].clone(), row["cause"].clone()))
        .collect();
    verdicts.sort_by_key(|(verdict, _)| verdict.to_string());
    assert_eq!(
        verdicts,
        [
            ("alive".into(), serde_json::Value::Null),
            ("dead".into(), "unanswered".into())
        ]
    );

    let doctor = scene.run(&["doctor", "--probe", "--only", "half-open", "--json"]);
    assert_eq!(doctor.exit, 1, "{doctor:?}");
    let found = &doctor.rows()[0]["findings"][0];
    assert_eq!(found["severity"], "critical", "{found}");
    assert_eq!(found["connections"].as_array().unwrap().len(), 1);

    let dry = scene.run(&["reap", "--json"]);
    assert_eq!(dry.exit, 1, "{dry:?}");
    assert_eq!(dry.rows()[0]["outcome"], "would_destroy");

    let real = scene.run(&["reap", "--json", "--yes"]);
    let reaped = real.rows();
    assert_done(&real);
    assert_eq!(reaped.len(), 1, "{real:?}");
    assert_eq!(reaped[0]["outcome"], "destroyed");

    let left = scene.run(&["probe", "--json"]);
    assert_done(&left);
    assert_eq!(left.rows()[0]["verdict"], "alive");
}

#[test]
fn an_interrupted_probe_prints_what_it_has() {
    if !Need::tun() {
        return;
    }
    let scene = Scene::new();
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let output = scene.interrupted(&["probe", "--json"], signal);
        assert_eq!(output.exit, code, "{output:?}");
        let verdicts: Vec<_> = output
            .rows()
            .iter()
            .map(|row| row["verdict"].to_string())
            .collect();
        assert!(verdicts.contains(&"\"alive\"".to_owned()), "{verdicts:?}");
        assert!(!verdicts.contains(&"\"dead\"".to_owned()), "{verdicts:?}");
    }
}

#[test]
fn an_interrupted_reap_destroys_nothing() {
    if !Need::tun() {
        return;
    }
    let scene = Scene::new();
    let output = scene.interrupted(&["reap", "--yes", "--json"], "-INT");
    assert_eq!(output.exit, 130, "{output:?}");
    let list = scene.run(&["list", "--state", "ESTABLISHED", "--json"]);
    assert_eq!(list.rows().len(), 2);
}
