//! Devices over real sockets of which every byte is the test's own.
#![allow(
    dead_code,
    reason = "each test is a crate of its own and uses what it needs"
)]
#![allow(clippy::unwrap_used, reason = "test support: a panic is the failure")]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use ayt::session::Key;
use ayt_core::session::codec::Decoder;
use ayt_core::session::frame::{Frame, Refuse, Welcome};
use ayt_core::session::handshake::{
    Client as Handshake, ClientSettings, ClientStep, Credential, Purpose,
};
use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) const IDENTITY: &str = "meter-17";

pub(crate) fn key() -> Key {
    Key::new(&[0x17; 32]).unwrap()
}

pub(crate) fn keys() -> HashMap<Bytes, Key> {
    HashMap::from([(Bytes::from(IDENTITY), key())])
}

/// A registered connection that does nothing by itself.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) io: TcpStream,
    decoder: Decoder,
    pub(crate) welcome: Welcome,
}

impl Device {
    /// Connects and registers with this key.
    pub(crate) async fn register(server: SocketAddr, key: Key) -> Result<Self, Refuse> {
        let settings = ClientSettings::new(Bytes::from(IDENTITY));
        let mut io = TcpStream::connect(server).await.unwrap();
        let mut decoder = Decoder::new();
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).unwrap();
        // The server's deadline is what counts: the device's own clock stands still.
        let now = Duration::ZERO;
        let credential = Credential::Key(key);
        let (mut handshake, hello) =
            Handshake::start(&settings, credential, Purpose::Register, nonce, now).unwrap();
        write(&mut io, &hello).await;
        loop {
            let frame = read(&mut io, &mut decoder).await.unwrap();
            match handshake.on_frame(&frame, now).unwrap() {
                ClientStep::Send(frame) => write(&mut io, &frame).await,
                ClientStep::Registered(welcome) => {
                    decoder.set_limit(settings.max_payload);
                    return Ok(Self {
                        io,
                        decoder,
                        welcome,
                    });
                }
                ClientStep::Refused(refuse) => return Err(refuse),
            }
        }
    }

    pub(crate) async fn send(&mut self, seq: u64, message: &'static str) {
        let message = Bytes::from(message);
        write(&mut self.io, &Frame::Data { seq, message }).await;
    }

    /// The next frame; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        read(&mut self.io, &mut self.decoder).await
    }
}

async fn write(io: &mut TcpStream, frame: &Frame) {
    let mut bytes = Vec::new();
    frame.encode(&mut bytes).unwrap();
    io.write_all(&bytes).await.unwrap();
}

async fn read(io: &mut TcpStream, decoder: &mut Decoder) -> Option<Frame> {
    loop {
        if let Some(frame) = decoder.next_frame().unwrap() {
            return Some(frame);
        }
        let mut bytes = [0; 1_024];
        let read = io.read(&mut bytes).await.unwrap();
        if read == 0 {
            return None;
        }
        let mut rest = &bytes[..read];
        while !rest.is_empty() {
            let taken = decoder.feed(rest);
            rest = &rest[taken..];
            assert!(taken > 0 || rest.is_empty(), "one frame at a time");
        }
    }
}
