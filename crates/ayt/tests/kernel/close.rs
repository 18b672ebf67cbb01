//! What a peer sees of each way to close.

use std::io::ErrorKind;
use std::time::Duration;

use ayt::cause::Cause;
use ayt::close::{Bounds, By, abortive, graceful, half};
use ayt::watched::Watched;
use ayt_core::tcp_state::TcpState;
use ayt_testbed::{Direction, Need, Packet, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common::within;
use crate::hosts::{Hosts, socket, state};
use crate::{Done, PATIENCE};

/// More than both socket buffers hold, so that a tail is always under way.
const ANSWER: usize = 8 << 20;

fn is_rst(packet: &Packet) -> bool {
    packet.has(|flags| flags.rst)
}

/// A peer that asks a second time and then reads the answer slowly, to the end.
async fn slow_reader(mut far: TcpStream) -> std::io::Result<usize> {
    far.write_all(b"one more request that nobody reads").await?;
    let mut whole = Vec::new();
    far.read_to_end(&mut whole).await?;
    Ok(whole.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn graceful_loses_no_tail_although_data_is_unread() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    hosts.wire.record(false);
    let (mut near, far) = hosts.connect()?;
    let [local, remote] = [near.local_addr()?, near.peer_addr()?];
    let peer = tokio::spawn(slow_reader(far));
    eventually("the unread request is there", PATIENCE, || {
        socket(&hosts.near, local, remote).is_some_and(|socket| socket.unread_bytes() > 0)
    });
    near.write_all(&vec![7; ANSWER]).await?;
    hosts.wire.record(true);
    let closed = graceful(near, Bounds::default()).await;
    assert_eq!((closed.by, closed.drained), (By::Peer, 34));
    assert_eq!(peer.await??, ANSWER, "the whole answer arrived");
    assert!(!hosts.wire.packets().iter().any(is_rst), "no RST was sent");
    // The side that closed first keeps TIME_WAIT; the other is gone.
    eventually("TIME_WAIT here, nothing there", PATIENCE, || {
        state(&hosts.near, local, remote) == Some(TcpState::TimeWait)
            && state(&hosts.far, remote, local).is_none()
    });
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn just_dropping_it_with_unread_data_is_a_reset_and_loses_the_tail() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    hosts.wire.record(false);
    let (mut near, far) = hosts.connect()?;
    let [local, remote] = [near.local_addr()?, near.peer_addr()?];
    let peer = tokio::spawn(slow_reader(far));
    eventually("the unread request is there", PATIENCE, || {
        socket(&hosts.near, local, remote).is_some_and(|socket| socket.unread_bytes() > 0)
    });
    near.write_all(&vec![7; ANSWER]).await?;
    drop(near);
    let error = peer.await?.expect_err("the answer is cut short");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(state(&hosts.near, local, remote), None, "no TIME_WAIT");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_delivers_what_was_late_and_shows_its_states() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    let (near, mut far) = hosts.connect()?;
    let [local, remote] = [near.local_addr()?, near.peer_addr()?];
    // The heartbeat is late: the server times the living client out.
    let mut near = Watched::tcp(near, within(Duration::from_millis(200)));
    assert!(near.read(&mut [0; 8]).await.is_err());
    assert_eq!(near.cause(), Some(Cause::HeartbeatMissed));
    let (heard, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let closing = tokio::spawn(half(near.into_inner(), Bounds::default(), move |bytes| {
        let _ = heard.send(bytes.to_vec());
    }));
    // The client sees the end, and sends what it had.
    assert_eq!(far.read(&mut [0; 8]).await?, 0);
    eventually("one side waits for the other's end", PATIENCE, || {
        state(&hosts.near, local, remote) == Some(TcpState::FinWait2)
            && state(&hosts.far, remote, local) == Some(TcpState::CloseWait)
    });
    far.write_all(b"important data").await?;
    assert_eq!(seen.recv().await.as_deref(), Some(&b"important data"[..]));
    drop(far);
    let closed = closing.await?;
    assert_eq!((closed.by, closed.drained), (By::Peer, 14));
    eventually("it ends in TIME_WAIT", PATIENCE, || {
        state(&hosts.near, local, remote) == Some(TcpState::TimeWait)
    });
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_never_closes_is_left_to_the_kernel_after_the_bound() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    let (near, mut far) = hosts.connect()?;
    let [local, remote] = [near.local_addr()?, near.peer_addr()?];
    let bounds = Bounds {
        within: Duration::from_millis(200),
        ..Bounds::default()
    };
    let mark = hosts.wire.mark();
    let closed = graceful(near, bounds).await;
    assert_eq!((closed.by, closed.drained), (By::Time, 0));
    // An orphan that the kernel times out by itself (tcp_fin_timeout).
    eventually("an orphan in FIN_WAIT_2", PATIENCE, || {
        socket(&hosts.near, local, remote)
            .is_some_and(|socket| socket.state == TcpState::FinWait2 && socket.orphaned())
    });
    assert_eq!(far.read(&mut [0; 8]).await?, 0, "a clean end");
    assert!(!hosts.wire.packets_since(mark).iter().any(is_rst));
    // What it still sends is answered by RST.
    far.write_all(b"anybody?").await?;
    let reset = hosts.wire.wait_for("the RST", mark, PATIENCE, is_rst);
    assert_eq!(reset.direction, Direction::AtoB);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_resets_meanwhile_is_told() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    let (near, mut far) = hosts.connect()?;
    let closing = tokio::spawn(graceful(near, Bounds::default()));
    assert_eq!(far.read(&mut [0; 8]).await?, 0);
    assert_eq!(abortive(far).by, By::Reset);
    assert_eq!(closing.await?.by, By::Failed(Cause::PeerReset));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn abortive_is_one_rst_and_leaves_nothing() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    let (near, mut far) = hosts.connect()?;
    let [local, remote] = [near.local_addr()?, near.peer_addr()?];
    let mark = hosts.wire.mark();
    assert_eq!(abortive(near).by, By::Reset);
    assert_eq!(state(&hosts.near, local, remote), None);
    let error = far.read(&mut [0; 8]).await.expect_err("a reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let packets = hosts.wire.packets_since(mark);
    assert_eq!(packets.iter().filter(|packet| is_rst(packet)).count(), 1);
    assert!(!packets.iter().any(Packet::is_fin));
    Ok(())
}
