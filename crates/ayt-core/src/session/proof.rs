//! Who says it: keys, secrets, and the macs of docs/protocol.md, "PROOF".
//!
//! All macs are HMAC-SHA-256 (RFC 2104, FIPS 180-4) over a [`Transcript`] of what
//! both sides have said, and are compared in constant time. Keys and secrets are
//! overwritten when they are dropped and show nothing of themselves in logs.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac as _};
use sha2::Sha256;
use zeroize::Zeroize;

use super::frame::{Bits128, Challenge, Frame, Hello, Mac, Resume, Welcome};
use crate::session::codec::{FrameError, HEADER};

#[cfg(test)]
mod tests;

/// Bytes of SHA-256's block. A shorter key of HMAC is padded to it with zeros.
const BLOCK: usize = 64;

/// The key of one identity, which its device and the server share: 16 to 64 bytes.
/// 32 random ones are right; a password is not.
#[derive(Clone)]
pub struct Key([u8; BLOCK]);

/// A key that is too short to be safe, or longer than one block of SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key of {0} bytes: it must have 16 to 64, and 32 random ones are right")]
pub struct KeyLength(pub usize);

impl Key {
    /// Takes a key.
    ///
    /// # Errors
    /// It has fewer than 16 or more than 64 bytes.
    pub fn new(key: &[u8]) -> Result<Self, KeyLength> {
        if !(16..=BLOCK).contains(&key.len()) {
            return Err(KeyLength(key.len()));
        }
        Ok(Self(padded(key)))
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// What proves a resume: 128 random bits.
#[derive(Clone)]
pub struct Secret(Bits128);

impl Secret {
    /// Takes 128 bits from a random source.
    #[must_use]
    pub const fn new(bits: Bits128) -> Self {
        Self(bits)
    }

    /// Its bits, to be sent in WELCOME or stored.
    #[must_use]
    pub const fn bits(&self) -> &Bits128 {
        &self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What both sides have said before a mac is made: the whole HELLO and CHALLENGE
/// frames, and of a resume what it is about and its mac. Each side makes its own;
/// when anything was changed on the way, the macs differ.
#[derive(Debug, Clone)]
pub struct Transcript {
    said: Vec<u8>,
    resume_mac: Option<Mac>,
}

impl Transcript {
    /// Of a HELLO and its CHALLENGE. A frame has only one form in bytes, so that the
    /// values stand for what went over the wire.
    ///
    /// # Errors
    /// A HELLO that cannot be sent.
    pub fn new(hello: &Hello, challenge: &Challenge) -> Result<Self, FrameError> {
        let mut said = Vec::with_capacity(2 * HEADER + 40 + hello.identity.len() + 17 + 24);
        Frame::Hello(hello.clone()).encode(&mut said)?;
        Frame::Challenge(*challenge).encode(&mut said)?;
        Ok(Self {
            said,
            resume_mac: None,
        })
    }

    /// Goes on with a resume, as its client: makes the resume mac.
    pub fn resume(&mut self, session: Bits128, received: u64, secret: &Secret) -> Resume {
        self.add_resume(&session, received);
        let mac = self.resume_mac(secret);
        self.resume_mac = Some(mac);
        Resume {
            session,
            received,
            mac,
        }
    }

    /// Goes on with the resume that a client sent. Its mac is not judged here.
    pub fn resumed(&mut self, resume: &Resume) {
        self.add_resume(&resume.session, resume.received);
        self.resume_mac = Some(resume.mac);
    }

    /// Was the resume's mac made with this secret? In constant time.
    #[must_use]
    pub fn resume_proved(&self, secret: &Secret) -> bool {
        self.resume_mac
            .is_some_and(|mac| self.resume_hmac(secret).verify_slice(&mac).is_ok())
    }

    /// What proves to the server that the client has the identity's key.
    #[must_use]
    pub fn client_mac(&self, key: &Key) -> Mac {
        self.client_hmac(&key.0).finalize().into_bytes().into()
    }

    /// Was the client's mac made with the identity's key? In constant time, and after
    /// the same work where the identity has no key (`None`), which proves nothing.
    #[must_use]
    pub fn client_proved(&self, key: Option<&Key>, mac: &Mac) -> bool {
        // The key of nobody: whatever is proved with it does not count.
        let block = key.map_or(&[0x5a; BLOCK], |key| &key.0);
        let right = self.client_hmac(block).verify_slice(mac).is_ok();
        right & key.is_some()
    }

    /// What proves to the client that the server has the identity's key, and that
    /// WELCOME is the server's. A mac in `welcome` itself does not count.
    ///
    /// # Errors
    /// A WELCOME that cannot be sent.
    pub fn server_mac(
        &self,
        key: &Key,
        client_mac: &Mac,
        welcome: &Welcome,
    ) -> Result<Mac, FrameError> {
        let hmac = self.server_hmac(key, client_mac, welcome)?;
        Ok(hmac.finalize().into_bytes().into())
    }

    /// Is the mac in WELCOME right? In constant time; no mac is not right.
    #[must_use]
    pub fn server_proved(&self, key: &Key, client_mac: &Mac, welcome: &Welcome) -> bool {
        let Ok(hmac) = self.server_hmac(key, client_mac, welcome) else {
            return false;
        };
        welcome
            .mac
            .is_some_and(|mac| hmac.verify_slice(&mac).is_ok())
    }

    fn add_resume(&mut self, session: &Bits128, received: u64) {
        self.said.extend_from_slice(session);
        self.said.extend_from_slice(&received.to_be_bytes());
    }

    fn resume_mac(&self, secret: &Secret) -> Mac {
        self.resume_hmac(secret).finalize().into_bytes().into()
    }

    fn resume_hmac(&self, secret: &Secret) -> Hmac<Sha256> {
        let mut block = padded(&secret.0);
        let hmac = keyed(&block)
            .chain_update(b"ayt/1 resume\0")
            .chain_update(&self.said);
        block.zeroize();
        hmac
    }

    fn client_hmac(&self, block: &[u8; BLOCK]) -> Hmac<Sha256> {
        keyed(block)
            .chain_update(b"ayt/1 client\0")
            .chain_update(&self.said)
            .chain_update(self.resume_mac.as_ref().map_or(&[][..], |mac| mac))
    }

    fn server_hmac(
        &self,
        key: &Key,
        client_mac: &Mac,
        welcome: &Welcome,
    ) -> Result<Hmac<Sha256>, FrameError> {
        let mut frame = Vec::with_capacity(HEADER + 74);
        Frame::Welcome(Welcome {
            mac: None,
            ..*welcome
        })
        .encode(&mut frame)?;
        let hmac = keyed(&key.0)
            .chain_update(b"ayt/1 server\0")
            .chain_update(&self.said)
            .chain_update(self.resume_mac.as_ref().map_or(&[][..], |mac| mac))
            .chain_update(client_mac)
            .chain_update(&frame[HEADER..]);
        // The new secret was in it.
        frame.zeroize();
        Ok(hmac)
    }
}

fn keyed(block: &[u8; BLOCK]) -> Hmac<Sha256> {
    Hmac::new(block.into())
}

/// The key of HMAC as one block. Callers give at most one block.
fn padded(key: &[u8]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    block
}
