//! What `ayt plan --emit` prints is tried: compiled or loaded by the tool it is for,
//! run, and read back from the kernel by `ayt list`. What a tool cannot be had for is
//! read by a parser (`parsed.rs`).

#[path = "../common/mod.rs"]
mod common;
mod databases;
mod namespaces;
mod parsed;
mod programs;
mod proxies;
mod rust;
mod windows;

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ayt_core::keepalive::Policy;
use ayt_testbed::{Ns, eventually};
use common::ayt;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Numbers that no system has by default, each different from the others.
const SETTINGS: &str = "61/7/4 U=87500ms";
/// Compilers on a busy machine take their time.
const PATIENCE: Duration = Duration::from_secs(60);

/// The text for a target, and what its first lines promise of a socket.
#[track_caller]
fn emitted(target: &str) -> (String, Policy) {
    let text = ayt(["plan", "--check", SETTINGS, "--emit", target])
        .exits(0)
        .stdout;
    let promised = text
        .lines()
        .find_map(|line| line.split_once(": keepalive "))
        .and_then(|(_, policy)| policy.parse().ok());
    let promised = promised.unwrap_or_else(|| panic!("{target} promises nothing:\n{text}"));
    (text, promised)
}

/// A child that is ended, and waited for, with this value.
struct Running(Child);

impl Running {
    /// Starts it in a namespace, its standard input held open.
    #[track_caller]
    fn start(ns: &Ns, command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        let child = ns.spawn(command.stderr(Stdio::null()));
        Self(child.unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        // It may have ended by itself. A database cleans up when it is asked to end.
        let _ = pid.map(|pid| kill_process(pid, Signal::TERM));
        for _ in 0..200 {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Keepalive of each socket in a namespace that `filter` matches, as `ayt list` reads
/// it through the owner's descriptor.
fn read_back(ns: &Ns, filter: &str) -> Vec<Value> {
    let line = format!("list --json --exact --netns {} {filter}", ns.ino());
    let rows = ayt(line.split_whitespace()).rows();
    rows.into_iter()
        .map(|row| row["keepalive"].clone())
        .collect()
}

/// Whether a socket has what was promised.
fn has(keepalive: &Value, promised: &Policy) -> bool {
    let user_timeout = promised.user_timeout().map_or(0, |time| time.as_millis());
    keepalive["enabled"] == true
        && keepalive["idle_s"] == promised.idle().as_secs()
        && keepalive["interval_s"] == promised.interval().as_secs()
        && keepalive["count"] == promised.count()
        && keepalive["user_timeout_ms"].as_u64().map(u128::from) == Some(user_timeout)
}

/// Waits until so many sockets match the filter and all have what was promised.
#[track_caller]
fn expect_sockets(ns: &Ns, filter: &str, sockets: usize, promised: &Policy) {
    eventually(
        &format!("{sockets} × {promised} on {filter}"),
        PATIENCE,
        || {
            let seen = read_back(ns, filter);
            match seen.len() == sockets && seen.iter().all(|one| has(one, promised)) {
                true => Ok(()),
                false => Err(format!("{seen:?}")),
            }
        },
    );
}

/// A listener on a namespace's loopback.
fn listener(ns: &Ns, port: u16) -> (TcpListener, SocketAddr) {
    let listener = ns.run(|| TcpListener::bind(("127.0.0.1", port)).expect("a listener"));
    let address = listener.local_addr().expect("an address");
    (listener, address)
}
