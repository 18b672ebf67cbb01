//! The kernel behind wine shows the timer that a Windows program set.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Stdio};

use anyhow::{Context, Result, ensure};
use ayt_core::facts::{NsId, Socket, TimerKind};
use ayt_core::tcp_state::TcpState;
use ayt_sys::wire::diag::{self, INET};
use ayt_sys::wire::request::state_mask;
use ayt_sys::{DiagSocket, Netns, SysError};

use super::{WINE, Wine};
use crate::run::say;

/// Idle time 60 s: the timer must show that, or what a second or so has left of it.
const POLICY: &str = "60/5/3 U=20s";
const IDLE_MS: std::ops::RangeInclusive<u32> = 50_000..=60_000;

/// Runs the example under wine, connected to us, and looks at its socket.
pub(super) fn prove(wine: &Wine, example: &Path) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let ours = listener.local_addr()?;
    let mut command = wine.command(WINE);
    command
        .arg(example)
        .args([&ours.to_string(), POLICY])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    say(&command);
    let mut child = command.spawn().context("starting wine")?;
    let result = look(&mut child, ours);
    // It leaves when its input ends.
    drop(child.stdin.take());
    let status = child.wait().context("waiting for wine")?;
    result?;
    ensure!(status.success(), "windows: the keepalive example: {status}");
    Ok(())
}

fn look(child: &mut Child, ours: SocketAddr) -> Result<()> {
    let output = child.stdout.take().context("no output of wine")?;
    let mut said = Vec::new();
    for line in BufReader::new(output).lines() {
        let line = line.context("the output of the keepalive example")?;
        println!("windows: | {}", line.trim_end());
        let last = line.starts_with("local: ");
        said.push(line.trim_end().to_owned());
        if last {
            break;
        }
    }
    let value = |name: &str| said.iter().find_map(|line| line.strip_prefix(name));
    let local: SocketAddr = value("local: ")
        .with_context(|| format!("windows: the keepalive example ended early: {said:?}"))?
        .parse()?;
    let socket = socket_between(local, ours)?;
    ensure!(
        socket.timer.kind == TimerKind::Keepalive && IDLE_MS.contains(&socket.timer.expires_ms),
        "windows: the socket behind wine must show a keepalive timer of 60 s; it shows {:?}",
        socket.timer
    );
    println!(
        "windows: the socket behind wine shows its keepalive timer: {} ms left",
        socket.timer.expires_ms
    );
    // Each setting is in effect or told; wine 8 has neither of these two.
    let in_effect = value("in effect: ").unwrap_or_default();
    for (setting, sign) in [("count", "/3"), ("user timeout", "U=20s")] {
        let told = said
            .iter()
            .any(|line| line.starts_with(&format!("downgrade: {setting}: ")));
        ensure!(
            told || in_effect.contains(sign),
            "windows: the {setting} is neither in effect nor told: {said:?}"
        );
        if told {
            println!("windows: not proved here, only that it is told: the {setting}");
        }
    }
    Ok(())
}

fn socket_between(local: SocketAddr, remote: SocketAddr) -> Result<Socket> {
    let mut found = None;
    let mut diag = DiagSocket::open(&Netns::own()?)?;
    diag.dump(INET, state_mask(&[TcpState::Established]), |payload| {
        let socket = diag::socket(payload, NsId(0)).map_err(|error| SysError::Malformed {
            operation: "read a sock_diag message",
            detail: error.to_string(),
        })?;
        let wanted = socket.filter(|one| (one.local, one.remote) == (local, remote));
        found = found.take().or(wanted);
        Ok(())
    })?;
    found.with_context(|| format!("windows: no socket {local} → {remote} in the kernel's table"))
}
