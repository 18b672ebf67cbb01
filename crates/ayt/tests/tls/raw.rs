//! A device made by hand, whose every byte is its test's to send.

use std::net::SocketAddr;

use ayt::session::server::Server;
use ayt::tls::rustls::pki_types::ServerName;
use ayt_core::session::codec::Decoder;
use ayt_core::session::frame::Frame;
use ayt_core::session::handshake::{
    Client as Handshake, ClientSettings, ClientStep, Credential, Purpose,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::authority::Authority;
use super::*;

pub(crate) type Tls = TlsStream<DuplexStream>;

pub(crate) fn peer() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 7))
}

/// TLS with a server, nothing more.
pub(crate) async fn connected(server: &Server, authority: &Authority) -> Tls {
    let (near, far) = tokio::io::duplex(64 * 1024);
    assert!(server.serve_tls(far, peer()));
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(authority.client());
    connector.connect(name, near).await.unwrap()
}

/// The next frame; `None` at the end.
pub(crate) async fn next(
    io: &mut (impl AsyncRead + Unpin),
    decoder: &mut Decoder,
) -> Option<Frame> {
    loop {
        if let Some(frame) = decoder.next_frame().unwrap() {
            return Some(frame);
        }
        if io.read_buf(&mut decoder.room()).await.unwrap() == 0 {
            return None;
        }
    }
}

pub(crate) async fn say(io: &mut (impl AsyncWrite + Unpin), frame: &Frame) {
    let mut bytes = Vec::new();
    frame.encode(&mut bytes).unwrap();
    io.write_all(&bytes).await.unwrap();
    io.flush().await.unwrap();
}

/// Registers, with a promise of this beat.
pub(crate) async fn register(
    io: &mut (impl AsyncRead + AsyncWrite + Unpin),
    beat_ms: u32,
) -> Decoder {
    let settings = ClientSettings {
        client_beat_ms: beat_ms,
        ..ClientSettings::new("device".into())
    };
    let (mut machine, hello) = Handshake::start(
        &settings,
        Credential::Key(key()),
        Purpose::Register,
        [3; 16],
        Duration::ZERO,
    )
    .unwrap();
    let mut decoder = Decoder::new();
    say(io, &hello).await;
    loop {
        let frame = next(io, &mut decoder).await.expect("an answer");
        match machine.on_frame(&frame, Duration::ZERO).unwrap() {
            ClientStep::Send(frame) => say(io, &frame).await,
            ClientStep::Registered(_) => break,
            ClientStep::Refused(refuse) => panic!("{refuse:?}"),
        }
    }
    decoder.set_limit(settings.max_payload);
    decoder
}
