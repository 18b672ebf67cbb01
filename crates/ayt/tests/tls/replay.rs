//! Early data and resumed handshakes: neither registers anybody.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use ayt::session::server::Server;
use ayt::tls::rustls::pki_types::ServerName;
use ayt::tls::rustls::{
    ClientConfig, ClientConnection, HandshakeKind, ServerConfig, ServerConnection, Stream,
};
use ayt_core::session::frame::Frame;
use ayt_core::session::handshake::{Client as Handshake, ClientSettings, Credential, Purpose};

use super::authority::Authority;
use super::*;

/// A client as it can be had at its worst: it resumes, and sends early data.
fn eager(authority: &Authority) -> Arc<ClientConfig> {
    let mut config = (*authority.client()).clone();
    config.enable_early_data = true;
    Arc::new(config)
}

fn connection(config: &Arc<ClientConfig>) -> ClientConnection {
    let name = ServerName::try_from("localhost").unwrap();
    ClientConnection::new(Arc::clone(config), name).unwrap()
}

/// A server of rustls alone with this configuration gives its client a ticket.
fn gives_ticket(server: &Arc<ServerConfig>, client: &Arc<ClientConfig>) -> HandshakeKind {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = Arc::clone(server);
    let serving = std::thread::spawn(move || {
        let (mut tcp, _) = listener.accept().unwrap();
        let mut tls = ServerConnection::new(server).unwrap();
        let mut stream = Stream::new(&mut tls, &mut tcp);
        stream.write_all(b"x").unwrap();
        let _ = stream.read(&mut [0]);
    });
    let mut tcp = TcpStream::connect(address).unwrap();
    let mut tls = connection(client);
    Stream::new(&mut tls, &mut tcp)
        .read_exact(&mut [0])
        .unwrap();
    drop(tcp);
    serving.join().unwrap();
    tls.handshake_kind().unwrap()
}

fn hello() -> Vec<u8> {
    let settings = ClientSettings::new("device".into());
    let credential = Credential::None;
    let (_, hello) = Handshake::start(
        &settings,
        credential,
        Purpose::Register,
        [3; 16],
        Duration::ZERO,
    )
    .unwrap();
    let mut bytes = Vec::new();
    hello.encode(&mut bytes).unwrap();
    // PROOF of method 0 is empty: the whole registration in one flight.
    Frame::Proof(ayt_core::session::frame::Proof {
        resume: None,
        mac: None,
    })
    .encode(&mut bytes)
    .unwrap();
    bytes
}

/// What came of a connection whose registration was sent as early data.
struct Outcome {
    kind: Option<HandshakeKind>,
    sent_early: bool,
    accepted_early: bool,
}

fn early(address: SocketAddr, client: &Arc<ClientConfig>) -> Outcome {
    let mut tcp = TcpStream::connect(address).unwrap();
    tcp.set_read_timeout(Some(S(30))).unwrap();
    let mut tls = connection(client);
    let sent_early = match tls.early_data() {
        Some(mut early) => {
            early.write_all(&hello()).unwrap();
            true
        }
        None => false,
    };
    while tls.is_handshaking() {
        tls.complete_io(&mut tcp).unwrap();
    }
    Outcome {
        kind: tls.handshake_kind(),
        sent_early,
        accepted_early: tls.is_early_data_accepted(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_in_early_data_is_not_taken() {
    let authority = Authority::new();
    // A program's configuration that wants both.
    let mut config = (*authority.server()).clone();
    config.max_early_data_size = 16_384;
    let config = Arc::new(config);
    let client = eager(&authority);
    let server = Server::builder()
        .without_authentication()
        .tls(Arc::clone(&config))
        .bind("127.0.0.1:0")
        .await
        .unwrap();
    let address = server.local_addr().unwrap();
    let outcome = tokio::task::spawn_blocking(move || {
        // The ticket is good: another server of the same configuration takes it.
        assert_eq!(gives_ticket(&config, &client), HandshakeKind::Full);
        assert_eq!(gives_ticket(&config, &client), HandshakeKind::Resumed);
        early(address, &client)
    })
    .await
    .unwrap();
    assert!(outcome.sent_early, "it was tried");
    assert!(!outcome.accepted_early);
    assert_eq!(outcome.kind, Some(HandshakeKind::Full));
    until(|| server.stats().now.unregistered == 0).await;
    let stats = server.stats();
    assert_eq!((stats.accepted, stats.registered, stats.gone), (1, 0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_handshake_resumes_another() {
    let authority = Authority::new();
    let client = Arc::new((*authority.client()).clone());
    let builder = Server::builder().keys(keys()).tls(authority.server());
    let server = builder.bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    tokio::task::spawn_blocking(move || {
        for _ in 0..3 {
            let mut tcp = TcpStream::connect(address).unwrap();
            let mut tls = connection(&client);
            while tls.is_handshaking() {
                tls.complete_io(&mut tcp).unwrap();
            }
            // It is refused; tickets would have come before that.
            let mut stream = Stream::new(&mut tls, &mut tcp);
            stream.write_all(b"this is not ayt/1").unwrap();
            let mut said = Vec::new();
            stream.read_to_end(&mut said).unwrap();
            assert!(!said.is_empty());
            assert_eq!(tls.handshake_kind(), Some(HandshakeKind::Full));
            assert_eq!(tls.tls13_tickets_received(), 0);
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn this_crates_client_resumes_nothing_either() {
    // A server of rustls alone, which gives tickets and takes them.
    let authority = Authority::new();
    let acceptor = tokio_rustls::TlsAcceptor::from(authority.server());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let client = device().key(key()).tls(authority.client());
    let _client = client.address(format!("localhost:{port}")).start().unwrap();
    for _ in 0..3 {
        let (tcp, _) = listener.accept().await.unwrap();
        let tls = acceptor.accept(tcp).await.unwrap();
        let (_, connection) = tls.get_ref();
        assert_eq!(connection.handshake_kind(), Some(HandshakeKind::Full));
    }
}
