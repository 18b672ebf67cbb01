//! What keepalive does on a real kernel: who finds a dead peer, and when; and what
//! reading and setting an option mean. Times are those of `Applied::detection`.
#![cfg(target_os = "linux")]
#![allow(
    clippy::disallowed_methods,
    reason = "these tests measure a real kernel in real time"
)]

#[path = "common/late.rs"]
mod late;

use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use ayt::keepalive::{self, Applied, Fact, Kernel, Policy, Span};
use ayt_testbed::{Need, Ns, Side, TcpState, Veth};
use late::Lateness;

type Done = Result<(), Box<dyn Error>>;

/// What a shared machine may add: to run the kernel's timer, to wake the thread
/// that reads, and 50 ms for each time the timer finds the socket in use. A timer
/// run late by its whole bucket (32 ms for waits of 1 s) comes one bucket later. What
/// this machine was late meanwhile comes on top.
const SCHEDULING: Duration = Duration::from_millis(400);
const PATIENCE: Duration = Duration::from_secs(30);

/// The kernel's own tick rate, where its configuration can be read.
fn kernel() -> Kernel {
    let hz = || {
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
        let file = format!("/boot/config-{}", release.trim());
        let text = std::fs::read_to_string(file).ok().or_else(|| {
            let output = Command::new("zcat").arg("/proc/config.gz").output().ok()?;
            String::from_utf8(output.stdout).ok()
        })?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("CONFIG_HZ="))?;
        line.parse().ok()
    };
    Kernel {
        hz: hz(),
        ..Kernel::default()
    }
}

struct Pair {
    server: Ns,
    client: Ns,
    cable: Veth,
}

impl Pair {
    fn new() -> Result<Self, Box<dyn Error>> {
        let (server, client) = (Ns::new()?, Ns::new()?);
        let cable = Veth::join(&server, &client)?;
        Ok(Self {
            server,
            client,
            cable,
        })
    }

    /// Connections as the client and the server have them.
    fn connect(&self, count: usize) -> std::io::Result<Vec<(TcpStream, TcpStream)>> {
        let bind = (self.cable.v4(Side::A), 0);
        let listener = self.server.run(|| TcpListener::bind(bind))?;
        let address = listener.local_addr()?;
        (0..count)
            .map(|_| {
                let client = self.client.run(|| TcpStream::connect(address))?;
                let (server, _) = listener.accept()?;
                server.set_read_timeout(Some(PATIENCE))?;
                server.set_nodelay(true)?;
                Ok((client, server))
            })
            .collect()
    }
}

/// Reads until the kernel ends the connection: how long after `since`.
fn wait_for_end(mut stream: &TcpStream, since: Instant) -> Duration {
    match stream.read(&mut [0; 16]) {
        Err(error) if error.kind() == ErrorKind::TimedOut => since.elapsed(),
        other => panic!(
            "the kernel did not end it: {other:?} after {:?}",
            since.elapsed()
        ),
    }
}

/// Within the span, and late by no more than the machine may add.
fn assert_within(what: &str, found: Duration, span: Span, late: &Lateness) {
    let scheduling = SCHEDULING + late.so_far();
    let latest = span.latest + scheduling;
    assert!(
        (span.earliest..=latest).contains(&found),
        "{what}: found after {found:?}, computed {span:?} and {scheduling:?} of scheduling"
    );
}

fn apply(stream: &TcpStream, policy: &str) -> Result<Applied, Box<dyn Error>> {
    let policy: Policy = policy.parse()?;
    let applied = keepalive::apply(stream, &policy)?;
    assert_eq!(applied.downgrades, []);
    Ok(applied)
}

