//! A server that never closes.

use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;

use ayt_core::facts::TimerKind;
use ayt_core::tcp_state::TcpState;

use super::actor::Leaks;
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
    let told = |wanted: &str, time: Duration| {
        scene.until(time, || {
            let mut told = server.told.try_iter();
            Ok(told.any(|line| line == wanted))
        })
    };
    if !told("listens", Duration::from_secs(15))? {
        return Err(LabError::other("the server", "it does not get ready", None));
    }
    let mut clients = 0_u64;
    let mut full = false;
    while !full && clients < 2 * DESCRIPTORS {
        drop(pair.connect(listen)?);
        clients += 1;
        full = told("EMFILE", Duration::from_millis(100))?;
    }
    let text = format!(
        "{clients} clients came and went; with at most {DESCRIPTORS} descriptors accept \
         answers {}",
        if full { "EMFILE" } else { "nothing" }
    );
    scene.fact(full && clients <= DESCRIPTORS, text);
    let closed = |socket: &&ayt_core::facts::Socket| {
        socket.state == TcpState::CloseWait && socket.inode != 0
    };
    let before = pair.sockets(Side::A)?;
    let before: Vec<_> = before.iter().filter(closed).map(|one| one.cookie).collect();
    scene.pause(Duration::from_secs(3))?;
    let after = pair.sockets(Side::A)?;
    let after: Vec<_> = after.iter().filter(closed).collect();
    let same = after.iter().filter(|one| before.contains(&one.cookie)).count();
    let text = format!("{} sockets in CLOSE_WAIT; 3 s later {same} of them still are", before.len());
    scene.fact(before.len() >= 4 && same == before.len(), text);
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
