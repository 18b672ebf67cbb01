//! A server that knows which of its devices are there.
//!
//! Run it, and beside it a device, as it should be and as it should not:
//!
//! ```sh
//! cargo run -p ayt --example heartbeat_server
//! cargo run -p ayt --example heartbeat_device
//! cargo run -p ayt --example heartbeat_device -- --freeze 14s
//! cargo run -p ayt --example heartbeat_device -- --vanish
//! cargo run -p ayt --example heartbeat_device -- --restart-often
//! ```
//!
//! The device in plain Python speaks to it as well:
//!
//! ```sh
//! python3 -c 'print("17" * 32)' > key
//! python3 examples/device.py --server 127.0.0.1:7117 --identity meter-17 --key-file key
//! ```
//!
//! What to see: one line for what happens to a device. It registers; its heartbeat is
//! missed, and it is asked; it answers after all, or its connection is given up, the
//! write side first, so that what it had in flight still arrives (drain); it comes back
//! and its session goes on (resumed), or a newer connection of the same identity takes
//! its place (taken over), or it is gone, with the cause. A device that is frozen costs a
//! reconnect and no data; one that restarts a thousand times within a heartbeat never
//! has more than one live session and one that is drained.
//!
//! Options, each with its default:
//!
//! ```text
//! --listen 127.0.0.1:7117   where
//! --identity meter-17       who may register; may be given more than once
//! --key 1717...17           their key: 16 to 64 bytes in hexadecimal
//! --beat 5s                 the longest silence a device may keep (10ms to 1h)
//! --challenge 2s            the time to answer when it was overdue (100ms to 60s)
//! --drain 5s                how long the last of a lost connection is still read
//! --keep 30s                how long a session waits for its device to come back
//! --echo                    every message is sent back
//! ```
//!
//! A death is found after twice the beat and the challenge time: 12 s with these. The
//! server sends heartbeats of its own only to devices that wish for them.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_macros,
    reason = "an example talks to its reader"
)]

use std::collections::HashMap;
use std::fmt::Display;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use ayt::session::server::{
    Beats, Limits, Now, Server, Session, SessionEvent, SessionReceiver, SessionSender,
};
use ayt::session::{Fate, Key};
use bytes::Bytes;
use tokio::time::Instant;

type Failure = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failure> {
    let options = Options::read()?;
    let keys: HashMap<_, _> = options
        .identities
        .iter()
        .map(|identity| (identity.clone(), options.key.clone()))
        .collect();
    let server = Server::builder()
        .keys(keys)
        .limits(options.limits)
        .bind(options.listen)
        .await?;
    let server = Arc::new(server);
    let address = server.local_addr().ok_or("the server listens nowhere")?;
    let limits = options.limits;
    let found = limits.client_beat.ceiling * u32::from(limits.misses) + limits.challenge;
    println!("listening on {address}; a death is found within {found:?}");
    tokio::select! {
        () = serve(&server, options.echo) => {}
        stop = tokio::signal::ctrl_c() => stop?,
    }
    println!("shutting down: devices are told to come back in 2 s");
    server.shutdown(Duration::from_secs(2)).await;
    let stats = server.stats();
    println!(
        "in all: {} registered, {} resumed, {} taken over",
        stats.registered, stats.resumed, stats.takeovers
    );
    Ok(())
}

async fn serve(server: &Arc<Server>, echo: bool) {
    let mut devices: HashMap<Bytes, Device> = HashMap::new();
    while let Some(session) = server.accept().await {
        let device = devices.entry(session.identity().clone()).or_default();
        let loud = device.comes(&session, server.stats().now);
        tokio::spawn(attend(session, loud, echo));
    }
}

/// What the server's program remembers of a device.
#[derive(Default)]
struct Device {
    sessions: u64,
    most_connections: usize,
    /// When it came last, and how many times in a row soon after it had come before.
    came: Option<Instant>,
    in_a_row: u64,
}

