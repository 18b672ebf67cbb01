//! Bytes to frames, in whatever pieces they come.

use bytes::buf::Limit;
use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::bounds::{BEFORE_WELCOME, LARGEST};
use super::{FrameError, HEADER, Kind, payload};
use crate::session::frame::Frame;

/// What is read at once, bytes, where frames may be that large.
const CHUNK: usize = 16 * 1024;

/// Takes the bytes of one direction of a connection and gives its frames.
///
/// 1. Put bytes in: [`Self::feed`] copies them from a slice, [`Self::room`] lends the
///    buffer to a read. Both take only what there is room for: one frame, or 16 KiB
///    where that is more and the limit allows it.
/// 2. Call [`Self::next_frame`] until it gives `None`. Then there is room again.
/// 3. After WELCOME call [`Self::set_limit`], before the next 2.
/// 4. When the connection has nothing to read, [`Self::release`] gives back the
///    buffer: an idle connection costs none.
///
/// A length is judged as soon as its four bytes are there, before anything is
/// allocated for the payload, and a type as soon as its byte is. The frames that
/// come out do not depend on the pieces that went in.
///
/// A message or an extension that fills at least half of the buffer leaves it
/// without being copied. A smaller one is copied out: otherwise a message of a few
/// bytes would hold on to the whole buffer, and a window full of those to many times
/// the window.
#[derive(Debug)]
pub struct Decoder {
    buffer: BytesMut,
    /// Bytes of the allocation that `buffer` is a part of.
    allocated: usize,
    limit: u32,
    /// The judged header of the frame at the front.
    judged: Option<(Kind, usize)>,
    broken: Option<FrameError>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder for a new connection: at most 1,024 bytes of payload.
    #[must_use]
    pub fn new() -> Self {
        Self {
            buffer: BytesMut::new(),
            allocated: 0,
            limit: BEFORE_WELCOME,
            judged: None,
            broken: None,
        }
    }

    /// The largest payload taken, bytes.
    #[must_use]
    pub const fn limit(&self) -> u32 {
        self.limit
    }

    /// From the next frame on, payloads of up to `limit` bytes are taken: what this
    /// side has announced as `max payload`.
    pub fn set_limit(&mut self, limit: u32) {
        self.limit = limit.min(LARGEST);
    }

    /// Bytes in the buffer: parts of frames, and frames not asked for yet.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// Bytes of memory held for the buffer.
    #[must_use]
    pub const fn allocated(&self) -> usize {
        self.allocated
    }

    /// Takes bytes from the front of `bytes`, and says how many. 0 only when frames
    /// are waiting to be asked for, after an error, or when `bytes` is empty.
    pub fn feed(&mut self, bytes: &[u8]) -> usize {
        let taken = self.make_room().min(bytes.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        taken
    }

    /// Room at the end of the buffer to read into. It is empty only when
    /// [`Self::next_frame`] has not given `None` since the last bytes: a read of
    /// nothing would look like the end of the stream.
    pub fn room(&mut self) -> Limit<&mut BytesMut> {
        let room = self.make_room();
        (&mut self.buffer).limit(room)
    }

    /// The next whole frame; `None` when more bytes are needed.
    ///
    /// # Errors
    /// The bytes are no `ayt/1`. Every later call says the same: there is no way to
    /// find the next frame in a stream that is broken.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        self.take_frame().inspect_err(|error| {
            self.broken = Some(*error);
            self.drop_buffer();
        })
    }

    /// The stream has ended.
    ///
    /// # Errors
    /// It did so within a frame.
    pub fn finish(&self) -> Result<(), FrameError> {
        match (self.broken, self.buffer.len()) {
            (Some(error), _) => Err(error),
            (None, 0) => Ok(()),
            (None, have) => Err(FrameError::Truncated { have }),
        }
    }

    /// Gives back the buffer when nothing is in it.
    pub fn release(&mut self) {
        if self.buffer.is_empty() {
            self.drop_buffer();
        }
    }

    fn drop_buffer(&mut self) {
        self.buffer = BytesMut::new();
        self.allocated = 0;
    }

    /// Makes room for the frame that is coming; says for how many bytes.
    fn make_room(&mut self) -> usize {
        if self.broken.is_some() {
            return 0;
        }
        let chunk = CHUNK.min(HEADER + self.limit as usize);
        let frame = self.judged.map_or(0, |(_, length)| HEADER + length);
        let want = chunk.max(frame);
        let more = want.saturating_sub(self.buffer.len());
        if more > 0 && !self.buffer.try_reclaim(more) {
            // Not `reserve`, which may double what it has.
            let mut larger = BytesMut::with_capacity(want);
            larger.extend_from_slice(&self.buffer);
            self.buffer = larger;
            self.allocated = want;
        }
        more
    }

    fn take_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        let Some((kind, length)) = self.header()? else {
            return Ok(None);
        };
        if self.buffer.len() < HEADER + length {
            return Ok(None);
        }
        self.judged = None;
        self.buffer.advance(HEADER);
        let frame = match kind {
            Kind::Data => {
                let seq = self.buffer.get_u64();
                let message = self.take(length - 8);
                Frame::Data { seq, message }
            }
            Kind::Extension(code) => Frame::Extension {
                kind: code,
                payload: self.take(length),
            },
            _ => {
                let parsed = payload::parse(kind, &self.buffer[..length])?;
                self.buffer.advance(length);
                // Every type but the two above is read.
                parsed.ok_or(FrameError::UnknownType(kind.code()))?
            }
        };
        Ok(Some(frame))
    }

    /// Judges the header at the front as soon as enough of it is there.
    fn header(&mut self) -> Result<Option<(Kind, usize)>, FrameError> {
        if self.judged.is_some() {
            return Ok(self.judged);
        }
        let Some(&code) = self.buffer.first() else {
            return Ok(None);
        };
        let kind = Kind::from_code(code).ok_or(FrameError::UnknownType(code))?;
        let Some(&[_, a, b, c]) = self.buffer.first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes([0, a, b, c]);
        if length > self.limit {
            return Err(FrameError::TooLarge {
                kind,
                length,
                limit: self.limit,
            });
        }
        if !kind.fits(length) {
            return Err(FrameError::Length { kind, length });
        }
        self.judged = Some((kind, length as usize));
        Ok(self.judged)
    }

    /// Takes bytes out of the buffer, without copying where that holds no more than
    /// twice of them.
    fn take(&mut self, length: usize) -> Bytes {
        if length == 0 || length * 2 < self.allocated {
            let copy = Bytes::copy_from_slice(&self.buffer[..length]);
            self.buffer.advance(length);
            return copy;
        }
        let shared = self.buffer.split_to(length).freeze();
        // An empty rest would hold on to memory that is the message's now.
        self.release();
        shared
    }
}

#[cfg(test)]
impl Decoder {
    /// Where the buffer starts in memory.
    pub(super) fn buffer_start(&self) -> usize {
        self.buffer.as_ptr() as usize
    }
}
