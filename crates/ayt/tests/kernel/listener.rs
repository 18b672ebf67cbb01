//! A listener in a crowd of strangers.

use std::io::ErrorKind;
use std::time::Duration;

use ayt::cause::{Cause, ended};
use ayt::listener::{AcceptError, Bounds, Connection, Listener};
use ayt_core::tcp_state::TcpState;
use ayt_testbed::{Ns, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::common::within;
use crate::hosts::state;
use crate::{Done, PATIENCE};

/// Takes everybody, and echoes.
async fn serve(mut listener: Listener) -> AcceptError {
    loop {
        match listener.accept().await {
            Ok(stream) => drop(tokio::spawn(echo(stream))),
            Err(error) => return error,
        }
    }
}

async fn echo(mut stream: Connection) {
    let mut buffer = [0; 64];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

async fn say(stream: &mut TcpStream, words: &[u8]) -> std::io::Result<()> {
    stream.write_all(words).await?;
    let mut heard = vec![0; words.len()];
    timeout(PATIENCE, stream.read_exact(&mut heard))
        .await
        .expect("an answer in time")?;
    assert_eq!(heard, words);
    Ok(())
}

#[tokio::test]
async fn ten_thousand_that_say_nothing_are_bounded_and_harm_nobody() -> Done {
    let bounds = Bounds {
        total: 50,
        per_address: 50,
        age: Duration::from_secs(3600),
    };
    let listener = Listener::bind("127.0.0.1:0").await?.bounds(bounds);
    let address = listener.local_addr()?;
    let stopper = listener.stopper();
    let server = tokio::spawn(serve(listener));
    let mut living = TcpStream::connect(address).await?;
    say(&mut living, b"me").await?;

    let mut silent = Vec::new();
    let mut refused = 0;
    for _ in 0..10_000 {
        // The kernel accepts, the listener resets: connecting itself may work.
        let Ok(mut stream) = TcpStream::connect(address).await else {
            refused += 1;
            continue;
        };
        if silent.len() < bounds.total {
            silent.push(stream);
            continue;
        }
        let read = timeout(PATIENCE, stream.read(&mut [0; 8])).await?;
        assert_eq!(
            read.expect_err("refused").kind(),
            ErrorKind::ConnectionReset
        );
        refused += 1;
    }
    assert_eq!(refused, 10_000 - bounds.total);
    let stats = stopper.stats();
    assert_eq!(stats.unregistered, bounds.total);
    assert_eq!(stats.live, bounds.total + 1);
    assert_eq!(stats.refused_total, refused as u64);
    say(&mut living, b"still served").await?;

    // Their places come back when they leave.
    silent.clear();
    let places = || stopper.stats().unregistered == 0;
    timeout(PATIENCE, async {
        while !places() {
            tokio::task::yield_now().await;
        }
    })
    .await?;
    let mut next = TcpStream::connect(address).await?;
    say(&mut next, b"hello").await?;

    // Stopped: those that live are told.
    let left = stopper.stop_within(Duration::from_millis(50)).await;
    assert_eq!(left, 2);
    assert!(matches!(server.await?, AcceptError::Stopped));
    for stream in [&mut living, &mut next] {
        assert_eq!(timeout(PATIENCE, stream.read(&mut [0; 8])).await??, 0);
    }
    assert_eq!(stopper.stop_within(PATIENCE).await, 0);
    Ok(())
}

#[tokio::test]
async fn one_address_cannot_take_all_places() -> Done {
    let bounds = Bounds {
        total: 4,
        per_address: 2,
        age: Duration::from_secs(3600),
    };
    let mut listener = Listener::bind("127.0.0.1:0").await?.bounds(bounds);
    let address = listener.local_addr()?;
    let from = |host: [u8; 4]| async move {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind((host, 0).into())?;
        socket.connect(address).await
    };
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(from([127, 0, 0, 1]).await?);
    }
    clients.push(from([127, 0, 0, 2]).await?);
    let mut held = Vec::new();
    for expected in [1, 1, 2] {
        let stream = listener.accept().await?;
        let host = stream.peer_addr().expect("a peer").ip().to_string();
        assert_eq!(host, format!("127.0.0.{expected}"));
        held.push(stream);
    }
    assert_eq!(listener.stats().refused_per_address, 1);
    Ok(())
}

#[tokio::test]
async fn one_byte_registers_and_a_detector_ends_who_says_no_more() -> Done {
    let mut listener = Listener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let age = Bounds::default().age;
    let mut client = TcpStream::connect(address).await?;
    let mut stream = listener.accept().await?;
    assert_eq!(listener.stats().unregistered, 1);
    client.write_all(b"x").await?;
    assert_eq!(stream.read_u8().await?, b'x');
    assert_eq!(listener.stats().unregistered, 0);
    assert!(!stream.handle().registered(), "it is already");
    // Nothing else holds it: neither the bounds nor their age.
    tokio::time::pause();
    assert!(timeout(age * 100, stream.read_u8()).await.is_err());
    assert_eq!(stream.cause(), None);

    // A detector does, in its own time.
    tokio::time::resume();
    let mut listener = listener.detector(move |_| within(age * 3));
    let mut client = TcpStream::connect(address).await?;
    let mut stream = listener.accept().await?;
    client.write_all(b"x").await?;
    assert_eq!(stream.read_u8().await?, b'x');
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    let error = stream.read_u8().await.expect_err("silent");
    assert_eq!(ayt::cause::find(&error), Some(Cause::HeartbeatMissed));
    let late = begun.elapsed() - age * 3;
    assert!(late < Duration::from_millis(10), "{late:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_byte_that_nobody_reads_registers_nobody() -> Done {
    let mut listener = Listener::bind("127.0.0.1:0").await?;
    let mut client = TcpStream::connect(listener.local_addr()?).await?;
    client.write_all(b"x").await?;
    let mut stream = listener.accept().await?;
    assert_eq!(stream.handle().ended().await, Cause::NeverRegistered);
    assert!(stream.read_u8().await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_slow_loris_is_ended_at_its_age_where_registering_is_explicit() -> Done {
    let bounds = Bounds {
        age: Duration::from_millis(300),
        ..Bounds::default()
    };
    let listener = Listener::bind("127.0.0.1:0").await?.bounds(bounds);
    let mut listener = listener.register_explicitly();
    let mut client = TcpStream::connect(listener.local_addr()?).await?;
    let mut stream = listener.accept().await?;
    let handle = stream.handle();
    let loris = tokio::spawn(async move {
        while client.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let error = timeout(PATIENCE, async {
        loop {
            if let Err(error) = stream.read(&mut [0; 8]).await {
                return error;
            }
        }
    })
    .await?;
    let cause = ended(&error).map(ayt::cause::Ended::cause);
    assert_eq!(cause, Some(Cause::NeverRegistered));
    assert_eq!(handle.cause(), Some(Cause::NeverRegistered));
    drop(stream);
    loris.await?;
    assert_eq!(listener.stats().unregistered, 0);
    Ok(())
}

#[tokio::test]
async fn a_failing_policy_refuses_the_connection() -> Done {
    let mut listener = Listener::bind("127.0.0.1:0")
        .await?
        .on_socket(|_| Err(ErrorKind::Unsupported.into()));
    let mut client = TcpStream::connect(listener.local_addr()?).await?;
    let mut buffer = [0; 8];
    tokio::select! {
        _ = listener.accept() => panic!("it must not be handed out"),
        read = client.read(&mut buffer) => {
            assert_eq!(read.expect_err("refused").kind(), ErrorKind::ConnectionReset);
        }
    }
    let stats = listener.stats();
    assert_eq!(
        (stats.refused_socket, stats.unregistered, stats.accepted),
        (1, 0, 0)
    );
    Ok(())
}

#[tokio::test]
async fn reading_to_the_end_and_dropping_leaves_no_close_wait() -> Done {
    let mut listener = Listener::bind("127.0.0.1:0").await?;
    let client = TcpStream::connect(listener.local_addr()?).await?;
    let mut stream = listener.accept().await?;
    let (local, remote) = (stream.get_ref().local_addr()?, client.local_addr()?);
    drop(client);
    assert_eq!(stream.read(&mut [0; 8]).await?, 0);
    let host = Ns::current()?;
    assert_eq!(state(&host, local, remote), Some(TcpState::CloseWait));
    drop(stream);
    eventually("it is gone", PATIENCE, || {
        state(&host, local, remote).is_none()
    });
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_nobody_polls_ends_at_its_age() -> Done {
    let age = Duration::from_secs(10);
    let bounds = Bounds {
        total: 2,
        age,
        ..Bounds::default()
    };
    let mut listener = Listener::bind("127.0.0.1:0").await?.bounds(bounds);
    let address = listener.local_addr()?;
    let _clients = [
        TcpStream::connect(address).await?,
        TcpStream::connect(address).await?,
        TcpStream::connect(address).await?,
    ];
    let begun = tokio::time::Instant::now();
    // One registers, two are only held.
    let registered = listener.accept().await?;
    assert!(registered.handle().registered());
    let mut forgotten = listener.accept().await?;
    let dropped = listener.accept().await?;
    let (handle, other) = (forgotten.handle(), dropped.handle());
    assert_eq!(handle.ended().await, Cause::NeverRegistered);
    assert_eq!(other.ended().await, Cause::NeverRegistered);
    let took = begun.elapsed();
    assert!(
        took >= age && took < age + Duration::from_millis(10),
        "{took:?}"
    );
    assert_eq!(registered.cause(), None, "who registered stays");
    // Both are still in their owner's hands, and count.
    assert_eq!(listener.stats().unregistered, 2);
    drop(dropped);
    assert_eq!(listener.stats().unregistered, 1);
    assert!(!handle.registered(), "too late");
    let error = forgotten.read(&mut [0; 8]).await.expect_err("it has ended");
    let cause = ended(&error).map(ayt::cause::Ended::cause);
    assert_eq!(cause, Some(Cause::NeverRegistered));
    drop(forgotten);
    assert_eq!(
        (listener.stats().unregistered, listener.stats().live),
        (0, 1)
    );

    // Nobody waited for a while: the next one is watched all the same.
    tokio::time::sleep(age * 3).await;
    let _late = TcpStream::connect(address).await?;
    let begun = tokio::time::Instant::now();
    let held = listener.accept().await?;
    assert_eq!(held.handle().ended().await, Cause::NeverRegistered);
    assert!(begun.elapsed() >= age);
    Ok(())
}
