//! How much a wire carries: `cargo run -p ayt-testbed --example wire_speed`.

#![allow(
    clippy::disallowed_methods,
    reason = "this measures real kernels in real time"
)]

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use ayt_testbed::{Direction, Ns, Side, Wire};

fn main() -> Result<()> {
    let mut out = io::stdout().lock();
    let start = Instant::now();
    let (a, b) = (Ns::new()?, Ns::new()?);
    writeln!(out, "two namespaces: {:?}", start.elapsed())?;
    let start = Instant::now();
    let wire = Wire::join(&a, &b)?;
    writeln!(out, "one wire: {:?}", start.elapsed())?;

    let listener = a.run(|| TcpListener::bind((wire.v4(Side::A), 0)))?;
    let addr = listener.local_addr()?;
    let client = b.run(|| TcpStream::connect(addr))?;
    let (accepted, _) = listener.accept()?;
    for stream in [&client, &accepted] {
        stream.set_nodelay(true)?;
    }

    const TURNS: u32 = 5_000;
    let start = Instant::now();
    thread::scope(|scope| -> Result<()> {
        scope.spawn(|| echo(&accepted, TURNS));
        for _ in 0..TURNS {
            (&client).write_all(b"?")?;
            (&client).read_exact(&mut [0; 1])?;
        }
        Ok(())
    })?;
    writeln!(out, "round trip: {:?}", start.elapsed() / TURNS)?;

    for recording in [true, false] {
        wire.record(recording);
        let (start, before) = (Instant::now(), packets(&wire));
        let sent = thread::scope(|scope| -> Result<u64> {
            scope.spawn(|| swallow(&accepted));
            let chunk = [b'x'; 1 << 16];
            let mut sent = 0;
            while start.elapsed() < Duration::from_secs(2) {
                sent += (&client).write(&chunk)? as u64;
            }
            // Tells the other thread to stop.
            (&client).write_all(b"end")?;
            Ok(sent)
        })?;
        let seconds = start.elapsed().as_secs_f64();
        let packets = (packets(&wire) - before) as f64;
        writeln!(
            out,
            "bulk, recording {recording}: {:.0} packets/s, {:.0} MB/s",
            packets / seconds,
            sent as f64 / seconds / 1e6
        )?;
    }
    Ok(())
}

fn packets(wire: &Wire) -> u64 {
    wire.count(Direction::AtoB) + wire.count(Direction::BtoA)
}

fn echo(mut stream: &TcpStream, turns: u32) {
    let mut byte = [0; 1];
    for _ in 0..turns {
        if stream
            .read_exact(&mut byte)
            .and_then(|()| stream.write_all(&byte))
            .is_err()
        {
            return;
        }
    }
}

fn swallow(mut stream: &TcpStream) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length) = stream.read(&mut buffer) {
        if length == 0 || buffer[..length].ends_with(b"d") {
            return;
        }
    }
}
