//! Silence, and the sockets that find out in the time that Linux' arithmetic gives.

use std::time::Duration;

use ayt_lab::stage::{Cut, Outage, Ways};
use ayt_lab::{Direction, Place, Side};
use ayt_testbed::eventually;
use rustix::io::Errno;

use super::bed::{Bed, Done, Pair, death};

/// Keepalive 1/1/2: found 3 s after the last byte. The timers of the kernel round
/// up by at most 0.3 s of that each, and the cut comes a moment after the byte; what is
/// above that is left for a busy machine.
const EARLIEST: Duration = Duration::from_millis(2_900);
const LATEST: Duration = Duration::from_millis(5_500);

fn keepalive_finds(cut: impl FnOnce(&Bed) -> Result<Duration, ayt_lab::LabError>) -> Done {
    let Some(bed) = Bed::new()? else {
        return Ok(());
    };
    let mut pair = bed.connect(false)?;
    Pair::keepalive(&pair.server, 1, 1, 2)?;
    pair.talk()?;
    bed.all_acknowledged();
    let last = ayt_lab::clock::now();
    let at = cut(&bed)?;
    assert!(
        at - last < Duration::from_millis(900),
        "a machine too busy to tell"
    );
    let (error, found) = death(&pair.server);
    assert_eq!(error, Some(Errno::TIMEDOUT.raw_os_error()));
    let took = found - last;
    assert!((EARLIEST..LATEST).contains(&took), "{took:?}");
    Ok(())
}

#[test]
fn a_pulled_cable_is_found_in_its_time() -> Done {
    keepalive_finds(|bed| Ok(bed.wire.cut()?.at))
}

#[test]
fn one_way_to_the_server_is_found_in_its_time() -> Done {
    let cut = Cut::one_way(Direction::AtoB);
    keepalive_finds(|bed| Ok(bed.wire.insert(Place::NextToB, cut)?.at))
}

#[test]
fn one_way_to_the_client_is_found_in_its_time() -> Done {
    let cut = Cut::one_way(Direction::BtoA);
    keepalive_finds(|bed| Ok(bed.wire.insert(Place::NextToA, cut)?.at))
}

#[test]
fn a_lost_carrier_at_the_peer_is_found_in_its_time() -> Done {
    keepalive_finds(|bed| bed.wire.carrier(Side::A, false))
}

#[test]
fn a_lost_carrier_of_its_own_is_found_in_its_time() -> Done {
    keepalive_finds(|bed| bed.wire.carrier(Side::B, false))
}

#[test]
fn what_is_cut_heals() -> Done {
    let Some(bed) = Bed::new()? else {
        return Ok(());
    };
    let mut pair = bed.connect(false)?;
    let cut = bed.wire.cut()?;
    std::io::Write::write_all(&mut pair.client, b"ping")?;
    let lost = bed
        .wire
        .wait_for(0, super::bed::PATIENCE, |record| record.is_dropped())
        .expect("it is lost");
    assert!(lost.at >= cut.at, "the time zero is exact");
    let healed = bed.wire.remove(cut.value)?;
    // TCP mends it by itself.
    let mut heard = [0; 4];
    std::io::Read::read_exact(&mut pair.server, &mut heard)?;
    assert_eq!(&heard, b"ping");
    // Before, between and after: each packet met the chain of its time.
    bed.wire.log(|log| {
        for record in log.records() {
            let cut_then = (cut.at..healed.at).contains(&record.at);
            assert_eq!(record.is_dropped(), cut_then, "{record}");
        }
    });
    pair.talk()?;
    Ok(())
}

#[test]
fn a_carrier_comes_back() -> Done {
    let Some(bed) = Bed::new()? else {
        return Ok(());
    };
    let mut pair = bed.connect(false)?;
    bed.wire.carrier(Side::A, false)?;
    let device = bed.wire.device();
    let carrier = || {
        let path = format!("/proc/sys/net/ipv4/conf/{device}/forwarding");
        let there = std::path::Path::new(&path).exists();
        let links = bed
            .a
            .with_netns(|ns| ayt_sys::lab::RouteSocket::open(ns)?.links());
        let link = links.ok()?.into_iter().find(|link| link.name == device)?;
        there.then_some(link.carrier)?
    };
    let carrier = || bed.a.enter(carrier).ok().flatten();
    eventually("the host knows", super::bed::PATIENCE, || {
        carrier() == Some(false)
    });
    bed.wire.carrier(Side::A, true)?;
    eventually("the host knows", super::bed::PATIENCE, || {
        carrier() == Some(true)
    });
    pair.talk()?;
    Ok(())
}

#[test]
fn an_outage_shorter_than_the_patience_of_keepalive_is_survived() -> Done {
    let Some(bed) = Bed::new()? else {
        return Ok(());
    };
    let mut pair = bed.connect(false)?;
    Pair::keepalive(&pair.server, 1, 1, 5)?;
    pair.talk()?;
    bed.all_acknowledged();
    let out = Duration::from_secs(2);
    let outage = bed.wire.change(move |chain, at| {
        chain.insert(Place::NextToA, Outage::new(Ways::Both, at, at + out));
    })?;
    // The probe after the outage is answered.
    let answered = bed.wire.wait_for(0, super::bed::PATIENCE, |record| {
        record.direction == Direction::AtoB && record.at >= outage.at + out
    });
    assert!(answered.is_some_and(|record| !record.is_dropped()));
    let lost = bed
        .wire
        .log(|log| log.records().filter(|r| r.is_dropped()).count());
    assert!(lost >= 1, "a probe fell into the outage");
    pair.talk()?;
    Ok(())
}
