//! Each way in which a connection ends, and the cause it gets.

use std::time::Duration;

use ayt::cause::{self, Cause};
use ayt::watched::{Never, Watched};
use ayt_testbed::{Direction, Fixture, Keepalive, Need, Packet, Side, Unreachable, eventually};
use rustix::net::sockopt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::common::within;
use crate::hosts::{Hosts, destroy, socket, tokio_stream};
use crate::{Done, PATIENCE};

const QUICK: Keepalive = Keepalive {
    idle: 1,
    interval: 1,
    count: 1,
};

fn user_timeout(stream: &TcpStream, ms: u32) {
    sockopt::set_tcp_user_timeout(stream, ms).expect("a user timeout");
}

/// What a read that is awaited until the end says.
async fn end_of<D: ayt::watched::Detector>(stream: &mut Watched<TcpStream, D>) -> Option<Cause> {
    let mut buffer = [0; 1024];
    loop {
        let read = timeout(PATIENCE, stream.read(&mut buffer)).await;
        match read.expect("it ends") {
            Ok(0) => return stream.cause(),
            Ok(_) => {}
            Err(error) => {
                let inside = cause::ended(&error).map(cause::Ended::cause);
                assert_eq!(inside, stream.cause(), "{error}");
                return stream.cause();
            }
        }
    }
}

#[tokio::test]
async fn a_fin_is_the_peers_close_and_is_seen_at_once() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    let (near, far) = hosts.connect()?;
    let mut near = Watched::tcp(near, Never);
    let reading = tokio::spawn(async move { (end_of(&mut near).await, near) });
    drop(far);
    let (cause, _near) = reading.await?;
    assert_eq!(cause, Some(Cause::PeerClosed));
    Ok(())
}

#[tokio::test]
async fn a_process_that_dies_sends_fin_or_with_unread_data_rst() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    for (unread, expected) in [(false, Cause::PeerClosed), (true, Cause::PeerReset)] {
        let hosts = Hosts::new()?;
        let at = hosts.wire.v4(Side::A);
        let listener = hosts.near.run(|| std::net::TcpListener::bind((at, 0)))?;
        let address = listener.local_addr()?.to_string();
        let mut client = Fixture::start(&hosts.far, ["hold", &address])?;
        let (accepted, peer) = listener.accept()?;
        let mut near = Watched::tcp(tokio_stream(accepted)?, Never);
        if unread {
            near.write_all(b"never read").await?;
            let local = near.get_ref().local_addr()?;
            eventually("the data is there", PATIENCE, || {
                socket(&hosts.far, peer, local).is_some_and(|socket| socket.unread_bytes() == 10)
            });
        }
        client.kill()?;
        assert_eq!(end_of(&mut near).await, Some(expected), "unread: {unread}");
    }
    Ok(())
}

#[tokio::test]
async fn keepalive_tells_by_its_probes_also_after_somebody_took_the_error() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    let (told, _far_1) = hosts.connect()?;
    let (taken, _far_2) = hosts.connect()?;
    QUICK.apply(&told)?;
    QUICK.apply(&taken)?;
    let [local, remote] = [taken.local_addr()?, taken.peer_addr()?];
    let (mut told, mut taken) = (Watched::tcp(told, Never), Watched::tcp(taken, Never));
    hosts.wire.cut();

    assert_eq!(end_of(&mut told).await, Some(Cause::KeepaliveTimeout));
    // The error comes once, then 0; the cause stays.
    assert_eq!(told.read(&mut [0; 8]).await?, 0);
    assert_eq!(told.cause(), Some(Cause::KeepaliveTimeout));
    assert!(told.write(b"x").await.is_err());
    assert_eq!(told.cause(), Some(Cause::KeepaliveTimeout));

    eventually("the other one has died too", PATIENCE, || {
        socket(&hosts.near, local, remote).is_none()
    });
    let error = taken.get_ref().take_error()?.expect("the error waits");
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    // A plain 0, as if the peer had closed: the kernel's counts tell.
    assert_eq!(taken.read(&mut [0; 8]).await?, 0);
    assert_eq!(taken.cause(), Some(Cause::KeepaliveTimeout));
    Ok(())
}

#[tokio::test]
async fn a_plain_stream_gets_its_cause_from_its_error() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    let (mut near, _far) = hosts.connect()?;
    QUICK.apply(&near)?;
    hosts.wire.cut();
    let read = timeout(PATIENCE, near.read(&mut [0; 8])).await?;
    let error = read.expect_err("it dies");
    assert_eq!(cause::of(&error, &near), Some(Cause::KeepaliveTimeout));
    // Without the socket the number alone is less.
    assert_eq!(cause::find(&error), Some(Cause::TimedOut));
    Ok(())
}

