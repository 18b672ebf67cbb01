//! The system's defaults are those of sockets that turned keepalive on.

use std::time::Duration;

use socket2::SockRef;

use super::reads::Reads;
use super::scene::did;
use super::{Claim, Scene, claim};
use crate::error::LabError;
use crate::packet::Side;

pub(super) const CLAIM: Claim = Claim {
    folk: Some("Setting net.ipv4.tcp_keepalive_time turns keepalive on for the whole system."),
    show: Some(show),
    ..claim(
        "S2",
        "The system's defaults reach only sockets that turned keepalive on themselves, and \
         only in their own network namespace.",
    )
};

const DEFAULTS: [(&str, &str); 3] = [
    ("net.ipv4.tcp_keepalive_time", "1"),
    ("net.ipv4.tcp_keepalive_intvl", "1"),
    ("net.ipv4.tcp_keepalive_probes", "2"),
];

fn show(scene: &mut Scene<'_>) -> Result<(), LabError> {
    let pair = scene.pair()?;
    for (name, value) in DEFAULTS {
        pair.client.set_sysctl(name, value)?;
    }
    let listener = pair.listen()?;
    let (_server, with) = pair.connection(&listener)?;
    let (_other, without) = pair.connection(&listener)?;
    did("SO_KEEPALIVE", SockRef::from(&with).set_keepalive(true))?;
    let port = did("look", with.local_addr())?.port();
    let (with, without) = (Reads::start(with), Reads::start(without));
    pair.quiet();
    let (_, span) = scene.planned("1/1/2")?;
    let cut = pair.wire.cut()?.at;
    let end = with.next(scene, cut + span.latest + Duration::from_secs(2))?;
    match (end, pair.heard(Side::B, port)) {
        (Some(end), Some(heard)) if end.result.is_err() => {
            let what = format!("defaults 1/1/2, and SO_KEEPALIVE alone: {}", end.text());
            scene.timed(&pair, &what, end.at.saturating_sub(heard), span, cut);
        }
        _ => scene.fact(false, "defaults 1/1/2, and SO_KEEPALIVE alone: not found"),
    }
    let end = without.next(scene, crate::clock::now() + Duration::from_secs(3))?;
    let text = "the same defaults without SO_KEEPALIVE: blocked 3 s longer, and still";
    scene.fact(end.is_none(), text);
    let other = pair.server.sysctl(DEFAULTS[0].0)?;
    let text = format!("the other host's tcp_keepalive_time is {other}, as it was");
    scene.fact(other == "7200", text);
    Ok(())
}
