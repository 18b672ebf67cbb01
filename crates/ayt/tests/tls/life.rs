//! What counts as life: every byte below TLS.

use ayt::session::server::{Beats, Limits, Server, Session, SessionEvent};
use ayt::tls::rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex, split};

use super::authority::Authority;
use super::raw::{connected, peer, register};
use super::*;

/// Suspicion after 1 s of silence.
fn server(authority: &Authority) -> Server {
    let limits = Limits {
        client_beat: Beats {
            default: S(1),
            ceiling: S(1),
            ..Beats::default()
        },
        misses: 1,
        challenge: S(1),
        ..Limits::default()
    };
    let builder = Server::builder().keys(keys()).tls(authority.server());
    builder.limits(limits).start().unwrap()
}

async fn suspected(session: &Session) {
    loop {
        match session.next_event().await.expect("an event") {
            SessionEvent::Suspect => return,
            SessionEvent::Lost(end) => panic!("{end:?}"),
            _ => {}
        }
    }
}

/// A line that takes 100 bytes a second from `near` once a message is under way.
fn slow_line(far: DuplexStream) -> DuplexStream {
    let (near, own) = duplex(64 * 1024);
    let (mut from_near, mut to_near) = split(own);
    let (mut from_far, mut to_far) = split(far);
    tokio::spawn(async move { tokio::io::copy(&mut from_far, &mut to_near).await });
    tokio::spawn(async move {
        let mut all = vec![0; 8 * 1024];
        while let Ok(n @ 1..) = from_near.read(&mut all).await {
            // The handshakes are short, the message is not.
            let piece = if n > 4_000 { 10 } else { n };
            for bytes in all[..n].chunks(piece) {
                if n > 4_000 {
                    tokio::time::sleep(MS(100)).await;
                }
                if to_far.write_all(bytes).await.is_err() {
                    return;
                }
            }
        }
    });
    near
}

#[tokio::test(start_paused = true)]
async fn half_a_record_on_a_slow_line_is_a_sign_of_life() {
    let authority = Authority::new();
    let server = server(&authority);
    let (line, far) = duplex(64 * 1024);
    assert!(server.serve_tls(far, peer()));
    let near = std::sync::Mutex::new(Some(slow_line(line)));
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
    let mut session = server.accept().await.unwrap();
    // One record of 16 KB, which cannot be decrypted before its last byte is there:
    // 160 s, in which nothing can be read.
    let message = bytes::Bytes::from(vec![7; 16_000]);
    client.send(message.clone()).await.unwrap();
    let begun = tokio::time::Instant::now();
    assert_eq!(session.recv().await.unwrap(), message);
    assert!(begun.elapsed() > S(100), "{:?}", begun.elapsed());
    while let Ok(event) = tokio::time::timeout(MS(1), session.next_event()).await {
        let fine = matches!(
            event,
            Some(SessionEvent::Connected { .. } | SessionEvent::RoundTrip(_))
        );
        assert!(fine, "{event:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_of_tls_alone_is_a_sign_of_life() {
    let authority = Authority::new();
    let server = server(&authority);
    let mut tls = connected(&server, &authority).await;
    let _decoder = register(&mut tls, 1_000).await;
    let session = server.accept().await.unwrap();
    // rustls takes 32 in a row at most.
    for _ in 0..30 {
        tokio::time::sleep(MS(900)).await;
        // KeyUpdate (RFC 8446, 4.6.3), which the session never sees.
        tls.get_mut().1.refresh_traffic_keys().unwrap();
        tls.flush().await.unwrap();
    }
    let last = tokio::time::Instant::now();
    suspected(&session).await;
    let silent = last.elapsed();
    assert!(silent >= S(1) && silent < MS(1_100), "{silent:?}");
}
