//! Whose certificate is taken, and what the other side says of it.

use std::sync::{Arc, Mutex};

use ayt::session::client::{BadClient, Event, Stopped};
use ayt::session::server::{Server, ServerBuilder, StartError};
use ayt::session::{Client, Reason};
use ayt::tls::rustls::ServerConfig;
use ayt::tls::rustls::pki_types::ServerName;
use ayt::tls::rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use ayt::tls::rustls::sign::CertifiedKey;
use ayt::tls::{BadAlpn, Failure, named};
use ayt_core::session::reconnect::Stop;

use super::authority::{Authority, Pair};
use super::*;

async fn bound(builder: ServerBuilder) -> (Server, String) {
    let server = builder.bind("127.0.0.1:0").await.unwrap();
    let port = server.local_addr().unwrap().port();
    (server, format!("localhost:{port}"))
}

async fn says_hello(client: &Client, server: &Server) {
    client.send("hello").await.unwrap();
    let mut session = server.accept().await.unwrap();
    assert_eq!(session.recv().await.unwrap(), "hello");
    session.send("hello yourself").await.unwrap();
    session.done();
    assert_eq!(client.recv().await.unwrap(), "hello yourself");
    assert!(client.close().await.is_clean());
}

#[tokio::test]
async fn a_key_proves_the_device_and_a_certificate_the_server() {
    let authority = Authority::new();
    let builder = Server::builder().keys(keys()).tls(authority.server());
    let (server, address) = bound(builder).await;
    let client = device().key(key()).tls(authority.client());
    let client = client.address(address).start().unwrap();
    says_hello(&client, &server).await;
    assert_eq!(server.stats().tls_failed, []);
}

#[tokio::test]
async fn certificates_prove_both() {
    let authority = Authority::new();
    let asking = authority.asking(authority.verifier());
    let builder = Server::builder().certificates(named).tls(asking);
    let (server, address) = bound(builder).await;
    let client = device()
        .certificate()
        .tls(authority.client_with(authority.of("device")));
    let client = client.address(address).start().unwrap();
    says_hello(&client, &server).await;
}

#[tokio::test]
async fn the_name_of_the_server_may_be_said() {
    let authority = Authority::new();
    let config = authority.server_with(authority.of("hub.example"));
    let builder = Server::builder().keys(keys()).tls(Arc::new(config));
    let (server, address) = bound(builder).await;
    let client = device()
        .key(key())
        .tls(authority.client())
        .server_name(ServerName::try_from("hub.example").unwrap())
        .address(address)
        .start()
        .unwrap();
    says_hello(&client, &server).await;
}

/// Certificates of a server that a client must not take.
fn wrong_servers(authority: &Authority) -> Vec<(Failure, ServerConfig)> {
    let expired = authority.made("localhost", |params| {
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    });
    let early = authority.made("localhost", |params| {
        params.not_before = rcgen::date_time_ymd(4000, 1, 1);
    });
    let [other, namesake] = ["others", "tests"].map(Authority::called);
    vec![
        (Failure::Issuer, other.server_with(other.of("localhost"))),
        (
            Failure::Issuer,
            namesake.server_with(namesake.of("localhost")),
        ),
        (Failure::Name, authority.server_with(authority.of("other"))),
        (Failure::Expired, authority.server_with(expired)),
        (Failure::NotYetValid, authority.server_with(early)),
    ]
}

#[tokio::test]
async fn a_wrong_certificate_of_the_server_is_told_and_not_asked_again_at_once() {
    let authority = Authority::new();
    for (failure, config) in wrong_servers(&authority) {
        let builder = Server::builder().keys(keys()).tls(Arc::new(config));
        let (server, address) = bound(builder).await;
        let client = device().key(key()).tls(authority.client());
        let client = client.pace(MS(10), S(60)).address(address).start().unwrap();
        let error = tls_failure(&client).await;
        assert_eq!(error.failure(), failure);
        assert!(error.to_string().ends_with(failure.remedy()), "{error}");
        let wait = event(&client, |event| match event {
            Event::Waiting(wait) => Some(wait),
            _ => None,
        });
        assert!(
            wait.await >= S(60),
            "the longest wait, whatever the attempt"
        );
        // The server is told, in its log and counters.
        until(|| server.stats().tls_failed(Failure::Rejected) == 1).await;
        until(|| server.stats().now.unregistered == 0).await;
    }
}

#[tokio::test]
async fn a_client_with_a_person_in_front_stops() {
    let authority = Authority::new();
    for (failure, config) in wrong_servers(&authority) {
        let builder = Server::builder().keys(keys()).tls(Arc::new(config));
        let (_server, address) = bound(builder).await;
        let client = device().key(key()).tls(authority.client());
        let client = client.tls_failure_stops().address(address).start().unwrap();
        let ended = client.registered().await.unwrap_err();
        assert_eq!(ended.stopped, Stopped::Tls(failure));
        assert!(ended.to_string().contains(failure.remedy()), "{ended}");
    }
}

/// A certificate that is renewed.
#[derive(Debug)]
struct Renewed(Mutex<Arc<CertifiedKey>>);

