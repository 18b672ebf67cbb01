//! Payloads to frames, and the values a frame may have.

use std::ops::RangeInclusive;

use bytes::Bytes;

use super::bounds::{
    BEAT_MS, CHALLENGE_MS, IDENTITY, MAX_PAYLOAD, MISSES, RESUME_MS, SILENCE_MS, WINDOW,
};
use super::encode::MAGIC;
use super::{FrameError, Kind};
use crate::session::frame::{
    Bye, Challenge, Frame, Hello, Method, Mode, Proof, Reason, Refuse, Resume, Retry, Welcome,
};

/// Reads a payload from its front. Its type's lengths were judged by the caller
/// ([`Kind::fits`]); what is missing all the same is an error of length.
struct Reader<'a> {
    kind: Kind,
    all: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn length_error(&self) -> FrameError {
        FrameError::Length {
            kind: self.kind,
            length: u32::try_from(self.all.len()).unwrap_or(u32::MAX),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], FrameError> {
        let (front, rest) = self
            .rest
            .split_first_chunk()
            .ok_or_else(|| self.length_error())?;
        self.rest = rest;
        Ok(*front)
    }

    fn u8(&mut self) -> Result<u8, FrameError> {
        self.array().map(|[byte]: [u8; 1]| byte)
    }

    fn u32(&mut self) -> Result<u32, FrameError> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, FrameError> {
        self.array().map(u64::from_be_bytes)
    }

    /// Flags of which only those in `known` may be set.
    fn flags(&mut self, known: u8) -> Result<u8, FrameError> {
        let flags = self.u8()?;
        match flags & !known {
            0 => Ok(flags),
            bits => Err(FrameError::Reserved {
                kind: self.kind,
                bits,
            }),
        }
    }

    /// A number with a meaning, of which `most` is the last.
    fn code<T>(
        &mut self,
        field: &'static str,
        most: u8,
        meaning: impl Fn(u8) -> Option<T>,
    ) -> Result<T, FrameError> {
        let code = self.u8()?;
        meaning(code).ok_or(FrameError::Value {
            kind: self.kind,
            field,
            value: code.into(),
            least: 0,
            most: most.into(),
        })
    }

    fn text(self) -> Result<String, FrameError> {
        match str::from_utf8(self.rest) {
            Ok(text) => Ok(text.to_owned()),
            Err(error) => Err(FrameError::Text {
                kind: self.kind,
                at: u32::try_from(error.valid_up_to()).unwrap_or(u32::MAX),
            }),
        }
    }

    fn end(self) -> Result<(), FrameError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.length_error())
        }
    }
}

/// Reads the payload of any frame but DATA and extensions, whose payload is kept
/// rather than read. `None` for those.
pub(super) fn parse(kind: Kind, payload: &[u8]) -> Result<Option<Frame>, FrameError> {
    let mut reader = Reader {
        kind,
        all: payload,
        rest: payload,
    };
    let r = &mut reader;
    let frame = match kind {
        Kind::Hello => Frame::Hello(hello(r)?),
        Kind::Challenge => Frame::Challenge(Challenge {
            method: r.code("method", 2, Method::from_code)?,
            nonce: r.array()?,
        }),
        Kind::Proof => Frame::Proof(proof(r)?),
        Kind::Welcome => Frame::Welcome(welcome(r)?),
        Kind::Refuse => {
            return Ok(Some(Frame::Refuse(Refuse {
                reason: Reason::from_code(r.u8()?),
                retry: Retry::from_code(r.u32()?),
                text: reader.text()?,
            })));
        }
        Kind::Bye => {
            return Ok(Some(Frame::Bye(Bye {
                reason: Reason::from_code(r.u8()?),
                retry: Retry::from_code(r.u32()?),
                last: r.u64()?,
                text: reader.text()?,
            })));
        }
        Kind::Ack => Frame::Ack(r.u64()?),
        Kind::Ping => Frame::Ping(r.array()?),
        Kind::Pong => Frame::Pong(r.array()?),
        Kind::Beat => Frame::Beat,
        Kind::Silence => Frame::Silence(r.u32()?),
        Kind::Speak => Frame::Speak(r.u32()?),
        Kind::Data | Kind::Extension(_) => return Ok(None),
    };
    reader.end()?;
    check(&frame)?;
    Ok(Some(frame))
}

