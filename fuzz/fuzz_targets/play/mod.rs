//! What both registration targets share: the honest other side, and frames that
//! are not honest.

use std::time::Duration;

use ayt_core::session::codec::Decoder;
use ayt_core::session::frame::{Frame, Method, Mode};
use ayt_core::session::handshake::{Client, ClientSettings, Credential, Purpose, Resumption};
use ayt_core::session::proof::{Key, Secret};

pub(crate) const WITHIN: Duration = Duration::from_secs(10);
pub(crate) const SESSION: [u8; 16] = [0x51; 16];

/// Decisions out of the input.
pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

impl Input<'_> {
    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(crate) fn mode_and_method(&mut self) -> Option<(Mode, Method)> {
        let code = self.byte()?;
        Some((Mode::from_code(code % 3)?, Method::from_code(code / 3 % 3)?))
    }

    /// A frame of any type, where the input makes one.
    pub(crate) fn frame(&mut self) -> Option<Frame> {
        let (code, length) = (self.byte()?, self.byte()?);
        let (payload, rest) = self.0.split_at(usize::from(length).min(self.0.len()));
        self.0 = rest;
        let mut bytes = vec![code, 0, 0, length];
        bytes.extend(payload);
        bytes.resize(4 + usize::from(length), 0);
        read(&bytes)
    }

    /// A frame with one bit turned over, where it is a frame still.
    pub(crate) fn tampered(&mut self, frame: &Frame) -> Option<Frame> {
        let mut bytes = Vec::new();
        frame.encode(&mut bytes).ok()?;
        let (at, bit) = (usize::from(self.byte()?), self.byte()? % 8);
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        read(&bytes)
    }
}

fn read(bytes: &[u8]) -> Option<Frame> {
    let mut decoder = Decoder::new();
    assert_eq!(decoder.feed(bytes), bytes.len());
    decoder.next_frame().ok().flatten()
}

pub(crate) fn key() -> Key {
    Key::new(&[0x4b; 32]).expect("32 bytes")
}

pub(crate) fn secret() -> Secret {
    Secret::new([0x5e; 16])
}

/// A client that was set up as the server was.
pub(crate) fn client(mode: Mode, method: Method) -> (Client, Frame) {
    let credential = match method {
        Method::None => Credential::None,
        Method::Hmac => Credential::Key(key()),
        Method::Certificate => Credential::Certificate,
    };
    let purpose = match mode {
        Mode::Register => Purpose::Register,
        Mode::Spare => Purpose::Spare,
        Mode::Resume => Purpose::Resume(Resumption {
            session: SESSION,
            secret: secret(),
            received: 41,
            sent: 20,
        }),
    };
    let settings = ClientSettings::new((&b"meter 7"[..]).into());
    let nonce = [0xc1; 16];
    Client::start(&settings, credential, purpose, nonce, Duration::ZERO).expect("fine settings")
}
