//! One side does TLS and the other does not.

use ayt::session::Reason;
use ayt::session::client::{Event, Loss};
use ayt::session::server::Server;
use ayt::tls::Failure;

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
