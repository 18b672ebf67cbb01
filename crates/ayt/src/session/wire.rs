//! Single frames over a stream, as a handshake reads and writes them.

use ayt_core::session::codec::{Decoder, FrameError};
use ayt_core::session::frame::Frame;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Why no frame came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// The stream is at its end.
    #[error("the peer closed the connection")]
    Eof,
    /// The transport failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// What came is no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// The next frame.
///
/// Cancel safe: what was read of a frame stays in the decoder.
pub(crate) async fn read_frame(
    io: &mut (impl AsyncRead + Unpin),
    decoder: &mut Decoder,
) -> Result<Frame, ReadError> {
    loop {
        if let Some(frame) = decoder.next_frame()? {
            return Ok(frame);
        }
        if io.read_buf(&mut decoder.room()).await? == 0 {
            return Err(ReadError::Eof);
        }
    }
}

/// Writes a frame, whole. Not cancel safe: a part of it may have been written.
pub(crate) async fn write_frame(
    io: &mut (impl AsyncWrite + Unpin),
    frame: &Frame,
) -> Result<(), ReadError> {
    let mut bytes = Vec::with_capacity(128);
    frame.encode(&mut bytes)?;
    io.write_all(&bytes).await?;
    io.flush().await?;
    Ok(())
}
