mod malformed;
mod pieces;
mod values;

use bytes::BytesMut;

use super::{Decoder, FrameError};
use crate::session::frame::Frame;

/// The bytes of a frame that may be sent.
fn encoded(frame: &Frame) -> BytesMut {
    let mut out = BytesMut::new();
    frame.encode(&mut out).unwrap();
    assert_eq!(out.len(), 4 + frame.payload_len());
    out
}

/// Every frame in `bytes`, given in pieces of the sizes in turn, and the error that
/// ended it.
fn decoded(bytes: &[u8], limit: u32, pieces: &[usize]) -> (Vec<Frame>, Option<FrameError>) {
    let mut decoder = Decoder::new();
    decoder.set_limit(limit);
    let mut frames = Vec::new();
    let mut rest = bytes;
    let mut sizes = pieces.iter().copied().cycle();
    while !rest.is_empty() {
        let size = sizes.next().unwrap_or(usize::MAX).clamp(1, rest.len());
        let (mut piece, after) = rest.split_at(size);
        rest = after;
        while !piece.is_empty() {
            let taken = decoder.feed(piece);
            piece = &piece[taken..];
            loop {
                match decoder.next_frame() {
                    Ok(Some(frame)) => frames.push(frame),
                    Ok(None) => break,
                    Err(error) => return (frames, Some(error)),
                }
            }
        }
    }
    let error = decoder.finish().err();
    (frames, error)
}

/// The one frame in `bytes`, or what is wrong with it.
fn one(bytes: &[u8]) -> Result<Frame, FrameError> {
    match decoded(bytes, 65_544, &[]) {
        (_, Some(error)) => Err(error),
        (frames, None) => {
            assert_eq!(frames.len(), 1, "{bytes:02x?}");
            Ok(frames[0].clone())
        }
    }
}
