//! NAT and balancer with real connections through them.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use ayt_lab::stage::{Balancer, Code, Expiry, Nat, OnIdle, Unreachable, Ways};
use ayt_lab::{Direction, Place, Side};
use rustix::io::Errno;
use rustix::net::sockopt;

use super::bed::{Bed, Done, PATIENCE, Pair, death, hear_errors};

/// Idle long enough for a busy machine to set things up, and short for a test.
const IDLE: Duration = Duration::from_millis(1500);

fn nat(bed: &Bed, expiry: Expiry) -> Result<(), ayt_lab::LabError> {
    let nat = Nat::new(Side::A, bed.wire.router(), IDLE, expiry);
    bed.wire.insert(Place::NextToA, nat).map(drop)
}

/// Waits until the wire has been quiet for longer than the idle time.
fn let_it_expire(bed: &Bed) {
    loop {
        let last = bed.wire.log(|log| log.records().next_back().map(|r| r.at));
        let ready = last.unwrap_or_default() + IDLE + Duration::from_millis(50);
        let left = ready.saturating_sub(ayt_lab::clock::now());
        if left.is_zero() {
            return;
        }
        std::thread::sleep(left);
    }
}

#[test]
fn a_server_sees_the_nat_and_both_families_pass() -> Done {
    let Some(bed) = Bed::new()? else {
        return Ok(());
    };
    nat(&bed, Expiry::Silent)?;
    for six in [false, true] {
        let mut pair = bed.connect(six)?;
        pair.talk()?;
        let seen = pair.server.peer_addr()?;
        assert_eq!(Some(seen.ip()), bed.wire.router()[usize::from(six)]);
        assert_eq!(seen.port(), pair.client.local_addr()?.port());
    }
    // From outside there is no way in.
    let listener = bed
        .a
        .enter(|| TcpListener::bind((bed.wire.v4(Side::A), 0)))??;
    let inside = listener.local_addr()?;
    let brief = Duration::from_millis(300);
    let refused = bed.b.enter(|| TcpStream::connect_timeout(&inside, brief))?;
    assert!(refused.is_err());
    Ok(())
}

#[test]
fn an_expired_entry_is_silence_to_both() -> Done {
    let Some(bed) = Bed::new()? else {
        return Ok(());
    };
    nat(&bed, Expiry::Silent)?;
    let mut pair = bed.connect(false)?;
    pair.talk()?;
    let_it_expire(&bed);
    Pair::keepalive(&pair.server, 1, 1, 2)?;
    sockopt::set_tcp_user_timeout(&pair.client, 1000)?;
    pair.client.write_all(b"into the void")?;
    let (server, _) = death(&pair.server);
    let (client, _) = death(&pair.client);
    let timed_out = Some(Errno::TIMEDOUT.raw_os_error());
    assert_eq!((server, client), (timed_out, timed_out));
    Ok(())
}

#[test]
fn an_expired_entry_may_be_answered_with_a_reset() -> Done {
    let Some(bed) = Bed::new()? else {
        return Ok(());
    };
    nat(&bed, Expiry::Reset)?;
    let mut pair = bed.connect(false)?;
    pair.talk()?;
    let_it_expire(&bed);
    pair.server.write_all(b"x")?;
    let reset = Some(Errno::CONNRESET.raw_os_error());
    assert_eq!(death(&pair.server).0, reset);
    pair.client.write_all(b"x")?;
    assert_eq!(death(&pair.client).0, reset);
    Ok(())
}

#[test]
fn an_adopting_nat_heals_from_inside() -> Done {
    let Some(bed) = Bed::new()? else {
        return Ok(());
    };
    nat(&bed, Expiry::Adopt)?;
    let mut pair = bed.connect(false)?;
    pair.talk()?;
    let_it_expire(&bed);
    pair.talk()?;
    Ok(())
}

#[test]
fn keepalive_holds_an_entry() -> Done {
    let Some(bed) = Bed::new()? else {
        return Ok(());
    };
    nat(&bed, Expiry::Reset)?;
    let mut pair = bed.connect(false)?;
    Pair::keepalive(&pair.client, 1, 1, 9)?;
    pair.talk()?;
    let start = ayt_lab::clock::now();
    // Three probes are more than twice the idle time.
    let later = start + IDLE * 2;
    let probe = bed.wire.wait_for(0, PATIENCE, |record| {
        record.at > later && record.direction == Direction::AtoB
    });
    assert!(probe.is_some());
    pair.talk()?;
    Ok(())
}

#[test]
fn an_icmp_error_from_behind_the_nat_reaches_the_sender() -> Done {
    let Some(bed) = Bed::new()? else {
        return Ok(());
    };
    nat(&bed, Expiry::Silent)?;
    let mut pair = bed.connect(false)?;
    hear_errors(&pair.client, false)?;
    let ways = Ways::Only(Direction::AtoB);
    let stage = Unreachable::new(ways, Code::Host, bed.wire.router());
    bed.wire.insert(Place::NextToB, stage)?;
    pair.client.write_all(b"x")?;
    let (error, _) = death(&pair.client);
    assert_eq!(error, Some(Errno::HOSTUNREACH.raw_os_error()));
    Ok(())
}

#[test]
fn a_balancer_resets_the_next_packet_of_an_idle_connection() -> Done {
    let Some(bed) = Bed::new()? else {
        return Ok(());
    };
    let balancer = Balancer::new(IDLE, OnIdle::ResetOnPacket);
    bed.wire.insert(Place::NextToA, balancer)?;
    let mut pair = bed.connect(false)?;
    pair.talk()?;
    let_it_expire(&bed);
    pair.client.write_all(b"x")?;
    assert_eq!(death(&pair.client).0, Some(Errno::CONNRESET.raw_os_error()));
    Ok(())
}

#[test]
fn a_balancer_may_tell_both_at_the_moment() -> Done {
    let Some(bed) = Bed::new()? else {
        return Ok(());
    };
    let balancer = Balancer::new(IDLE, OnIdle::ResetBoth);
    bed.wire.insert(Place::NextToA, balancer)?;
    let mut pair = bed.connect(false)?;
    pair.talk()?;
    // Nobody sends anything, and both are told.
    for side in [&pair.client, &pair.server] {
        assert_eq!(death(side).0, Some(Errno::CONNRESET.raw_os_error()));
    }
    Ok(())
}
