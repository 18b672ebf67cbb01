//! One side does TLS and the other does not.

use ayt::session::Reason;
use ayt::session::client::{Event, Loss};
use ayt::session::server::Server;
use ayt::tls::Failure;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::authority::Authority;
use super::*;

#[tokio::test]
async fn a_client_without_tls_is_told_that_the_server_speaks_it() {
    let authority = Authority::new();
    let builder = Server::builder().keys(keys()).tls(authority.server());
    let server = builder.bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap().to_string();
    let client = device().key(key()).address(address).start().unwrap();
    let loss = event(&client, |event| match event {
        Event::Lost(loss) => Some(loss),
        _ => None,
    })
    .await;
    assert!(
        matches!(&loss, Loss::Malformed(error) if error.looks_like_tls()),
        "{loss:?}"
    );
    assert!(loss.to_string().contains("call `Builder::tls`"), "{loss}");
    until(|| server.stats().tls_failed(Failure::NotTls) >= 1).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_said_is_not_overtaken_by_the_close() {
    let authority = Authority::new();
    let builder = Server::builder().keys(keys()).tls(authority.server());
    let server = builder.start().unwrap();
    for leaves in [true, false] {
        let (mut near, far) = tokio::io::duplex(1_024);
        assert!(server.serve_tls(far, super::raw::peer()));
        near.write_all(b"this is no TLS").await.unwrap();
        let mut alert = Vec::new();
        near.read_to_end(&mut alert).await.unwrap();
        assert_eq!(
            alert[..5],
            [0x15, 3, 3, 0, 2],
            "and then the end of its direction"
        );
        // What comes meanwhile is read: unread, it would make a reset of the close.
        assert_eq!(server.stats().now.unregistered, 1);
        near.write_all(&[7; 4_000]).await.unwrap();
        let begun = tokio::time::Instant::now();
        if leaves {
            drop(near);
        }
        until(|| server.stats().now.unregistered == 0).await;
        assert_eq!(begun.elapsed() < MS(500), leaves);
        assert!(begun.elapsed() < MS(1_100));
    }
    assert_eq!(server.stats().tls_failed(Failure::NotTls), 2);
}

#[tokio::test]
async fn a_client_with_tls_is_told_that_the_server_does_not_speak_it() {
    let authority = Authority::new();
    let server = Server::builder().keys(keys());
    let server = server.bind("127.0.0.1:0").await.unwrap();
    let port = server.local_addr().unwrap().port();
    let client = device().key(key()).tls(authority.client());
    let client = client.address(format!("localhost:{port}")).start().unwrap();
    let error = tls_failure(&client).await;
    assert_eq!(error.failure(), Failure::NotTls);
    assert!(
        error
            .to_string()
            .contains("let both sides do TLS, or neither"),
        "{error}"
    );
    until(|| server.stats().refused(Reason::ProtocolError) >= 1).await;
}