impl Device {
    /// Whether its newest session is worth lines of its own: one that restarts again and
    /// again gets one line for each hundred.
    fn comes(&mut self, session: &Session, now: Now) -> bool {
        self.sessions += 1;
        self.most_connections = self.most_connections.max(now.connections);
        let n = self.sessions;
        if n.is_multiple_of(100) {
            tell(
                session.identity(),
                format_args!(
                    "registered {n} times; connections, live or drained: {} now, {} at most",
                    now.connections, self.most_connections
                ),
            );
        }
        let before = self.came.replace(Instant::now());
        let soon = before.is_some_and(|before| before.elapsed() < Duration::from_secs(1));
        self.in_a_row = if soon { self.in_a_row + 1 } else { 0 };
        self.in_a_row < 5
    }
}

/// One session, to its end.
async fn attend(session: Session, loud: bool, echo: bool) {
    let identity = session.identity().clone();
    let tell = |what: &dyn Display| {
        if loud {
            tell(&identity, what);
        }
    };
    let (sender, mut receiver): (SessionSender, SessionReceiver) = session.split();
    let mut lost = false;
    let mut reading = true;
    loop {
        tokio::select! {
            biased;
            event = sender.next_event() => match event {
                Some(event) => {
                    lost = (lost || matches!(event, SessionEvent::Lost(_)))
                        && !matches!(event, SessionEvent::Resumed { .. });
                    // Where the session ends with it, its end says so.
                    if !matches!(&event, SessionEvent::Lost(end) if end.fate == Fate::Ends) {
                        tell(&event);
                    }
                }
                None => return,
            },
            message = receiver.recv(), if reading => match message {
                Some(message) => {
                    let how = if lost { " (drained: late, and not lost)" } else { "" };
                    tell(&format_args!("\"{}\"{how}", message.escape_ascii()));
                    // A session that is over takes nothing more; its event says so.
                    if echo && sender.send(message).await.is_err() {
                        reading = false;
                    }
                }
                None => reading = false,
            },
        }
    }
}

/// What a device calls itself may be any bytes.
fn tell(identity: &[u8], what: impl Display) {
    println!("{}: {what}", identity.escape_ascii());
}

struct Options {
    listen: String,
    identities: Vec<Bytes>,
    key: Key,
    limits: Limits,
    echo: bool,
}

impl Options {
    fn read() -> Result<Self, Failure> {
        let mut options = Self {
            listen: "127.0.0.1:7117".to_owned(),
            identities: Vec::new(),
            key: Key::new(&[0x17; 32])?,
            limits: Limits {
                resume_for: Duration::from_secs(30),
                challenge: Duration::from_secs(2),
                // A device that restarts in a loop is what there is to see here. Leave it
                // at its default where two devices may have one identity by mistake.
                takeovers: 1_000_000,
                server_beat: Beats {
                    floor: Duration::from_millis(10),
                    needed: false,
                    ..Beats::default()
                },
                ..Limits::default()
            },
            echo: false,
        };
        let mut beat = Duration::from_secs(5);
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            if name == "--echo" {
                options.echo = true;
                continue;
            }
            let value = arguments
                .next()
                .ok_or_else(|| format!("{name} needs a value; see the head of this example"))?;
            match name.as_str() {
                "--listen" => options.listen = value,
                "--identity" => options.identities.push(Bytes::from(value)),
                "--key" => options.key = Key::new(&hex(&value)?)?,
                "--beat" => beat = time(&value)?,
                "--challenge" => options.limits.challenge = time(&value)?,
                "--drain" => options.limits.drain = time(&value)?,
                "--keep" => options.limits.resume_for = time(&value)?,
                _ => return Err(format!("no option {name}; see the head of this example").into()),
            }
        }
        if options.identities.is_empty() {
            options.identities.push(Bytes::from("meter-17"));
        }
        options.limits.client_beat = Beats {
            floor: Duration::from_millis(10),
            default: beat,
            ceiling: beat,
            needed: true,
        };
        Ok(options)
    }
}

/// `250ms`, `5s` or `2m`.
fn time(text: &str) -> Result<Duration, Failure> {
    let digits = text.trim_end_matches(char::is_alphabetic);
    let number: u64 = digits.parse()?;
    match &text[digits.len()..] {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(60 * number)),
        _ => Err(format!("{text} is no time: write 250ms, 5s or 2m").into()),
    }
}

fn hex(text: &str) -> Result<Vec<u8>, Failure> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pair = |pair: &[u8]| match *pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(pair).collect();
    bytes.ok_or_else(|| "a key is an even number of hexadecimal digits".into())
}
