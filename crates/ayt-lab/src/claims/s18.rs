//! The cure for CLOSE_WAIT.

use std::io::Read;
use std::time::Duration;

use ayt_core::tcp_state::TcpState;

use super::{Claim, Scene, cell, claim};
use crate::detectors::Detector;
use crate::error::LabError;
use crate::faults::Fault;
use crate::packet::Side;

pub(super) const CLAIM: Claim = Claim {
    cells: &[cell("it never closes", Fault::NeverCloses, Detector::None)],
    show: Some(show),
    ..claim(
        "S18",
        "Reading until 0 and then closing leaves no CLOSE_WAIT.",
    )
};

const CLIENTS: usize = 8;

fn show(scene: &mut Scene<'_>) -> Result<(), LabError> {
    let pair = scene.pair()?;
    let listener = pair.listen()?;
    let mut servers = Vec::new();
    for _ in 0..CLIENTS {
        let (server, client) = pair.connection(&listener)?;
        servers.push(server);
        drop(client);
    }
    let waits = scene.until(Duration::from_secs(5), || {
        Ok(pair.count(Side::A, TcpState::CloseWait)? == CLIENTS)
    })?;
    scene.fact(waits, format!("{CLIENTS} clients have closed: {CLIENTS} CLOSE_WAIT"));
    let mut ends = 0;
    for mut server in servers {
        let _ = server.set_read_timeout(Some(Duration::from_secs(5)));
        let mut buffer = [0; 64];
        while let Ok(1..) = server.read(&mut buffer) {}
        ends += usize::from(server.read(&mut buffer).is_ok_and(|count| count == 0));
    }
    let gone = scene.until(Duration::from_secs(5), || {
        Ok(pair.sockets(Side::A)?.iter().all(|one| one.state == TcpState::Listen))
    })?;
    let text = format!("{ends} read to 0 and closed: only the listener is left");
    scene.fact(gone && ends == CLIENTS, text);
    Ok(())
}
