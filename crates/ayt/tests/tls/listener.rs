//! `ayt::listener` over TLS, beside the connector and in axum, hyper and tonic.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::get;
use ayt::connect::Connector;
use ayt::listener::{Bounds, Listener, TlsListener};
use ayt::tls::rustls::pki_types::ServerName;
use ayt::watched::{Handle, Watched};
use ayt_core::cause::Cause;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::authority::Authority;
use super::*;

async fn listener(authority: &Authority, bounds: Bounds) -> (TlsListener, SocketAddr) {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let listener = listener.bounds(bounds).tls(authority.server());
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// The recipe of the page of `ayt::connect`.
async fn connect(authority: &Authority, address: SocketAddr) -> TlsStream<Watched<TcpStream>> {
    let tls = TlsConnector::from(authority.client());
    let tcp = Connector::new().connect_to(&[address]).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connecting = tls.connect(name, tcp);
    tokio::time::timeout(S(10), connecting)
        .await
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn slow_handshakes_hold_up_nobody() {
    let authority = Authority::new();
    let (mut listener, address) = listener(&authority, Bounds::default()).await;
    let mut slow = Vec::new();
    for _ in 0..20 {
        let mut tcp = TcpStream::connect(address).await.unwrap();
        tcp.write_all(&[0x16, 3, 1]).await.unwrap();
        slow.push(tcp);
    }
    let (accepted, connected) = tokio::join!(listener.accept(), connect(&authority, address));
    let (mut accepted, mut connected) = (accepted.unwrap(), connected);
    connected.write_all(b"hello").await.unwrap();
    let mut heard = [0; 5];
    accepted.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"hello");
    assert_eq!(
        accepted.peer_addr(),
        connected.get_ref().0.get_ref().local_addr().ok()
    );
    assert!(accepted.connection().bytes_received() > 100, "below TLS");
    assert_eq!(accepted.certificates(), None);
    assert_eq!(listener.stats().unregistered, 20);
    assert!(!accepted.handle().registered(), "its first byte did");
}

#[tokio::test]
async fn handshakes_are_bounded_in_number_and_age() {
    let authority = Authority::new();
    let bounds = Bounds {
        total: 3,
        age: MS(300),
        ..Bounds::default()
    };
    let (mut listener, address) = listener(&authority, bounds).await;
    let stopper = listener.stopper();
    let mut crowd = Vec::new();
    for _ in 0..3 {
        crowd.push(TcpStream::connect(address).await.unwrap());
    }
    let accepting = tokio::spawn(async move {
        let accepted = listener.accept().await;
        (listener, accepted.map(drop).is_ok())
    });
    until(|| stopper.stats().unregistered == 3).await;
    // One more is refused at once, by RST or an end.
    let mut more = TcpStream::connect(address).await.unwrap();
    assert!(matches!(more.read(&mut [0; 8]).await, Ok(0) | Err(_)));
    assert_eq!(stopper.stats().refused_total, 1);
    // The others are ended at their age.
    for mut tcp in crowd {
        while let Ok(1..) = tcp.read(&mut [0; 64]).await {}
    }
    until(|| stopper.stats().unregistered == 0).await;
    let connected = connect(&authority, address).await;
    let (listener, accepted) = accepting.await.unwrap();
    assert!(accepted);
    assert_eq!(listener.failed_handshakes(), 3);
    drop(connected);
}

#[tokio::test]
async fn the_first_byte_that_tls_carries_registers_and_no_byte_of_its_handshake() {
    let authority = Authority::new();
    let (mut listener, address) = listener(&authority, Bounds::default()).await;
    // A byte of the handshake.
    let mut stranger = TcpStream::connect(address).await.unwrap();
    stranger.write_all(&[0x16]).await.unwrap();
    // A handshake, and not a word.
    let (accepted, silent) = tokio::join!(listener.accept(), connect(&authority, address));
    let mut accepted = accepted.unwrap();
    assert_eq!(listener.stats().unregistered, 2);
    tokio::time::pause();
    let error = accepted.read_u8().await.unwrap_err();
    tokio::time::resume();
    assert_eq!(ayt::cause::find(&error), Some(Cause::NeverRegistered));
    drop((accepted, silent, stranger));
    // A handshake, and a word: its age is nothing to it any more.
    let (accepted, mut speaking) = tokio::join!(listener.accept(), connect(&authority, address));
    let mut accepted = accepted.unwrap();
    speaking.write_all(b"x").await.unwrap();
    assert_eq!(accepted.read_u8().await.unwrap(), b'x');
    tokio::time::pause();
    let again = tokio::time::timeout(Bounds::default().age * 2, accepted.read_u8()).await;
    tokio::time::resume();
    assert!(again.is_err(), "{again:?}");
    speaking.write_all(b"y").await.unwrap();
    assert_eq!(accepted.read_u8().await.unwrap(), b'y');
}

#[tokio::test]
async fn what_is_registered_explicitly_is_by_no_byte_and_not_by_taking_tls_out() {
    let authority = Authority::new();
    for explicit in [false, true] {
        let mut listener = Listener::bind("127.0.0.1:0").await.unwrap();
        if explicit {
            listener = listener.register_explicitly();
        }
        let mut listener = listener.tls(authority.server());
        let address = listener.local_addr().unwrap();
        let (accepted, mut connected) =
            tokio::join!(listener.accept(), connect(&authority, address));
        // Nobody would see the first byte any more.
        let mut inner = accepted.unwrap().into_inner();
        assert_eq!(listener.stats().unregistered, usize::from(explicit));
        connected.write_all(b"x").await.unwrap();
        assert_eq!(inner.read_u8().await.unwrap(), b'x');
        assert_eq!(listener.stats().unregistered, usize::from(explicit));
        assert_eq!(inner.get_ref().0.handle().registered(), explicit);
        assert_eq!(listener.stats().unregistered, 0);
    }
}

#[tokio::test]
async fn silence_is_found_below_tls_with_its_cause() {
    let authority = Authority::new();
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut listener = listener
        .detector(|_| crate::common::within(MS(300)))
        .tls(authority.server());
    let (accepted, _connected) = tokio::join!(listener.accept(), connect(&authority, address));
    let mut accepted = accepted.unwrap();
    let error = accepted.read_u8().await.unwrap_err();
    assert_eq!(ayt::cause::find(&error), Some(Cause::HeartbeatMissed));
    assert_eq!(accepted.handle().cause(), Some(Cause::HeartbeatMissed));
}

async fn peer(ConnectInfo(connection): ConnectInfo<Handle>) -> String {
    connection
        .peer()
        .map(|peer| peer.ip().to_string())
        .unwrap_or_default()
}

/// One request, as text.
async fn request(authority: &Authority, address: SocketAddr) -> String {
    let mut tls = connect(authority, address).await;
    let text = "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    tls.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    // With close_notify it ends cleanly.
    tls.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn axum_serves_over_it() {
    let authority = Authority::new();
    let (listener, address) = listener(&authority, Bounds::default()).await;
    let stopper = listener.stopper();
    let app = Router::new()
        .route("/", get(peer))
        .into_make_service_with_connect_info::<Handle>();
    let stop = stopper.clone();
    let serving = tokio::spawn(async move {
        axum::serve(listener, app)
            .with_graceful_shutdown(async move { stop.stopped().await })
            .await
    });
    let answer = request(&authority, address).await;
    assert!(answer.ends_with("127.0.0.1"), "{answer}");
    assert_eq!(stopper.stats().unregistered, 0);
    stopper.stop();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn hyper_serves_over_it() {
    use http_body_util::Full;
    let authority = Authority::new();
    let (mut listener, address) = listener(&authority, Bounds::default()).await;
    let serving = tokio::spawn(async move {
        let io = listener.accept_io().await.unwrap();
        let answer = hyper::service::service_fn(|_| async {
            let body = Full::new(bytes::Bytes::from("hello"));
            Ok::<_, std::convert::Infallible>(http::Response::new(body))
        });
        let served = hyper::server::conn::http1::Builder::new();
        served.serve_connection(io, answer).await.unwrap();
        (listener.stats().unregistered, listener.stats().accepted)
    });
    assert!(request(&authority, address).await.ends_with("hello"));
    assert_eq!(serving.await.unwrap(), (0, 1));
}

#[tokio::test]
async fn tonic_takes_its_connections_and_sees_the_certificate() {
    use futures_util::StreamExt as _;
    use tonic::transport::server::Connected as _;
    let authority = Authority::new();
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let listener = listener.tls(authority.asking(authority.verifier()));
    let stopper = listener.stopper();
    let mut incoming = listener.incoming();
    let pair = authority.of("device");
    let certificate = pair.certificate.clone();
    let tls = TlsConnector::from(authority.client_with(pair));
    let tcp = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let (accepted, connected) = tokio::join!(incoming.next(), tls.connect(name, tcp));
    let _connected = connected.unwrap();
    let info = accepted.unwrap().unwrap().connect_info();
    assert_eq!(info.certificates, Arc::from([certificate]));
    assert_eq!(info.tcp.local_addr(), Some(address));
    stopper.stop();
    assert!(incoming.next().await.is_none());
}
