//! Keepalive is a setting of one socket.

use std::net::TcpStream;
use std::time::Duration;

use super::reads::Reads;
use super::scene::did;
use super::{Claim, Scene, claim};
use crate::clock;
use crate::error::LabError;
use crate::packet::Side;

pub(super) const CLAIM: Claim = Claim {
    show: Some(show),
    ..claim(
        "S1",
        "Keepalive set on one socket changes that socket only: each dead peer is found at \
         the time of its own connection's settings, and without them never.",
    )
};

/// Clients of one server.
const SETTINGS: [&str; 3] = ["1/1/2", "2/1/2", "3/1/2"];

fn show(scene: &mut Scene<'_>) -> Result<(), LabError> {
    let pair = scene.pair()?;
    let listener = pair.listen()?;
    let mut servers = Vec::new();
    let mut armed = Vec::new();
    for settings in SETTINGS {
        let (server, client) = pair.connection(&listener)?;
        servers.push(server);
        let span = scene.arm(&client, settings)?;
        armed.push((settings, span, port(&client)?, Reads::start(client)));
    }
    let (server, client) = pair.connection(&listener)?;
    servers.push(server);
    let unarmed = Reads::start(client);
    pair.quiet();
    let cut = pair.wire.cut()?.at;
    for (settings, span, port, reads) in &armed {
        let end = reads.next(scene, cut + span.latest + Duration::from_secs(2))?;
        let what = format!("the client with keepalive {settings}: ETIMEDOUT");
        match (end, pair.heard(Side::B, *port)) {
            (Some(end), Some(heard)) if end.result == Err("ETIMEDOUT".to_owned()) => {
                scene.timed(&pair, &what, end.at.saturating_sub(heard), *span, cut);
            }
            (end, _) => {
                let answer = end.map_or("nothing".to_owned(), |end| end.text());
                scene.fact(false, format!("{what}; its read answered {answer}"));
            }
        }
    }
    // Longer than any of the others took.
    let until = clock::now() + Duration::from_secs(3);
    let end = unarmed.next(scene, until)?;
    let waited = clock::now().saturating_sub(cut).as_secs_f64();
    let text = format!("the client without, on the same cable: blocked for {waited:.1} s, and still");
    scene.fact(end.is_none(), text);
    Ok(())
}

fn port(stream: &TcpStream) -> Result<u16, LabError> {
    Ok(did("look", stream.local_addr())?.port())
}
