//! Connects, sets keepalive, and says what the system made of it and when it will
//! find a dead peer. Then it waits until its input ends, so that one can pull a
//! cable, or look at the connection's timer from outside.
//!
//! ```text
//! cargo run -p ayt --example keepalive -- 192.0.2.7:22 "60/5/3 U=20s"
//! ```
//!
//! What to see: what was asked for and what is in effect, which differ where the system
//! counts in other units or lacks an option (then a line `downgrade` says what and why);
//! and the time in which an idle death is found, and one with data in flight, as
//! earliest–latest. On Linux `ss -tno` shows the timer of the address named as `local`.

use std::error::Error;
use std::io::{self, Write};
use std::net::TcpStream;
use std::process::ExitCode;

use ayt::keepalive::{self, Kernel, Policy};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "keepalive: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), policy) = (arguments.next(), arguments.next()) else {
        return Err("usage: keepalive ADDRESS:PORT [I/V/N [U=TIME]]".into());
    };
    let policy: Policy = match policy {
        Some(text) => text.parse()?,
        None => Policy::default(),
    };
    let stream =
        TcpStream::connect(&address).map_err(|error| format!("connect to {address}: {error}"))?;
    let applied = keepalive::apply(&stream, &policy)?;
    let detection = applied.detection(&Kernel::default());
    let mut out = io::stdout().lock();
    writeln!(out, "asked: {policy}")?;
    writeln!(out, "system: {:?}", applied.os)?;
    writeln!(out, "in effect: {}", applied.after)?;
    for downgrade in &applied.downgrades {
        writeln!(out, "downgrade: {downgrade}")?;
    }
    writeln!(out, "finds an idle death: {}", detection.idle)?;
    writeln!(
        out,
        "finds one with data in flight: {}",
        detection.in_flight
    )?;
    writeln!(out, "local: {}", stream.local_addr()?)?;
    out.flush()?;
    io::copy(&mut io::stdin().lock(), &mut io::sink())?;
    Ok(())
}
