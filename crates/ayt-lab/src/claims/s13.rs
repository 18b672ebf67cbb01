//! A server that never closes.

use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;

use ayt_core::facts::TimerKind;
use ayt_core::tcp_state::TcpState;

use super::actor::Leaks;
use super::scene::descriptors;
use super::{Claim, Scene, claim};
use crate::error::LabError;
use crate::packet::Side;

pub(super) const CLAIM: Claim = Claim {
    show: Some(show),
    ..claim(
        "S13",
        "No kernel timer ends CLOSE_WAIT: it stays until the program closes. Each holds a \
         descriptor, until accept answers EMFILE, \"too many open files\".",
    )
};

/// Standard streams, the listener, and some connections.
const DESCRIPTORS: u64 = 16;

fn show(scene: &mut Scene<'_>) -> Result<(), LabError> {
    let pair = scene.pair()?;
    let listen = SocketAddr::from((pair.wire.v4(Side::A), 7000));
    let program = scene.shared.program;
    let server = Leaks::start(&pair.server, program, listen, DESCRIPTORS)?;
    let next = || {
        let mut told = None;
        scene.until(Duration::from_secs(15), || {
            told = server.told.try_recv().ok();
            Ok(told.is_some())
        })?;
        let silent = || LabError::other("the server", "it says nothing", None);
        told.ok_or_else(silent)
    };
    if next()? != "listens" {
        return Err(LabError::other("the server", "it does not get ready", None));
    }
    let mut accepted = 0;
    let mut answer = String::new();
    while answer.is_empty() && accepted <= DESCRIPTORS {
        drop(pair.connect(listen)?);
        match next()?.as_str() {
            "accepts" => accepted += 1,
            error => error.clone_into(&mut answer),
        }
    }
    // What it was given may lie above its limit.
    let open = descriptors(server.process.pid());
    let open = open.iter().filter(|one| **one < DESCRIPTORS).count() as u64;
    let text = format!(
        "{} clients came and went, {accepted} were accepted; {open} of {DESCRIPTORS} \
         descriptors are open, and accept answers {answer}",
        accepted + 1
    );
    scene.fact(answer == "EMFILE" && open == DESCRIPTORS, text);
    let closed = |socket: &&ayt_core::facts::Socket| {
        socket.state == TcpState::CloseWait && socket.inode != 0
    };
    let mut before = Vec::new();
    scene.until(Duration::from_secs(5), || {
        let sockets = pair.sockets(Side::A)?;
        before = sockets.iter().filter(closed).map(|one| one.cookie).collect();
        Ok(before.len() as u64 == accepted)
    })?;
    scene.pause(Duration::from_secs(3))?;
    let after = pair.sockets(Side::A)?;
    let after: Vec<_> = after.iter().filter(closed).collect();
    let same = after.iter().filter(|one| before.contains(&one.cookie)).count();
    let text = format!("{} sockets in CLOSE_WAIT; 3 s later {same} of them still are", before.len());
    let each = before.len() as u64 == accepted && accepted >= 4;
    scene.fact(each && same == before.len(), text);
    let timers = after.iter().filter(|one| one.timer.kind != TimerKind::Off).count();
    scene.fact(timers == 0, format!("{timers} of them have a kernel timer running"));
    let mut late = pair.connect(listen)?;
    let _ = late.set_read_timeout(Some(Duration::from_secs(1)));
    let served = late.read(&mut [0; 8]).is_ok();
    let established = pair.count(Side::B, TcpState::Established)?;
    let text = "the next client connects, and is served by nobody";
    scene.fact(!served && established >= 1, text);
    Ok(())
}
