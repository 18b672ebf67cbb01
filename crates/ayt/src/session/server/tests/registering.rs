//! Who is let in, and who is not.

use ayt_core::session::codec::Decoder;
use ayt_core::session::frame::{Frame, Retry};
use ayt_core::session::handshake::{Credential, Purpose};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::client::refusal;
use super::*;
use crate::session::wire::{read_frame, write_frame};

#[tokio::test(start_paused = true)]
async fn messages_go_both_ways_and_the_end_says_done() {
    let server = server();
    let (client, mut session) = Device::a().enter(&server).await;
    assert_eq!(&session.identity()[..], b"a");
    assert_eq!(session.epoch(), client.welcome.epoch);
    assert_eq!(session.peer_addr(), at(1));
    client.send("hello").await;
    assert_eq!(session.recv().await.unwrap(), "hello");
    session.send("welcome").await.unwrap();
    assert_eq!(client.recv().await, "welcome");
    client.core.done();
    let end = session.close().await;
    assert_eq!(end.reason, Some(Reason::Done));
    assert_eq!(end.cause, crate::session::server::tests::local_close());
    assert_eq!(end.numbers.unacknowledged(), 0);
    assert_eq!(session.recv().await, None);
    assert!(session.send("more").await.is_err());
    let stats = server.stats();
    assert_eq!((stats.registered, stats.now.connections), (1, 0));
    assert_eq!(stats.ended(end.cause), 1);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_key_and_an_unknown_identity_look_alike() {
    let server = server();
    let wrong = Device::new("a", 9).register(&server).await;
    let unknown = Device::new("nobody", 9).register(&server).await;
    let (wrong, unknown) = (wrong.unwrap_err().refused(), unknown.unwrap_err().refused());
    assert_eq!(wrong, unknown);
    assert_eq!(wrong.reason, Reason::NotAuthorised);
    let stats = server.stats();
    assert_eq!(stats.refused(Reason::NotAuthorised), 2);
    until(|| server.stats().now.unregistered == 0).await;
}

#[tokio::test(start_paused = true)]
async fn keys_come_from_a_function_too_and_one_that_fails_admits_nobody() {
    let keys = |identity: Bytes| async move {
        match &identity[..] {
            b"a" => Ok(Some(key(1))),
            _ => Err(KeyError::from("the directory is down")),
        }
    };
    let server = Server::builder().keys(keys).start().unwrap();
    let (_client, _session) = Device::a().enter(&server).await;
    let refused = Device::new("b", 2).register(&server).await;
    assert_eq!(refused.unwrap_err().refused().reason, Reason::Overloaded);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_takes_too_long_is_the_servers_fault() {
    let keys = |_: Bytes| std::future::pending::<Result<Option<Key>, KeyError>>();
    let server = Server::builder().keys(keys).start().unwrap();
    let refused = Device::a().register(&server).await;
    assert_eq!(refused.unwrap_err().refused().reason, Reason::Overloaded);
    until(|| server.stats().now.unregistered == 0).await;
}

#[tokio::test(start_paused = true)]
async fn without_authentication_must_be_said_and_then_serves() {
    let unsaid = Server::builder().start();
    assert!(matches!(unsaid, Err(StartError::NoAuthentication)));
    let server = Server::builder().without_authentication().start().unwrap();
    let device = Device {
        credential: Credential::None,
        ..Device::a()
    };
    let (client, mut session) = device.enter(&server).await;
    client.send("x").await;
    assert_eq!(session.recv().await.unwrap(), "x");
}

#[tokio::test(start_paused = true)]
async fn a_certificate_must_be_there_and_name_the_identity() {
    let names = |certificate: &[u8], identity: &[u8]| certificate == identity;
    let server = Server::builder().certificates(names).start().unwrap();
    let device = Device {
        credential: Credential::Certificate,
        ..Device::a()
    };
    for (certificate, admitted) in [(Some("a"), true), (Some("b"), false), (None, false)] {
        let (mut io, theirs) = tokio::io::duplex(4096);
        match certificate {
            Some(name) => server.serve_verified(theirs, at(1), name.into()),
            None => server.serve_connection(theirs, at(1)),
        };
        let shaken = device.shake(&mut io, Purpose::Register).await;
        match shaken {
            Ok(_) => assert!(admitted, "{certificate:?}"),
            Err(not) => {
                assert!(!admitted, "{certificate:?}");
                assert_eq!(not.refused().reason, Reason::NotAuthorised);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_registration_is_refused_with_its_cause() {
    let server = server();
    let (client, mut session) = Device::new("b", 2).enter(&server).await;
    let oversized = [0x01, 0xff, 0xff, 0xff];
    let other_version = b"\x01\x00\x00\x05ayt/2";
    let garbage = b"GET / HTTP/1.1\r\n\r\n";
    let message_first = [0x10, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1];
    for (bytes, reason) in [
        (&oversized[..], Reason::ProtocolError),
        (other_version, Reason::Version),
        (garbage, Reason::ProtocolError),
        (&message_first, Reason::ProtocolError),
    ] {
        let mut io = Device::a().dial(&server);
        io.write_all(bytes).await.unwrap();
        let refuse = refusal(&mut io).await;
        assert_eq!(refuse.reason, reason, "{}", refuse.text);
        assert_eq!(io.read(&mut [0]).await.unwrap(), 0, "it is closed");
    }
    let mut truncated = Device::a().dial(&server);
    truncated.write_all(&[0x01, 0, 0]).await.unwrap();
    drop(truncated);
    until(|| server.stats().gone == 1).await;
    // A living session is unharmed.
    client.send("alive").await;
    assert_eq!(session.recv().await.unwrap(), "alive");
    until(|| server.stats().now.unregistered == 0).await;
}

#[tokio::test(start_paused = true)]
async fn bytes_that_trickle_in_buy_no_time() {
    let server = server();
    let begun = tokio::time::Instant::now();
    let mut io = Device::a().dial(&server);
    let mut hello = vec![0x01, 0, 0, 41];
    hello.extend_from_slice(b"ayt/1");
    let refuse = loop {
        let byte = hello.drain(..hello.len().min(1)).next().unwrap_or(0);
        // One byte each 2 s would take a minute and a half.
        let _ = io.write_all(&[byte]).await;
        let read = tokio::time::timeout(2 * S, refusal(&mut io));
        if let Ok(refuse) = read.await {
            break refuse;
        }
    };
    assert_eq!(refuse.reason, Reason::TooLate);
    assert_eq!(begun.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_in_the_midst_is_only_gone() {
    let server = server();
    let device = Device::a();
    let io = device.dial(&server);
    drop(io);
    until(|| server.stats().gone == 1).await;
    assert_eq!(server.stats().refused, []);
}

#[tokio::test(start_paused = true)]
async fn a_spare_speaks_after_the_silence_and_takes_nothing_over() {
    let server = server();
    let (client, mut session) = Device::a().enter(&server).await;
    let mut io = Device::a().dial(&server);
    let (welcome, mut decoder) = Device::a().shake(&mut io, Purpose::Spare).await.unwrap();
    assert_eq!((welcome.epoch, welcome.resume_ms), (0, 0));
    let stats = server.stats();
    assert_eq!((stats.now.spares, stats.now.unregistered), (1, 0));
    let begun = tokio::time::Instant::now();
    write_frame(&mut io, &Frame::Silence(100_000))
        .await
        .unwrap();
    let spoken = read_frame(&mut io, &mut decoder).await.unwrap();
    assert_eq!(spoken, Frame::Speak(100_000));
    assert!(begun.elapsed() >= 100 * S);
    // A newer spare replaces it.
    let mut newer = Device::a().dial(&server);
    let shaken = Device::a().shake(&mut newer, Purpose::Spare).await.unwrap();
    assert!(read_frame(&mut io, &mut decoder).await.is_err());
    until(|| server.stats().now.spares == 1).await;
    // One that asks for nothing is told so.
    let (_, mut decoder) = shaken;
    match read_frame(&mut newer, &mut decoder).await.unwrap() {
        Frame::Bye(bye) => assert_eq!(bye.reason, Reason::TooLate),
        other => panic!("{other:?}"),
    }
    until(|| server.stats().now.spares == 0).await;
    client.send("still here").await;
    assert_eq!(session.recv().await.unwrap(), "still here");
}

#[tokio::test(start_paused = true)]
async fn a_program_that_does_not_accept_is_given_no_more() {
    let limits = Limits {
        backlog: 1,
        ..limits()
    };
    let server = Server::builder()
        .keys(keys())
        .limits(limits)
        .start()
        .unwrap();
    let _a = Device::a().register(&server).await.unwrap();
    let refused = Device::new("b", 2)
        .register(&server)
        .await
        .unwrap_err()
        .refused();
    assert_eq!(refused.reason, Reason::Overloaded);
    assert!(matches!(refused.retry, Retry::After(1_000..=11_000)));
    assert!(server.accept().await.is_some());
    let _b = Device::new("b", 2).register(&server).await.unwrap();
    let _ = Decoder::new();
}

#[test]
fn settings_that_cannot_be_are_named() {
    let base = Limits::default();
    let bad = [
        Limits {
            registration: Duration::from_millis(99),
            ..base
        },
        Limits {
            unregistered: 0,
            ..base
        },
        Limits { misses: 11, ..base },
        Limits {
            challenge: 61 * S,
            ..base
        },
        Limits {
            max_payload: 1_023,
            ..base
        },
        Limits {
            window: 4_095,
            ..base
        },
        Limits {
            replay_bound: (1 << 30) + 1,
            ..base
        },
        Limits {
            ack_delay: Duration::from_millis(201),
            ..base
        },
        Limits {
            resume_for: 86_401 * S,
            ..base
        },
        Limits {
            drain: 61 * S,
            ..base
        },
        Limits {
            takeovers: 0,
            ..base
        },
        Limits {
            client_beat: Beats {
                floor: Duration::from_millis(9),
                ..Beats::default()
            },
            ..base
        },
    ];
    let fields = [
        "registration",
        "unregistered",
        "misses",
        "challenge",
        "max_payload",
        "window",
        "replay_bound",
        "ack_delay",
        "resume_for",
        "drain",
        "takeovers",
        "client_beat",
    ];
    for (limits, field) in bad.iter().zip(fields) {
        let error = limits.check().unwrap_err().to_string();
        assert!(error.starts_with(field), "{error}");
    }
    assert!(base.check().is_ok());
}
