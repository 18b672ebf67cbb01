//! Handshakes that take their time, or all of it.

use ayt::session::Reason;
use ayt::session::client::{Event, Loss};
use ayt::session::server::{Limits, Server};
use ayt::tls::Failure;
use ayt::tls::rustls::pki_types::ServerName;
use ayt_core::session::codec::Decoder;
use ayt_core::session::frame::Frame;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::Instant;

use super::authority::Authority;
use super::raw::{connected, next, peer, register};
use super::*;

fn server(authority: &Authority) -> Server {
    let builder = Server::builder().keys(keys()).tls(authority.server());
    builder.start().unwrap()
}

/// What a client of rustls says first.
async fn client_hello(authority: &Authority) -> Vec<u8> {
    let (near, mut far) = duplex(64 * 1024);
    let connector = tokio_rustls::TlsConnector::from(authority.client());
    let name = ServerName::try_from("localhost").unwrap();
    let task = tokio::spawn(connector.connect(name, near).into_fallible());
    let mut hello = vec![0; 4096];
    let n = far.read(&mut hello).await.unwrap();
    task.abort();
    hello.truncate(n);
    hello
}

async fn is_closed(io: &mut DuplexStream) {
    let mut rest = Vec::new();
    // Whatever was said before.
    let _ = io.read_to_end(&mut rest).await;
}

#[tokio::test(start_paused = true)]
async fn a_handshake_byte_by_byte_ends_at_the_deadline() {
    let authority = Authority::new();
    let server = server(&authority);
    let hello = client_hello(&authority).await;
    let (mut near, far) = duplex(1024);
    let begun = Instant::now();
    assert!(server.serve_tls(far, peer()));
    for byte in &hello[..15] {
        if near.write_all(&[*byte]).await.is_err() {
            break;
        }
        if begun.elapsed() < S(10) {
            assert_eq!(server.stats().now.unregistered, 1);
        }
        if tokio::time::timeout(S(1), near.read_u8()).await.is_ok() {
            break;
        }
    }
    assert_eq!(begun.elapsed(), S(10), "the deadline does not move");
    until(|| server.stats().now.unregistered == 0).await;
    let stats = server.stats();
    assert_eq!(stats.tls_failed, [(Failure::TooLate, 1)]);
    assert_eq!((stats.accepted, stats.gone), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_finish_ends_at_the_deadline_too() {
    let authority = Authority::new();
    let server = server(&authority);
    let hello = client_hello(&authority).await;
    let (mut near, far) = duplex(64 * 1024);
    let begun = Instant::now();
    assert!(server.serve_tls(far, peer()));
    near.write_all(&hello).await.unwrap();
    is_closed(&mut near).await;
    assert_eq!(begun.elapsed(), S(10));
    assert_eq!(server.stats().tls_failed(Failure::TooLate), 1);
}

#[tokio::test(start_paused = true)]
async fn the_handshake_and_the_registration_have_one_deadline() {
    let authority = Authority::new();
    let server = server(&authority);
    let (near, far) = duplex(64 * 1024);
    let begun = Instant::now();
    assert!(server.serve_tls(far, peer()));
    tokio::time::sleep(S(9)).await;
    let connector = tokio_rustls::TlsConnector::from(authority.client());
    let name = ServerName::try_from("localhost").unwrap();
    let mut tls = connector.connect(name, near).await.unwrap();
    let refused = next(&mut tls, &mut Decoder::new()).await;
    assert!(matches!(refused, Some(Frame::Refuse(refuse)) if refuse.reason == Reason::TooLate));
    assert_eq!(begun.elapsed(), S(10));
}

#[tokio::test(start_paused = true)]
async fn a_thousand_that_never_finish_are_bounded_and_harm_nobody() {
    let authority = Authority::new();
    let server = server(&authority);
    let mut own = connected(&server, &authority).await;
    let _decoder = register(&mut own, 1_000_000).await;
    let mut session = server.accept().await.unwrap();
    let hello = client_hello(&authority).await;
    let mut crowd = Vec::new();
    let mut taken = 0;
    for n in 0..1_200u16 {
        let from = SocketAddr::from(([10, 0, 0, (n / 10) as u8], 4_000));
        let (mut near, far) = duplex(8 * 1024);
        taken += usize::from(server.serve_tls(far, from));
        // Nothing, half of the first message, or all of it.
        let said = [0, hello.len() / 2, hello.len()][usize::from(n % 3)];
        let _ = near.write_all(&hello[..said]).await;
        crowd.push(near);
    }
    assert_eq!(taken, 1_000, "those above the bound were closed at once");
    assert_eq!(server.stats().now.unregistered, 1_000);
    assert_eq!(server.stats().refused(Reason::Overloaded), 200);
    let hello = Frame::Data {
        seq: 1,
        message: "alive".into(),
    };
    raw::say(&mut own, &hello).await;
    assert_eq!(session.recv().await.unwrap(), "alive");
    until(|| server.stats().now.unregistered == 0).await;
    assert_eq!(server.stats().tls_failed(Failure::TooLate), 1_000);
    let mut another = connected(&server, &authority).await;
    register(&mut another, 30_000).await;
}

#[tokio::test(start_paused = true)]
async fn one_address_gets_its_share_only() {
    let authority = Authority::new();
    let limits = Limits {
        unregistered_per_address: 3,
        ..Limits::default()
    };
    let builder = Server::builder().keys(keys()).tls(authority.server());
    let server = builder.limits(limits).start().unwrap();
    let mut held = Vec::new();
    for n in 0..5 {
        let (near, far) = duplex(64);
        assert_eq!(server.serve_tls(far, peer()), n < 3);
        held.push(near);
    }
    let (near, far) = duplex(64);
    assert!(server.serve_tls(far, SocketAddr::from(([192, 0, 2, 2], 7))));
    drop(near);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_shake_hands_is_left_after_the_registrations_time() {
    let authority = Authority::new();
    let (near, _held) = duplex(64 * 1024);
    let near = std::sync::Mutex::new(Some(near));
    let client = device()
        .key(key())
        .connector(move || {
            let near = near.lock().unwrap().take();
            std::future::ready(near.ok_or_else(|| std::io::ErrorKind::NotFound.into()))
        })
        .tls(authority.client())
        .server_name(ServerName::try_from("localhost").unwrap())
        .start()
        .unwrap();
    let begun = Instant::now();
    let loss = event(&client, |event| match event {
        Event::Lost(loss) => Some(loss),
        _ => None,
    })
    .await;
    assert!(
        matches!(&loss, Loss::Tls(error) if error.failure() == Failure::TooLate),
        "{loss:?}"
    );
    assert_eq!(begun.elapsed(), S(10));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_handshakes() {
    let authority = Authority::new();
    let server = server(&authority);
    let (mut near, far) = duplex(64);
    assert!(server.serve_tls(far, peer()));
    let begun = Instant::now();
    server.shutdown(S(1)).await;
    is_closed(&mut near).await;
    assert!(begun.elapsed() < S(1));
}

#[tokio::test(start_paused = true)]
async fn without_tls_set_up_nothing_is_served_over_it() {
    let server = Server::builder().keys(keys()).start().unwrap();
    let (mut near, far) = duplex(64);
    assert!(!server.serve_tls(far, peer()));
    is_closed(&mut near).await;
}
