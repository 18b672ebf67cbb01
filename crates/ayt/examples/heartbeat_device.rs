//! A device that can misbehave, for the example `heartbeat_server`.
//!
//! ```sh
//! cargo run -p ayt --example heartbeat_device                     # as it should be
//! cargo run -p ayt --example heartbeat_device -- --freeze 14s     # late, and heard
//! cargo run -p ayt --example heartbeat_device -- --vanish         # as if unplugged
//! cargo run -p ayt --example heartbeat_device -- --restart-often  # a thousand times
//! cargo run -p ayt --example heartbeat_device -- --one-way        # asks for no answers
//! ```
//!
//! What to see here: the client's own events, one line each. The server's lines tell the
//! other half.
//!
//! - By default it sends a reading every second until it is stopped (^C says goodbye).
//!   Stop the server and start it again: the device comes back by itself.
//! - `--freeze 14s`: after its first reading nothing of it gets through for that long:
//!   no heartbeat, no answer. Its late readings still arrive: with a freeze a little
//!   longer than the server's time, over the old connection, while the server drains it;
//!   otherwise over the next one. Then it is done.
//! - `--vanish`: the same for ever. The process lives on, and says nothing.
//! - `--restart-often`: a thousand lives of one reading each, within one heartbeat. Each
//!   leaves a connection behind that nobody closes.
//! - `--one-way`: it sends heartbeats and wants none: the server never asks it.
//!
//! Options: `--server 127.0.0.1:7117`, `--identity meter-17`, `--key 1717...17`, `--beat
//! 5s` (the longest it wishes to be silent), `--server-beat 30s` (the longest silence of
//! the server that it wishes), `--readings N` (then it is done), `--times 1000` (of
//! `--restart-often`).
#![allow(
    clippy::print_stdout,
    clippy::disallowed_macros,
    reason = "an example talks to its reader"
)]

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use ayt::session::client::{Builder, Event};
use ayt::session::{Client, Key};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::sleep;

type Failure = Box<dyn std::error::Error>;

const SECOND: Duration = Duration::from_secs(1);
/// Connections that a device in a loop has left behind and its kernel still holds.
const LEFT_BEHIND: usize = 50;

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
    match options.mode {
        Mode::Well => be_well(&options).await,
        Mode::Freeze(time) => freeze(&options, Some(time)).await,
        Mode::Vanish => freeze(&options, None).await,
        Mode::RestartOften => restart_often(&options).await,
    }
}

async fn be_well(options: &Options) -> Result<(), Failure> {
    let mut builder = options.builder()?.address(&options.server);
    if options.one_way {
        builder = builder.one_way().server_beat(Duration::ZERO);
    }
    let client = Arc::new(builder.start()?);
    let telling = tokio::spawn(tell(Arc::clone(&client)));
    let readings = async {
        for n in 1..=options.readings {
            client.send(format!("reading {n}")).await?;
            sleep(SECOND).await;
        }
        Ok::<(), Failure>(())
    };
    tokio::select! {
        done = readings => done?,
        stop = tokio::signal::ctrl_c() => stop?,
    }
    client.close().await;
    telling.await?;
    Ok(())
}

/// For this long, or for ever.
async fn freeze(options: &Options, time: Option<Duration>) -> Result<(), Failure> {
    let (held, way) = watch::channel(false);
    // It judges nobody while it is frozen: what there is to see is the server's judgement.
    let builder = options.builder()?.server_beat(Duration::ZERO);
    let client = over(builder, options, way).start()?;
    let client = Arc::new(client);
    let telling = tokio::spawn(tell(Arc::clone(&client)));
    client.send("reading 1").await?;
    acknowledged(&client).await;
    held.send(true)?;
    println!("nothing gets through any more");
    let Some(time) = time else {
        client.send("never heard").await?;
        return pending().await;
    };
    client.send("reading 2, on its way for long").await?;
    sleep(time).await;
    println!("after {time:?} everything gets through again, late");
    held.send(false)?;
    acknowledged(&client).await;
    client.send("reading 3").await?;
    client.close().await;
    telling.await?;
    Ok(())
}

