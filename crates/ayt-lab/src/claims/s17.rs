//! Sending to a peer that has closed, and the exit of a process.

use std::io::{Read, Write};
use std::time::Duration;

use super::scene::errno;
use super::{Claim, Scene, cell, claim};
use crate::detectors::Detector;
use crate::error::LabError;
use crate::faults::Fault;
use crate::packet::Side;

pub(super) const CLAIM: Claim = Claim {
    folk: Some("A send after the peer has closed fails; the exit of a process sends RST."),
    cells: &[
        cell("exit, all was read", Fault::PeerKilled, Detector::None),
        cell("exit, data was unread", Fault::PeerKilledUnread, Detector::None),
    ],
    show: Some(show),
    ..claim(
        "S17",
        "The first send succeeds, and draws the RST that the next one tells of. The exit \
         sends FIN, and RST only where data was left unread.",
    )
};

fn show(scene: &mut Scene<'_>) -> Result<(), LabError> {
    let pair = scene.pair()?;
    let listener = pair.listen()?;
    let (mut server, client) = pair.connection(&listener)?;
    drop(client);
    let _ = server.set_read_timeout(Some(Duration::from_secs(5)));
    let end = server.read(&mut [0; 8]);
    let mark = pair.wire.mark();
    let first = server.write(b"first");
    let reset = pair.wire.wait_for(mark, Duration::from_secs(5), |record| {
        record.direction.sender() == Side::B
            && record.tcp().is_some_and(|tcp| tcp.flags.rst)
            && record.delivered_at().is_some()
    });
    let text = format!(
        "the peer has closed: read answers {}, the first send takes {} bytes",
        end.map_or_else(|error| errno(&error), |count| count.to_string()),
        first.as_ref().map_or(0, |count| *count)
    );
    scene.fact(first.is_ok_and(|count| count == 5), text);
    scene.fact(reset.is_some(), "its kernel answers that with RST");
    let mut next = String::new();
    scene.until(Duration::from_secs(5), || {
        next = match server.write(b"next") {
            Ok(_) => String::new(),
            Err(error) => errno(&error),
        };
        Ok(!next.is_empty())
    })?;
    let text = format!("the next send: {next}");
    scene.fact(matches!(next.as_str(), "EPIPE" | "ECONNRESET"), text);
    Ok(())
}
