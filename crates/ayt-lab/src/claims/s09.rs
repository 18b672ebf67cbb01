//! A heartbeat that is late.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use super::reads::Reads;
use super::scene::{did, errno};
use super::{Claim, Scene, cell, claim};
use crate::clock;
use crate::detectors::Detector;
use crate::error::LabError;
use crate::faults::Fault;

pub(super) const CLAIM: Claim = Claim {
    folk: Some("A client whose heartbeat is overdue is dead."),
    cells: &[
        cell("late, asked, answered", Fault::LateHeartbeat, Detector::Heartbeat),
        cell("late, by a learnt rhythm", Fault::LateHeartbeat, Detector::Accrual),
    ],
    show: Some(show),
    ..claim(
        "S9",
        "It may be late. Asked first, it keeps its connection; given up in error and closed \
         in half, its late data still arrives; closed in full, that is lost.",
    )
};

const LATE: &[u8] = b"important";

fn show(scene: &mut Scene<'_>) -> Result<(), LabError> {
    let pair = scene.pair()?;
    let listener = pair.listen()?;
    let (half, mut alive) = pair.connection(&listener)?;
    did("shutdown", half.shutdown(Shutdown::Write))?;
    let reads = Reads::start(half);
    let told = end_of(&mut alive);
    did("send", alive.write_all(LATE))?;
    let got = reads.next(scene, clock::now() + Duration::from_secs(5))?;
    let got = got.and_then(|answer| answer.result.ok()).unwrap_or_default();
    let text = format!(
        "closed in half: the client reads {told}, knows, and its {} late bytes arrive: {got} read",
        LATE.len()
    );
    scene.fact(told == "0" && got == LATE.len(), text);
    let (again, _client) = pair.connection(&listener)?;
    let text = "it connects anew while the old connection is drained";
    scene.fact(again.peer_addr().is_ok(), text);
    let (full, mut alive) = pair.connection(&listener)?;
    drop(full);
    let told = end_of(&mut alive);
    let sent = alive.write(LATE);
    let mut after = String::new();
    scene.until(Duration::from_secs(5), || {
        after = match alive.write(LATE) {
            Ok(_) => String::new(),
            Err(error) => errno(&error),
        };
        Ok(!after.is_empty())
    })?;
    let text = format!(
        "closed in full: the client reads {told}, its send is taken, and lost: the next \
         answers {after}"
    );
    scene.fact(sent.is_ok() && matches!(after.as_str(), "EPIPE" | "ECONNRESET"), text);
    Ok(())
}

/// What the read answers that waits for the end.
fn end_of(stream: &mut TcpStream) -> String {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    match stream.read(&mut [0; 64]) {
        Ok(count) => count.to_string(),
        Err(error) => errno(&error),
    }
}
