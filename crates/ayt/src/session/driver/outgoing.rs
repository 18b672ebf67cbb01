//! Bytes on their way out.

use std::collections::VecDeque;
use std::io::IoSlice;

use ayt_core::session::codec::{FrameError, data_header};
use ayt_core::session::frame::Frame;
use bytes::{Buf as _, Bytes, BytesMut};

/// So many bytes are gathered before they are written.
const ENOUGH: usize = 128 * 1024;
/// A message shorter than this is copied: cheaper than a slice of its own.
const SHORT: usize = 2 * 1024;
/// Slices given to one write; Linux takes 1,024 (`UIO_MAXIOV`).
pub(super) const SLICES: usize = 32;

/// What was encoded and not written yet.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    parts: VecDeque<Bytes>,
    /// Short things, gathered; goes behind `parts`.
    small: BytesMut,
    bytes: usize,
}

impl Outgoing {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// No more needs to be gathered for now.
    pub(super) fn is_enough(&self) -> bool {
        self.bytes >= ENOUGH
    }

    /// Adds a frame. `max_payload` is what the peer takes.
    pub(super) fn push(&mut self, frame: Frame, max_payload: u32) -> Result<(), FrameError> {
        let before = self.small.len();
        match frame {
            Frame::Data { seq, message } => {
                let head = data_header(seq, &message, max_payload)?;
                self.small.extend_from_slice(&head);
                self.bytes += head.len() + message.len();
                if message.len() < SHORT {
                    self.small.extend_from_slice(&message);
                } else {
                    self.seal();
                    self.parts.push_back(message);
                }
            }
            other => {
                other.encode(&mut self.small)?;
                self.bytes += self.small.len() - before;
            }
        }
        Ok(())
    }

    fn seal(&mut self) {
        if !self.small.is_empty() {
            self.parts.push_back(self.small.split().freeze());
        }
    }

    /// What to write next. Call [`Self::written`] with what was.
    pub(super) fn slices<'a>(&'a mut self, slices: &mut [IoSlice<'a>; SLICES]) -> usize {
        self.seal();
        let mut used = 0;
        for (slice, part) in slices.iter_mut().zip(&self.parts) {
            *slice = IoSlice::new(part);
            used += 1;
        }
        used
    }

    /// So many bytes have been written.
    pub(super) fn written(&mut self, mut written: usize) {
        self.bytes = self.bytes.saturating_sub(written);
        while written > 0
            && let Some(front) = self.parts.front_mut()
        {
            let step = written.min(front.len());
            front.advance(step);
            written -= step;
            if front.is_empty() {
                self.parts.pop_front();
            }
        }
        if self.bytes == 0 {
            // An idle connection keeps no buffer.
            *self = Self::default();
        }
    }
}
