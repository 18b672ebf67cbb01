//! `examples/device.py`, written from docs/protocol.md alone: its own tests, and whole
//! sessions with this library's server, over loopback and through a relay that breaks.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod beats;
mod child;
mod cuts;
mod ends;
mod lost;
mod relay;
mod rng;
mod talks;
mod vectors;

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use ayt::session::Key;
use ayt::session::server::{Beats, Limits, Server, Session};
use ayt_testbed::Need;
use bytes::Bytes;

/// The identity and the key that the devices of these tests have.
const IDENTITY: &str = "meter-17";
const KEY: [u8; 32] = [0x17; 32];

const MS: fn(u64) -> Duration = Duration::from_millis;
/// Longer than anything here takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn python() -> bool {
    Need::program("python3", "install the package python3")
}

/// The root of the repository.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Short beats are allowed, takeovers are not counted, and hints are not spread.
fn limits() -> Limits {
    let beats = Beats {
        floor: MS(10),
        ..Beats::default()
    };
    Limits {
        client_beat: beats,
        server_beat: beats,
        takeovers: u32::MAX,
        retry_spread: Duration::ZERO,
        ..Limits::default()
    }
}

async fn server(limits: Limits) -> Server {
    let keys = HashMap::from([(Bytes::from(IDENTITY), Key::new(&KEY).unwrap())]);
    let builder = Server::builder().keys(keys).limits(limits);
    builder.bind("127.0.0.1:0").await.unwrap()
}

/// Within the patience of these tests.
async fn soon<T>(what: &str, something: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, something).await {
        Ok(done) => done,
        Err(_) => panic!("never: {what}"),
    }
}

async fn accept(server: &Server) -> Session {
    soon("a session", server.accept()).await.unwrap()
}

async fn recv(session: &mut Session) -> Bytes {
    soon("a message", session.recv()).await.unwrap()
}

#[test]
fn the_python_device_passes_its_own_tests() {
    if !python() {
        return;
    }
    let output = Command::new("python3")
        .args(["-m", "unittest", "examples/test_device.py"])
        // No bytecode beside the sources.
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(root())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("Ran 0 tests"), "{said}");
}