fn hello(r: &mut Reader<'_>) -> Result<Hello, FrameError> {
    let magic = r.array()?;
    if magic != MAGIC {
        return Err(FrameError::Version(magic));
    }
    let hello = Hello {
        mode: r.code("mode", 2, Mode::from_code)?,
        one_way: r.flags(1)? == 1,
        nonce: r.array()?,
        client_beat_ms: r.u32()?,
        server_beat_ms: r.u32()?,
        max_payload: r.u32()?,
        window: r.u32()?,
        identity: Bytes::new(),
    };
    let length = usize::from(r.u8()?);
    // Judged before it is copied.
    identity_length(length)?;
    let identity = r.rest.get(..length).ok_or_else(|| r.length_error())?;
    r.rest = r.rest.get(length..).unwrap_or_default();
    Ok(Hello {
        identity: Bytes::copy_from_slice(identity),
        ..hello
    })
}

/// Which parts are there follows from the length alone: 0, 32, 56 or 88.
fn proof(r: &mut Reader<'_>) -> Result<Proof, FrameError> {
    let resume = if r.rest.len() >= 56 {
        Some(Resume {
            session: r.array()?,
            received: r.u64()?,
            mac: r.array()?,
        })
    } else {
        None
    };
    let mac = if r.rest.is_empty() {
        None
    } else {
        Some(r.array()?)
    };
    Ok(Proof { resume, mac })
}

fn welcome(r: &mut Reader<'_>) -> Result<Welcome, FrameError> {
    let flags = r.flags(0b11)?;
    Ok(Welcome {
        resumed: flags & 1 != 0,
        known: flags & 2 != 0,
        epoch: r.u64()?,
        session: r.array()?,
        secret: r.array()?,
        resume_ms: r.u32()?,
        client_beat_ms: r.u32()?,
        server_beat_ms: r.u32()?,
        misses: r.u8()?,
        challenge_ms: r.u32()?,
        max_payload: r.u32()?,
        window: r.u32()?,
        received: r.u64()?,
        mac: if r.rest.is_empty() {
            None
        } else {
            Some(r.array()?)
        },
    })
}

/// May a frame have these values? Asked of what is read and of what is written.
pub(super) fn check(frame: &Frame) -> Result<(), FrameError> {
    match frame {
        Frame::Hello(hello) => {
            identity_length(hello.identity.len())?;
            let within = range(Kind::Hello);
            within("max payload", hello.max_payload, MAX_PAYLOAD)?;
            within("window", hello.window, WINDOW)
        }
        Frame::Welcome(welcome) => check_welcome(welcome),
        Frame::Silence(ms) | Frame::Speak(ms) => range(frame.kind())("silence", *ms, SILENCE_MS),
        Frame::Extension { kind, .. } if *kind < 0x80 => Err(FrameError::UnknownType(*kind)),
        _ => Ok(()),
    }
}

fn check_welcome(welcome: &Welcome) -> Result<(), FrameError> {
    let kind = Kind::Welcome;
    let contradiction = |what| Err(FrameError::Contradiction { kind, what });
    if welcome.resumed && welcome.known {
        return contradiction("resumed, and the old session known, but not resumed");
    }
    if welcome.received != 0 && !welcome.resumed && !welcome.known {
        return contradiction("messages received of no session");
    }
    let within = range(kind);
    let beat = |field, ms: u32| match ms {
        0 => Ok(()),
        _ => within(field, ms, BEAT_MS),
    };
    beat("client beat", welcome.client_beat_ms)?;
    beat("server beat", welcome.server_beat_ms)?;
    within("resume", welcome.resume_ms, RESUME_MS)?;
    let misses = u32::from(*MISSES.start())..=u32::from(*MISSES.end());
    within("misses", welcome.misses.into(), misses)?;
    within("challenge", welcome.challenge_ms, CHALLENGE_MS)?;
    within("max payload", welcome.max_payload, MAX_PAYLOAD)?;
    within("window", welcome.window, WINDOW)
}

fn identity_length(length: usize) -> Result<(), FrameError> {
    let as_u32 = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    let range_of = as_u32(*IDENTITY.start())..=as_u32(*IDENTITY.end());
    range(Kind::Hello)("length of the identity", as_u32(length), range_of)
}

/// Judges the fields of one type.
fn range(
    kind: Kind,
) -> impl Fn(&'static str, u32, RangeInclusive<u32>) -> Result<(), FrameError> + Copy {
    move |field, value, range| {
        if range.contains(&value) {
            return Ok(());
        }
        Err(FrameError::Value {
            kind,
            field,
            value,
            least: *range.start(),
            most: *range.end(),
        })
    }
}