impl ResolvesServerCert for Renewed {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.lock().unwrap()))
    }
}

fn certified(pair: Pair) -> Arc<CertifiedKey> {
    let provider = ServerConfig::builder().crypto_provider().clone();
    let key = CertifiedKey::from_der(vec![pair.certificate], pair.key, &provider);
    Arc::new(key.unwrap())
}

#[tokio::test]
async fn a_device_finds_back_when_the_certificate_is_renewed() {
    let authority = Authority::new();
    let expired = authority.made("localhost", |params| {
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    });
    let renewed = Arc::new(Renewed(Mutex::new(certified(expired))));
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_cert_resolver(renewed.clone());
    let builder = Server::builder().keys(keys()).tls(Arc::new(config));
    let (server, address) = bound(builder).await;
    let client = device().key(key()).tls(authority.client());
    let client = client.address(address).start().unwrap();
    assert_eq!(tls_failure(&client).await.failure(), Failure::Expired);
    *renewed.0.lock().unwrap() = certified(authority.of("localhost"));
    says_hello(&client, &server).await;
}

#[tokio::test]
async fn a_client_without_a_certificate_is_told_so() {
    let authority = Authority::new();
    let asking = authority.asking(authority.verifier());
    let builder = Server::builder().certificates(named).tls(asking);
    let (server, address) = bound(builder).await;
    let client = device().certificate().tls(authority.client());
    let client = client.address(address).start().unwrap();
    // In TLS 1.3 it learns that only after its own handshake is over.
    let error = tls_failure(&client).await;
    assert_eq!(error.failure(), Failure::Rejected, "{error}");
    assert!(error.to_string().contains("CertificateRequired"), "{error}");
    until(|| server.stats().tls_failed(Failure::NoCertificate) >= 1).await;
}

#[tokio::test]
async fn a_client_of_another_authority_is_told_so() {
    let authority = Authority::new();
    for name in ["others", "tests"] {
        let other = Authority::called(name);
        let asking = authority.asking(authority.verifier());
        let builder = Server::builder().certificates(named).tls(asking);
        let (server, address) = bound(builder).await;
        let client = device()
            .certificate()
            .tls(authority.client_with(other.of("device")));
        let client = client.address(address).start().unwrap();
        assert_eq!(tls_failure(&client).await.failure(), Failure::Rejected);
        until(|| server.stats().tls_failed(Failure::Issuer) >= 1).await;
    }
}

#[tokio::test]
async fn a_certificate_of_another_identity_and_none_are_not_authorised() {
    let authority = Authority::new();
    let optional = WebPkiClientVerifier::builder(authority.roots())
        .allow_unauthenticated()
        .build()
        .unwrap();
    let asking = authority.asking(optional);
    let builder = Server::builder().certificates(named).tls(asking);
    let (server, address) = bound(builder).await;
    for config in [
        authority.client(),
        authority.client_with(authority.of("another")),
    ] {
        let client = device().certificate().tls(config);
        let client = client.address(address.clone()).start().unwrap();
        let ended = client.registered().await.unwrap_err();
        assert_eq!(ended.stopped, Stopped::Server(Stop::NotAuthorised));
    }
    assert_eq!(server.stats().refused(Reason::NotAuthorised), 2);
}

#[tokio::test]
async fn another_protocol_is_refused_and_none_is_not() {
    let authority = Authority::new();
    let builder = Server::builder().keys(keys()).tls(authority.server());
    let (server, address) = bound(builder).await;
    for (offered, taken) in [(&[][..], true), (&["h2"], false), (&["h2", "ayt/1"], true)] {
        let mut config = (*authority.client()).clone();
        config.alpn_protocols = offered
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        let tcp = tokio::net::TcpStream::connect(&address).await.unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let name = ServerName::try_from("localhost").unwrap();
        let shaken = connector.connect(name, tcp).await;
        assert_eq!(shaken.is_ok(), taken, "{offered:?}: {:?}", shaken.err());
    }
    until(|| server.stats().tls_failed(Failure::OtherProtocol) == 1).await;
}

#[tokio::test]
async fn what_cannot_work_is_said_before_it_starts() {
    let authority = Authority::new();
    let bare = || Server::builder().certificates(named);
    let without = bare().bind("127.0.0.1:0").await;
    assert!(matches!(without, Err(StartError::CertificatesWithoutTls)));
    let mut other = (*authority.server()).clone();
    other.alpn_protocols = vec![b"h2".to_vec()];
    let wrong = bare().tls(Arc::new(other)).bind("127.0.0.1:0").await;
    assert!(matches!(wrong, Err(StartError::Alpn(BadAlpn))));

    let client = || device().key(key());
    let mut other = (*authority.client()).clone();
    other.alpn_protocols = vec![b"h2".to_vec()];
    let wrong = client().tls(Arc::new(other)).address("localhost:7");
    assert_eq!(wrong.start().unwrap_err(), BadClient::Alpn(BadAlpn));
    let nameless = client()
        .tls(authority.client())
        .connector(|| std::future::ready(Ok(tokio::io::empty())));
    assert!(matches!(nameless.start(), Err(BadClient::ServerName(_))));
}
