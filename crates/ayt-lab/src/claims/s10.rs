//! A dead client, and what the server has of it afterwards.

use std::net::SocketAddr;
use std::time::Duration;

use ayt_core::tcp_state::TcpState;

use super::scene::descriptors;
use super::{Claim, Scene, claim};
use crate::clock;
use crate::error::LabError;
use crate::packet::Side;
use crate::subjects::{Agent, Part, Spec, What};

pub(super) const CLAIM: Claim = Claim {
    folk: Some("When the server closes the dead client's connection, everything is freed."),
    show: Some(show),
    ..claim(
        "S10",
        "The program's descriptors are free at once. The kernel keeps its half (FIN_WAIT_1, \
         nobody's) until its retries are over: tcp_orphan_retries.",
    )
};

const CLIENTS: usize = 5;
const PORT: u16 = 7000;

fn show(scene: &mut Scene<'_>) -> Result<(), LabError> {
    let pair = scene.pair()?;
    // 0, the default, stands for 8: more than a minute.
    pair.server.set_sysctl("net.ipv4.tcp_orphan_retries", "2")?;
    let listen = SocketAddr::from((pair.wire.v4(Side::A), PORT));
    let spec = Spec {
        origin_ns: u64::try_from(clock::shared_origin().as_nanos()).unwrap_or(u64::MAX),
        part: Part::Server {
            listen,
            accepts: true,
        },
        watch: Some(("heartbeat".to_owned(), "300ms/2/300ms".to_owned())),
        beat_ms: None,
        reads: true,
        closes: true,
    };
    let server = Agent::start(&pair.server, scene.shared.program, &spec)?;
    let seen = |count: usize, wanted: fn(&What) -> bool| {
        scene.until(Duration::from_secs(15), || {
            let events = server.events();
            let found = events.iter().filter(|event| wanted(&event.what)).count();
            Ok(found >= count)
        })
    };
    seen(1, |what| matches!(what, What::Listening(_)))?;
    let descriptors = || descriptors(server.process().pid()).len();
    let before = descriptors();
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(pair.connect(listen)?);
    }
    seen(CLIENTS, |what| matches!(what, What::Connected(..)))?;
    let with = descriptors();
    pair.wire.cut()?;
    let given_up = || {
        let events = server.events();
        let ended = events.iter().filter(|event| {
            matches!(&event.what, What::Ended(_, cause) if cause == "heartbeat_missed")
        });
        ended.count() >= CLIENTS
    };
    // Looked at from the beginning: they are not there for long.
    let mut orphans = 0;
    let ended = scene.until(Duration::from_secs(15), || {
        let sockets = pair.sockets(Side::A)?;
        let nobodys = sockets
            .iter()
            .filter(|one| one.state == TcpState::FinWait1 && one.inode == 0);
        orphans = orphans.max(nobodys.count());
        Ok(given_up() && orphans == CLIENTS)
    })? || given_up();
    scene.fact(ended, format!("{CLIENTS} clients vanish: heartbeat_missed, each"));
    let freed = scene.until(Duration::from_secs(5), || Ok(descriptors() == before))?;
    let text = format!(
        "descriptors of the server: {before} before, {with} with them, {} after",
        descriptors()
    );
    scene.fact(freed && before > 0 && with == before + CLIENTS, text);
    let text = format!("its kernel then still has {orphans} in FIN_WAIT_1, of no program");
    scene.fact(orphans == CLIENTS, text);
    let gone = scene.until(Duration::from_secs(15), || {
        Ok(pair.sockets(Side::A)?.iter().all(|one| one.state == TcpState::Listen))
    })?;
    let text = "after its retries (here 2) only the listener is left";
    scene.fact(gone, text);
    Ok(())
}
