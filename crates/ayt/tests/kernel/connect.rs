//! Connecting: dead families, dead hosts, refusals.

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use ayt::connect::{Bounds, ConnectError, Connector};
use ayt_testbed::{Direction, Need, Packet, Side};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::Done;
use crate::hosts::{Hosts, tokio_stream};

/// Runs on a runtime inside of the far host.
fn in_far<T: Send>(hosts: &Hosts, work: impl Future<Output = T> + Send) -> T {
    hosts.far.run(|| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
            .block_on(work)
    })
}

#[test]
fn a_dead_family_costs_the_head_start_and_not_more() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    let [v6, v4] = [hosts.wire.v6(Side::A), hosts.wire.v4(Side::A)];
    let listener = hosts.near.run(|| TcpListener::bind((v4, 0)))?;
    let port = listener.local_addr()?.port();
    let both = [SocketAddr::new(v6, port), SocketAddr::new(v4, port)];
    hosts
        .wire
        .drop_if(|packet: &Packet| packet.source.is_ipv6());
    let mark = hosts.wire.mark();
    let connected = in_far(&hosts, async { Connector::new().connect_to(&both).await })?;
    assert_eq!(connected.peer_addr(), Some(both[1]));
    let syns: Vec<Packet> = hosts
        .wire
        .packets_since(mark)
        .into_iter()
        .filter(|packet| packet.has(|flags| flags.syn && !flags.ack))
        .collect();
    assert!(syns[0].source.is_ipv6(), "the preferred one first");
    assert_eq!(syns[0].direction, Direction::BtoA);
    let first_v4 = syns.iter().find(|syn| syn.source.is_ipv4());
    let waited = first_v4.expect("the other family").seen - syns[0].seen;
    let head_start = Bounds::default().head_start;
    assert!(
        waited >= head_start - Duration::from_millis(5),
        "{waited:?}"
    );
    Ok(())
}

#[test]
fn a_silent_host_is_given_up_within_the_bound() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::new()?;
    let silent = SocketAddr::new(hosts.wire.v4(Side::A), 7);
    hosts.wire.cut();
    let bounds = Bounds {
        within: Duration::from_millis(300),
        ..Bounds::default()
    };
    let start = Instant::now();
    let error = in_far(&hosts, async {
        Connector::new().bounds(bounds).connect_to(&[silent]).await
    })
    .expect_err("nobody answers");
    assert!(matches!(error, ConnectError::TimedOut { .. }), "{error}");
    assert!(start.elapsed() >= bounds.within);
    let error = std::io::Error::from(error);
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    assert!(error.to_string().contains(&silent.to_string()), "{error}");
    Ok(())
}

#[tokio::test]
async fn refusals_fail_over_at_once_and_are_all_listed() -> Done {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let good = listener.local_addr()?;
    let closed = {
        let other = TcpListener::bind("127.0.0.1:0")?;
        other.local_addr()?
    };
    let patient = Bounds {
        head_start: Duration::from_secs(3600),
        ..Bounds::default()
    };
    let connector = Connector::new().bounds(patient);
    let mut stream = connector.connect_to(&[closed, good]).await?;
    let mut accepted = tokio_stream(listener.accept()?.0)?;
    stream.write_all(b"hello").await?;
    let mut heard = [0; 5];
    accepted.read_exact(&mut heard).await?;
    assert_eq!(&heard, b"hello");

    let error = connector.connect_to(&[closed, closed]).await;
    match error.expect_err("nobody listens") {
        ConnectError::Failed { failed, .. } => assert_eq!(failed.len(), 2),
        other => panic!("{other}"),
    }
    let error = connector.connect("no port").await.expect_err("no port");
    assert!(matches!(error, ConnectError::BadTarget { .. }), "{error}");
    Ok(())
}

#[tokio::test]
async fn the_policy_is_applied_and_its_failure_is_one() -> Done {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let target = listener.local_addr()?.to_string();
    let connector = Connector::new().on_socket(|stream| stream.set_nodelay(true));
    let stream = connector.connect(&target).await?;
    assert!(stream.get_ref().nodelay()?);
    let failing =
        Connector::new().on_socket(|_| Err(std::io::Error::from(std::io::ErrorKind::Unsupported)));
    let error = failing
        .connect(&target)
        .await
        .expect_err("the hook says so");
    assert!(matches!(error, ConnectError::Socket { .. }), "{error}");
    assert_eq!(error.kind(), std::io::ErrorKind::Unsupported);
    Ok(())
}
