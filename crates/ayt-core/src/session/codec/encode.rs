//! Frames to bytes.

use bytes::{BufMut, Bytes};

use super::bounds::LARGEST;
use super::{FrameError, HEADER, Kind, bounded_text, payload};
use crate::session::frame::{Bye, Frame, Hello, Proof, Refuse, Welcome};

/// The first bytes of HELLO.
pub(super) const MAGIC: [u8; 5] = *b"ayt/1";

impl Frame {
    /// May it be sent? Judges the ranges of its values, the same that a reader judges.
    ///
    /// # Errors
    /// Names the value that is out of its range.
    pub fn check(&self) -> Result<(), FrameError> {
        payload::check(self)
    }

    /// Writes the frame at the end of `out`, a buffer that grows (`Vec<u8>`,
    /// `BytesMut`). A text longer than 200 bytes is cut between two characters.
    ///
    /// # Errors
    /// A value that [`Decoder`](super::Decoder) would refuse, a payload of 16 MiB or
    /// more; `out` is then as it was. What *this* receiver takes is not judged: see
    /// [`data_header`].
    pub fn encode(&self, out: &mut impl BufMut) -> Result<(), FrameError> {
        self.check()?;
        let length = self.payload_len();
        out.put_slice(&header(self.kind(), length, LARGEST)?);
        match self {
            Self::Hello(hello) => put_hello(hello, out),
            Self::Challenge(challenge) => {
                out.put_u8(challenge.method.code());
                out.put_slice(&challenge.nonce);
            }
            Self::Proof(proof) => put_proof(proof, out),
            Self::Welcome(welcome) => put_welcome(welcome, out),
            Self::Refuse(refuse) => {
                out.put_u8(refuse.reason.code());
                out.put_u32(refuse.retry.code());
                out.put_slice(bounded_text(&refuse.text).as_bytes());
            }
            Self::Data { seq, message } => {
                out.put_u64(*seq);
                out.put_slice(message);
            }
            Self::Ack(seq) => out.put_u64(*seq),
            Self::Ping(value) | Self::Pong(value) => out.put_slice(value),
            Self::Beat => {}
            Self::Bye(bye) => {
                out.put_u8(bye.reason.code());
                out.put_u32(bye.retry.code());
                out.put_u64(bye.last);
                out.put_slice(bounded_text(&bye.text).as_bytes());
            }
            Self::Silence(ms) | Self::Speak(ms) => out.put_u32(*ms),
            Self::Extension { payload, .. } => out.put_slice(payload),
        }
        Ok(())
    }

    /// Bytes of its payload on the wire, without the four of the header.
    #[must_use]
    pub fn payload_len(&self) -> usize {
        match self {
            Self::Hello(hello) => 40 + hello.identity.len(),
            Self::Challenge(_) => 17,
            Self::Proof(Proof { resume, mac }) => {
                resume.map_or(0, |_| 16 + 8 + 32) + mac.map_or(0, |_| 32)
            }
            Self::Welcome(Welcome { mac, .. }) => 74 + mac.map_or(0, |_| 32),
            Self::Refuse(Refuse { text, .. }) => 5 + bounded_text(text).len(),
            Self::Data { message, .. } => 8 + message.len(),
            Self::Ack(_) => 8,
            Self::Ping(_) | Self::Pong(_) | Self::Silence(_) | Self::Speak(_) => 4,
            Self::Beat => 0,
            Self::Bye(Bye { text, .. }) => 13 + bounded_text(text).len(),
            Self::Extension { payload, .. } => payload.len(),
        }
    }
}

/// What stands before a message on the wire: the header of its DATA frame and its
/// number. The message itself need not be copied: write both parts at once
/// (`writev(2)`).
///
/// # Errors
/// The message does not fit into `max_payload`, what its receiver has announced.
pub fn data_header(
    seq: u64,
    message: &Bytes,
    max_payload: u32,
) -> Result<[u8; HEADER + 8], FrameError> {
    let head = header(Kind::Data, 8 + message.len(), max_payload)?;
    let mut out = [0; HEADER + 8];
    out[..HEADER].copy_from_slice(&head);
    out[HEADER..].copy_from_slice(&seq.to_be_bytes());
    Ok(out)
}

fn header(kind: Kind, length: usize, limit: u32) -> Result<[u8; HEADER], FrameError> {
    let limit = limit.min(LARGEST);
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    if length > limit {
        return Err(FrameError::TooLarge {
            kind,
            length,
            limit,
        });
    }
    let [_, a, b, c] = length.to_be_bytes();
    Ok([kind.code(), a, b, c])
}

fn put_hello(hello: &Hello, out: &mut impl BufMut) {
    out.put_slice(&MAGIC);
    out.put_u8(hello.mode.code());
    out.put_u8(u8::from(hello.one_way));
    out.put_slice(&hello.nonce);
    out.put_u32(hello.client_beat_ms);
    out.put_u32(hello.server_beat_ms);
    out.put_u32(hello.max_payload);
    out.put_u32(hello.window);
    // Judged before: 1 to 128.
    out.put_u8(u8::try_from(hello.identity.len()).unwrap_or(u8::MAX));
    out.put_slice(&hello.identity);
}

fn put_proof(proof: &Proof, out: &mut impl BufMut) {
    if let Some(resume) = &proof.resume {
        out.put_slice(&resume.session);
        out.put_u64(resume.received);
        out.put_slice(&resume.mac);
    }
    if let Some(mac) = &proof.mac {
        out.put_slice(mac);
    }
}

fn put_welcome(welcome: &Welcome, out: &mut impl BufMut) {
    out.put_u8(u8::from(welcome.resumed) | u8::from(welcome.known) << 1);
    out.put_u64(welcome.epoch);
    out.put_slice(&welcome.session);
    out.put_slice(&welcome.secret);
    out.put_u32(welcome.resume_ms);
    out.put_u32(welcome.client_beat_ms);
    out.put_u32(welcome.server_beat_ms);
    out.put_u8(welcome.misses);
    out.put_u32(welcome.challenge_ms);
    out.put_u32(welcome.max_payload);
    out.put_u32(welcome.window);
    out.put_u64(welcome.received);
    if let Some(mac) = &welcome.mac {
        out.put_slice(mac);
    }
}
