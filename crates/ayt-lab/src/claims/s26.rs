//! What TIME_WAIT is for.

use std::io::Read;
use std::net::Shutdown;
use std::time::Duration;

use ayt_core::tcp_state::TcpState;
use socket2::SockRef;

use super::old_segment::{Reuse, reuse};
use super::scene::{did, errno};
use super::{Claim, Scene, cell, claim};
use crate::detectors::Detector;
use crate::error::LabError;
use crate::faults::Fault;
use crate::packet::Side;
use crate::stage::{Pick, Segment};
use crate::wire::Place;

pub(super) const CLAIM: Claim = Claim {
    folk: Some("TIME_WAIT is waste; a low tcp_max_tw_buckets gets rid of it."),
    cells: &[cell("last ACK lost, TIME_WAIT there", Fault::LastAck, Detector::None)],
    show: Some(show),
    ..claim(
        "S26",
        "When the last ACK is lost the FIN comes again: TIME_WAIT acknowledges it. Without, \
         RST answers, and an orderly end is told as an error. And it keeps old segments out \
         of a new connection of the same ports.",
    )
};

fn show(scene: &mut Scene<'_>) -> Result<(), LabError> {
    for (buckets, name) in [(None, "with TIME_WAIT"), (Some("0"), "tcp_max_tw_buckets = 0")] {
        let (fins, resets, waits, error) = last_ack_lost(scene, buckets)?;
        let text = format!(
            "{name}: {fins} FINs of the server, {resets} RST for them, {waits} TIME_WAIT; the \
             server's socket has {error}"
        );
        let holds = match buckets {
            None => (resets, waits, error.as_str()) == (0, 1, "no error"),
            Some(_) => (resets, waits, error.as_str()) == (1, 0, "ECONNRESET"),
        };
        scene.fact(holds && fins >= 2, text);
    }
    match reuse(scene, None)? {
        Reuse::Refused(why) => {
            let text = format!("with TIME_WAIT: the same ports again, at once: {why}");
            scene.fact(why == "EADDRNOTAVAIL", text);
        }
        other => scene.fact(false, format!("with TIME_WAIT: the same ports again: {other:?}")),
    }
    let text = "tcp_max_tw_buckets = 0: connected; an old segment comes late, and the new";
    match reuse(scene, Some("0"))? {
        Reuse::Read(count) => {
            let text = format!("{text} connection reads {count} bytes of the old one's");
            scene.fact(count > 0, text);
        }
        Reuse::Refused(why) => scene.fact(false, format!("{text}: refused, {why}")),
        // Nothing is shown either way.
        Reuse::TooSlow => scene.too_slow(),
    }
    Ok(())
}

/// FINs of the server, RSTs and TIME_WAITs of the client that closed first, and the
/// error of the server's socket.
fn last_ack_lost(
    scene: &Scene<'_>,
    buckets: Option<&str>,
) -> Result<(usize, usize, usize, String), LabError> {
    let pair = scene.pair()?;
    if let Some(buckets) = buckets {
        pair.client.set_sysctl("net.ipv4.tcp_max_tw_buckets", buckets)?;
    }
    // A client that was held up answers two FINs at once, the second answer draws a RST,
    // and that would end TIME_WAIT (RFC 1337).
    pair.client.set_sysctl("net.ipv4.tcp_rfc1337", "1")?;
    pair.wire.insert(Place::NextToB, Pick::segment(1, Segment::LastAck))?;
    let listener = pair.listen()?;
    let (mut server, client) = pair.connection(&listener)?;
    drop(client);
    let _ = server.set_read_timeout(Some(Duration::from_secs(5)));
    did("read to the end", server.read(&mut [0; 8]))?;
    did("shutdown", server.shutdown(Shutdown::Write))?;
    // Over, one way or the other.
    scene.until(Duration::from_secs(5), || {
        let sockets = pair.sockets(Side::A)?;
        Ok(sockets.iter().all(|one| one.state == TcpState::Listen))
    })?;
    let error = did("SO_ERROR", SockRef::from(&server).take_error())?;
    let error = error.map_or("no error".to_owned(), |error| errno(&error));
    Ok((
        pair.segments(Side::A, 0, |tcp| tcp.flags.fin),
        pair.segments(Side::B, 0, |tcp| tcp.flags.rst),
        pair.count(Side::B, TcpState::TimeWait)?,
        error,
    ))
}
