//! FIN_WAIT_2.

use std::net::Shutdown;
use std::time::Duration;

use ayt_core::keepalive::Span;
use ayt_core::tcp_state::TcpState;

use super::scene::did;
use super::{Claim, Scene, claim};
use crate::clock;
use crate::error::LabError;
use crate::packet::Side;

pub(super) const CLAIM: Claim = Claim {
    folk: Some("tcp_fin_timeout ends every FIN_WAIT_2, through TIME_WAIT."),
    show: Some(show),
    ..claim(
        "S14",
        "Only one that no program holds times out, and not into TIME_WAIT: it is gone. One \
         that only did shutdown stays without limit.",
    )
};

const TIMEOUT: Duration = Duration::from_secs(2);

fn show(scene: &mut Scene<'_>) -> Result<(), LabError> {
    let pair = scene.pair()?;
    pair.client.set_sysctl("net.ipv4.tcp_fin_timeout", "2")?;
    let listener = pair.listen()?;
    let (_one, orphan) = pair.connection(&listener)?;
    let (_other, held) = pair.connection(&listener)?;
    let port = did("look", orphan.local_addr())?.port();
    did("shutdown", held.shutdown(Shutdown::Write))?;
    let began = clock::now();
    drop(orphan);
    let state = || -> Result<Option<TcpState>, LabError> {
        let sockets = pair.sockets(Side::B)?;
        let mine = sockets.iter().find(|one| one.local.port() == port);
        Ok(mine.map(|one| one.state))
    };
    let mut states = Vec::new();
    scene.until(TIMEOUT * 3, || {
        let now = state()?;
        if let Some(now) = now
            && states.last() != Some(&now)
        {
            states.push(now);
        }
        Ok(now.is_none())
    })?;
    let took = clock::now() - began;
    // The wheel of a timer that long adds up to a quarter of a second, a look 20 ms.
    let span = Span {
        earliest: TIMEOUT - Duration::from_millis(10),
        latest: TIMEOUT + Duration::from_millis(300),
    };
    scene.timed(&pair, "closed, tcp_fin_timeout = 2: gone", took, span, began);
    let names: Vec<&str> = states.iter().map(|state| state.name()).collect();
    let text = format!("its states on the way: {}", names.join(", "));
    let seen = states.contains(&TcpState::FinWait2) && !states.contains(&TcpState::TimeWait);
    scene.fact(seen, text);
    scene.pause((began + TIMEOUT * 3).saturating_sub(clock::now()))?;
    let stays = pair.count(Side::B, TcpState::FinWait2)?;
    let text = "held after shutdown: FIN_WAIT_2 still, three times as long after";
    scene.fact(stays == 1, text);
    drop(held);
    Ok(())
}