async fn restart_often(options: &Options) -> Result<(), Failure> {
    let mut left = VecDeque::new();
    for n in 1..=options.times {
        let (held, way) = watch::channel(false);
        let client = over(options.builder()?, options, way).start()?;
        client.send(format!("life {n}")).await?;
        client
            .registered()
            .await
            .map_err(|ended| ended.to_string())?;
        // Not closed: the next life finds the old connection in its way.
        held.send(true)?;
        left.push_back((held, client));
        if left.len() > LEFT_BEHIND {
            left.pop_front();
        }
        if n.is_multiple_of(100) {
            println!("restarted {n} times");
        }
    }
    if let Some((held, last)) = left.pop_back() {
        held.send(false)?;
        println!("the last one: {}", last.close().await);
    }
    Ok(())
}

/// Until the server has taken everything.
async fn acknowledged(client: &Client) {
    while client.state().numbers.unacknowledged() > 0 {
        sleep(Duration::from_millis(1)).await;
    }
}

async fn tell(client: Arc<Client>) {
    while let Some(event) = client.event().await {
        if !matches!(event, Event::RoundTrip(_)) {
            println!("{event}");
        }
    }
}

/// A client whose connections lead over a way on which nothing gets through while
/// `held` is true: as on a network that holds everything up, and loses nothing.
fn over(builder: Builder, options: &Options, held: watch::Receiver<bool>) -> Builder {
    let server = options.server.clone();
    builder.connector(move || {
        let (server, held) = (server.clone(), held.clone());
        async move {
            let socket = TcpStream::connect(server).await?;
            let (near, far) = duplex(64 * 1024);
            tokio::spawn(carry(far, socket, held));
            Ok(near)
        }
    })
}

async fn carry(near: DuplexStream, far: TcpStream, held: watch::Receiver<bool>) -> io::Result<()> {
    let (near_reads, near_writes) = tokio::io::split(near);
    let (far_reads, far_writes) = far.into_split();
    // What the device has said comes first when the way is free again.
    let up = pass(near_reads, far_writes, held.clone(), Duration::ZERO);
    let down = pass(far_reads, near_writes, held, Duration::from_millis(50));
    tokio::try_join!(up, down).map(drop)
}

async fn pass(
    mut from: impl tokio::io::AsyncRead + Unpin,
    mut to: impl tokio::io::AsyncWrite + Unpin,
    mut held: watch::Receiver<bool>,
    after: Duration,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        if *held.borrow_and_update() {
            // Where nobody can free the way any more, the device is gone.
            let free = held.wait_for(|held| !held).await;
            free.map_err(|_| io::ErrorKind::ConnectionAborted)?;
            sleep(after).await;
        }
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..read]).await?;
    }
}

enum Mode {
    Well,
    Freeze(Duration),
    Vanish,
    RestartOften,
}

struct Options {
    server: String,
    identity: String,
    key: Vec<u8>,
    beat: Duration,
    server_beat: Duration,
    mode: Mode,
    one_way: bool,
    readings: u64,
    times: u64,
}

impl Options {
    fn read() -> Result<Self, Failure> {
        let mut options = Self {
            server: "127.0.0.1:7117".to_owned(),
            identity: "meter-17".to_owned(),
            key: vec![0x17; 32],
            beat: 5 * SECOND,
            server_beat: 30 * SECOND,
            mode: Mode::Well,
            one_way: false,
            readings: u64::MAX,
            times: 1_000,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            let mut value = || {
                let value = arguments.next();
                value.ok_or_else(|| format!("{name} needs a value; see the head of this example"))
            };
            match name.as_str() {
                "--vanish" => options.mode = Mode::Vanish,
                "--restart-often" => options.mode = Mode::RestartOften,
                "--one-way" => options.one_way = true,
                "--freeze" => options.mode = Mode::Freeze(time(&value()?)?),
                "--server" => options.server = value()?,
                "--identity" => options.identity = value()?,
                "--key" => options.key = hex(&value()?)?,
                "--beat" => options.beat = time(&value()?)?,
                "--server-beat" => options.server_beat = time(&value()?)?,
                "--readings" => options.readings = value()?.parse()?,
                "--times" => options.times = value()?.parse()?,
                _ => return Err(format!("no option {name}; see the head of this example").into()),
            }
        }
        Ok(options)
    }

    fn builder(&self) -> Result<Builder, Failure> {
        let builder = Client::builder(self.identity.clone()).key(Key::new(&self.key)?);
        let pace = (Duration::from_millis(100), 5 * SECOND);
        // The server may want more of them than a device in the field could pay for.
        let builder = builder.least_beat(Duration::from_millis(10));
        let builder = builder.client_beat(self.beat).server_beat(self.server_beat);
        Ok(builder.pace(pace.0, pace.1))
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