#[test]
fn each_client_is_missed_at_its_own_time_and_the_unarmed_one_never() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let pair = Pair::new()?;
    let late = &Lateness::watch();
    let policies = ["1/1/2", "2/1/3", "3/2/2", "1/1/2 U=5500ms", "2/3/9 U=4s"];
    let mut connections = pair.connect(policies.len() + 1)?;
    let (_unarmed_client, unarmed) = connections.pop().ok_or("no connection")?;
    let mut waiting = Vec::new();
    for ((mut client, mut server), policy) in connections.into_iter().zip(policies) {
        let applied = apply(&server, policy)?;
        let span = applied.detection(&kernel()).idle.span().ok_or("no span")?;
        let last_byte = Instant::now();
        client.write_all(b"x")?;
        server.read_exact(&mut [0; 1])?;
        waiting.push((policy, client, server, last_byte, span));
    }
    pair.cable.cable_pulled()?;
    let clients: Vec<TcpStream> = thread::scope(|scope| {
        let found: Vec<_> = waiting
            .into_iter()
            .map(|(policy, client, server, last_byte, span)| {
                scope.spawn(move || {
                    assert_within(policy, wait_for_end(&server, last_byte), span, late);
                    client
                })
            })
            .collect();
        found
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(clients.len(), policies.len());
    // Everyone else was found; the one that nobody armed still looks alive.
    let address = unarmed.local_addr()?;
    let alive = pair.server.tcp()?;
    let alive = alive
        .iter()
        .filter(|row| row.local == address && row.state == TcpState::Established);
    assert_eq!(alive.count(), 1);
    assert_eq!(unarmed.take_error()?.map(|error| error.kind()), None);
    Ok(())
}

#[test]
fn data_in_flight_silences_keepalive_and_the_user_timeout_decides() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let pair = Pair::new()?;
    let late = &Lateness::watch();
    let policies = ["1/1/2 U=3s", "1/1/2 U=5s", "1/1/2"];
    let connections = pair.connect(policies.len())?;
    pair.cable.cable_pulled()?;
    let mut waiting = Vec::new();
    for ((client, mut server), policy) in connections.into_iter().zip(policies) {
        let applied = apply(&server, policy)?;
        let span = applied
            .detection(&kernel())
            .in_flight
            .span()
            .ok_or("no span")?;
        let sent = Instant::now();
        server.write_all(b"are you there?")?;
        waiting.push((policy, client, server, sent, span));
    }
    let (_policy, _client, bare, bare_sent, bare_span) = waiting.pop().ok_or("no connection")?;
    thread::scope(|scope| {
        for (policy, client, server, sent, span) in waiting {
            scope.spawn(move || {
                assert_within(policy, wait_for_end(&server, sent), span, late);
                drop(client);
            });
        }
    });
    // 1/1/2 finds an idle death after 3 s. With data in flight it takes a quarter of
    // an hour, as computed; by now 5 s have passed.
    assert!(bare_sent.elapsed() > Duration::from_secs(5));
    assert!(
        bare_span.earliest > Duration::from_secs(900),
        "{bare_span:?}"
    );
    assert_eq!(bare.take_error()?.map(|error| error.kind()), None);
    let address = (bare.local_addr()?, bare.peer_addr()?);
    let rows = pair.server.tcp()?;
    let row = rows.iter().find(|row| (row.local, row.remote) == address);
    assert_eq!(row.map(|row| row.state), Some(TcpState::Established));
    Ok(())
}

#[test]
fn an_outage_shorter_than_the_shortest_that_kills_is_survived() -> Done {
    if !Need::root() {
        return Ok(());
    }
    // A busy machine may take longer to heal the cable than there is time for.
    for _ in 0..5 {
        if survives_an_outage()? {
            return Ok(());
        }
    }
    Err("the cable was healed too late, five times".into())
}

/// `false` where the outage was longer than it was meant to be.
fn survives_an_outage() -> Result<bool, Box<dyn Error>> {
    let pair = Pair::new()?;
    let (mut client, mut server) = pair.connect(1)?.pop().ok_or("no connection")?;
    let applied = apply(&server, "1/1/4")?;
    let outage = applied.outage(&kernel()).idle.known().ok_or("not known")?;
    assert_eq!(outage, Duration::from_secs(3));
    let late = Lateness::watch();
    let end = applied.detection(&kernel()).idle.span().ok_or("no span")?;
    let last_byte = Instant::now();
    client.write_all(b"x")?;
    server.read_exact(&mut [0; 1])?;
    pair.cable.cable_pulled()?;
    // The first probe goes out after 1 s, the fourth after 4: heal before it.
    server.set_read_timeout(Some(outage))?;
    let silent = server.read(&mut [0; 1]).expect_err("nothing comes");
    assert_eq!(silent.kind(), ErrorKind::WouldBlock);
    pair.cable.heal()?;
    if last_byte.elapsed() >= Duration::from_secs(4) {
        return Ok(false);
    }
    // It lives past the time at which it would have ended.
    server.set_read_timeout(Some(end.latest + SCHEDULING + late.so_far()))?;
    let silent = server.read(&mut [0; 1]).expect_err("nothing comes");
    assert_eq!(silent.kind(), ErrorKind::WouldBlock);
    assert!(last_byte.elapsed() > end.latest);
    client.write_all(b"y")?;
    server.read_exact(&mut [0; 1])?;
    Ok(true)
}

#[test]
fn what_was_never_set_follows_the_system_and_setting_pins_it() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let pair = Pair::new()?;
    let (_client, server) = pair.connect(1)?.pop().ok_or("no connection")?;
    let system = |idle: u32, interval: u32, count: u32| -> Done {
        for (name, value) in [("time", idle), ("intvl", interval), ("probes", count)] {
            let name = format!("net/ipv4/tcp_keepalive_{name}");
            pair.server.sysctl(&name, &value.to_string())?;
        }
        Ok(())
    };
    let reads = |idle, interval, count, why: &str| -> Done {
        let time = |seconds| Fact::Known(Duration::from_secs(seconds));
        let settings = keepalive::read(&server)?;
        assert_eq!(settings.idle, time(idle), "{why}");
        assert_eq!(settings.interval, time(interval), "{why}");
        assert_eq!(settings.count, Fact::Known(count), "{why}");
        Ok(())
    };
    reads(7200, 75, 9, "what the system comes with")?;
    system(1234, 56, 7)?;
    reads(1234, 56, 7, "never set: it follows the system")?;

    // The same numbers, but now they are the socket's own.
    let _ = apply(&server, "1234/56/7")?;
    system(4321, 65, 5)?;
    reads(1234, 56, 7, "set: the system no longer reaches it")?;
    Ok(())
}
