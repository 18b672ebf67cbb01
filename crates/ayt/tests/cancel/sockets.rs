//! Real sockets on loopback.

use std::time::Duration;

use ayt::close::{self, By};
use ayt::connect::Connector;
use ayt::copy;
use ayt::listener::{Bounds, Listener};
use ayt::pool::Check;
use ayt::watched::{Never, Watched};
use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::{MOST, up_to};

const PATIENCE: Duration = Duration::from_secs(20);

type Done = Result<(), Box<dyn std::error::Error>>;

async fn pair() -> std::io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let here = TcpStream::connect(listener.local_addr()?).await?;
    Ok((here, listener.accept().await?.0))
}

#[tokio::test]
async fn a_listener_loses_no_connection() -> Done {
    let bounds = Bounds {
        per_address: 1_000,
        ..Bounds::default()
    };
    let mut listener = Listener::bind("127.0.0.1:0").await?.bounds(bounds);
    let address = listener.local_addr()?;
    let stopper = listener.stopper();
    let mut accepted = Vec::new();
    for polls in 1..=MOST {
        let mut here = TcpStream::connect(address).await?;
        let mut there = loop {
            if let Some(there) = up_to(polls, listener.accept()).await {
                break there?;
            }
            tokio::task::yield_now().await;
        };
        here.write_all(b"x").await?;
        timeout(PATIENCE, there.read_u8()).await??;
        accepted.push((here, there));
        assert!(up_to(1, stopper.stopped()).await.is_none());
    }
    assert_eq!(listener.stats().accepted, MOST as u64);
    // Dropped early, a stop ends nobody by force.
    for polls in 1..=2 {
        let hour = Duration::from_secs(3_600);
        let stopping = up_to(polls, stopper.stop_within(hour));
        assert!(
            timeout(Duration::from_millis(1), stopping)
                .await
                .ok()
                .flatten()
                .is_none()
        );
    }
    assert!(accepted.iter().all(|(_, there)| there.cause().is_none()));
    stopper.stopped().await;
    Ok(())
}

#[tokio::test]
async fn a_connector_that_is_dropped_leaves_no_connection() -> Done {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let connector = Connector::new();
    for polls in 1..=MOST {
        let by_name = address.to_string();
        let connected = match polls % 2 {
            0 => up_to(polls, connector.connect(&by_name)).await,
            _ => up_to(polls, connector.connect_to(&[address])).await,
        };
        drop(connected.transpose()?);
        // One that is whole afterwards proves that those before are read to their end.
        let whole = connector.connect_to(&[address]).await?;
        let own = whole.get_ref().local_addr()?;
        loop {
            let (mut there, peer) = timeout(PATIENCE, listener.accept()).await??;
            if peer == own {
                break;
            }
            let read = timeout(PATIENCE, there.read(&mut [0; 1])).await?;
            assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_read_and_a_write_that_are_dropped_have_taken_nothing() -> Done {
    let (here, mut there) = pair().await?;
    let mut here = Watched::tcp(here, Never);
    let mut read = Vec::new();
    for n in 0..200u8 {
        there.write_all(&[n]).await?;
        let mut byte = [0; 1];
        while up_to(1, here.read_exact(&mut byte)).await.is_none() {
            tokio::task::yield_now().await;
        }
        read.push(byte[0]);
    }
    assert!(read.iter().copied().eq(0..200));
    Ok(())
}

#[tokio::test]
async fn a_close_that_is_dropped_keeps_what_was_given_and_closes() -> Done {
    for polls in 1..=MOST {
        let (here, mut there) = pair().await?;
        there.write_all(b"late").await?;
        let mut given = Vec::new();
        let half = close::half(here, close::Bounds::default(), |bytes| given.extend(bytes));
        let part = timeout(Duration::from_millis(5), up_to(polls, half)).await;
        assert!(part.ok().flatten().is_none(), "the peer has not closed");
        assert!(b"late".starts_with(&given), "{given:?}");
        // The stream is closed: by FIN, or by RST where something was unread.
        let mut rest = Vec::new();
        let _ = timeout(PATIENCE, there.read_to_end(&mut rest)).await?;

        let (here, there) = pair().await?;
        drop(there);
        let closed = timeout(PATIENCE, close::graceful(here, close::Bounds::default())).await?;
        assert_eq!(closed.by, By::Peer);
    }
    Ok(())
}

#[tokio::test]
async fn a_copy_that_is_dropped_has_moved_a_beginning_and_leaves_the_streams() -> Done {
    let bytes: Vec<u8> = (0..=255).collect();
    for polls in 1..=MOST {
        let ((mut a, mut near_a), (mut b, mut near_b)) = (pair().await?, pair().await?);
        near_a.write_all(&bytes).await?;
        let copying = copy::bidirectional(&mut a, &mut b, copy::Bounds::default());
        let part = timeout(Duration::from_millis(5), up_to(polls, copying)).await;
        assert!(part.ok().flatten().is_none(), "neither has ended");
        // What was moved is a beginning; what was not read yet is still to be read.
        b.write_all(b"!").await?;
        b.shutdown().await?;
        let mut moved = Vec::new();
        timeout(PATIENCE, near_b.read_to_end(&mut moved)).await??;
        assert_eq!(moved.pop(), Some(b'!'));
        assert!(bytes.starts_with(&moved));
        near_a.shutdown().await?;
        let mut left = Vec::new();
        timeout(PATIENCE, a.read_to_end(&mut left)).await??;
        assert!(bytes.ends_with(&left));
    }
    Ok(())
}

/// Where the kernel is asked by its keepalive timer.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_pools_question_that_is_dropped_puts_the_settings_back() -> Done {
    let check = Check {
        max_idle: None,
        ask_after: Some(Duration::ZERO),
        patience: Duration::from_millis(500),
    };
    for polls in 1..=MOST {
        let (here, _there) = pair().await?;
        let mut here = Watched::tcp(here, Never);
        let settings = |stream: &TcpStream| {
            let socket = SockRef::from(stream);
            Ok::<_, std::io::Error>((socket.keepalive()?, socket.tcp_keepalive_time()?))
        };
        let before = settings(here.get_ref())?;
        if let Some(asked) = up_to(polls, check.ask_kernel(here.get_ref())).await {
            asked?;
        }
        assert_eq!(settings(here.get_ref())?, before);
        if let Some(run) = up_to(polls, check.run(&mut here)).await {
            run?;
        }
        assert_eq!(settings(here.get_ref())?, before);
    }
    Ok(())
}