#[tokio::test]
async fn a_user_timeout_is_told_from_keepalive_and_retransmission() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    for in_flight in [false, true] {
        let hosts = Hosts::new()?;
        let (near, _far) = hosts.connect()?;
        QUICK.apply(&near)?;
        user_timeout(&near, 1_000);
        let mut near = Watched::tcp(near, Never);
        hosts.wire.cut();
        if in_flight {
            near.write_all(b"into the void").await?;
        }
        assert_eq!(
            end_of(&mut near).await,
            Some(Cause::UserTimeout),
            "in flight: {in_flight}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn retransmission_that_gives_up_is_told_by_its_count() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    hosts.near.sysctl("net/ipv4/tcp_retries2", "1")?;
    let (near, _far) = hosts.connect()?;
    // Keepalive is on, and sleeps while data is in flight.
    Keepalive { idle: 60, ..QUICK }.apply(&near)?;
    let mut near = Watched::tcp(near, Never);
    hosts.wire.cut();
    near.write_all(b"into the void").await?;
    assert_eq!(end_of(&mut near).await, Some(Cause::RetransmitTimeout));
    Ok(())
}

#[tokio::test]
async fn what_a_router_says_is_the_cause_when_the_user_timeout_is_over() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    let (near, _far) = hosts.connect()?;
    user_timeout(&near, 1_000);
    let mut near = Watched::tcp(near, Never);
    hosts
        .wire
        .icmp_unreachable(Direction::AtoB, Unreachable::Host);
    near.write_all(b"no way").await?;
    assert_eq!(end_of(&mut near).await, Some(Cause::Unreachable));
    Ok(())
}

#[tokio::test]
async fn a_reset_on_the_way_is_a_reset() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    let (near, _far) = hosts.connect()?;
    let mut near = Watched::tcp(near, Never);
    hosts.wire.reset(Direction::AtoB);
    near.write_all(b"x").await?;
    assert_eq!(end_of(&mut near).await, Some(Cause::PeerReset));
    // The error comes once; the cause of the 0 that follows is the same.
    assert_eq!(near.read(&mut [0; 8]).await?, 0);
    assert_eq!(near.cause(), Some(Cause::PeerReset));
    Ok(())
}

#[tokio::test]
async fn what_was_destroyed_from_outside_says_so() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    let (near, far) = hosts.connect()?;
    let [local, remote] = [near.local_addr()?, near.peer_addr()?];
    let (mut near, mut far) = (Watched::tcp(near, Never), Watched::tcp(far, Never));
    let row = socket(&hosts.near, local, remote).expect("it is in the table");
    destroy(&hosts.near, &row);
    assert_eq!(end_of(&mut near).await, Some(Cause::Destroyed));
    assert_eq!(end_of(&mut far).await, Some(Cause::PeerReset));
    Ok(())
}

#[tokio::test]
async fn writing_after_the_peers_full_close_works_once() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    let (near, far) = hosts.connect()?;
    let mut near = Watched::tcp(near, Never);
    let mark = hosts.wire.mark();
    drop(far);
    let fin = hosts
        .wire
        .wait_for("the FIN", mark, PATIENCE, Packet::is_fin);
    assert_eq!(fin.direction, Direction::BtoA);
    // Nobody has read the end yet, so nothing says that it has come.
    near.write_all(b"too late").await?;
    let reset = |packet: &Packet| packet.has(|flags| flags.rst);
    let _ = hosts.wire.wait_for("the RST", mark, PATIENCE, reset);
    // Delivered a moment after the wire saw it.
    let error = loop {
        match near.write(b"later still").await {
            Ok(_) => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    assert_eq!(near.cause(), Some(Cause::PeerClosed));
    Ok(())
}

#[tokio::test]
async fn an_own_decision_wins_over_what_the_kernel_says_later() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    let (near, _far) = hosts.connect()?;
    QUICK.apply(&near)?;
    let [local, remote] = [near.local_addr()?, near.peer_addr()?];
    let mut near = Watched::tcp(near, within(Duration::from_millis(300)));
    hosts.wire.cut();
    assert_eq!(end_of(&mut near).await, Some(Cause::HeartbeatMissed));
    eventually("the kernel has given up as well", PATIENCE, || {
        socket(&hosts.near, local, remote).is_none()
    });
    assert!(near.write(b"x").await.is_err());
    assert_eq!(end_of(&mut near).await, Some(Cause::HeartbeatMissed));
    Ok(())
}
