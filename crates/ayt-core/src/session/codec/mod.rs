//! Frames as bytes: docs/protocol.md, "Frames".
//!
//! [`Frame::encode`](super::frame::Frame::encode) writes one; [`Decoder`] takes the
//! bytes of a connection as they come and gives frames. What is not `ayt/1` is a
//! [`FrameError`], which knows the [`Reason`](super::frame::Reason) to answer with.
//! Both judge the same bounds ([`bounds`]), so that what one writes the other takes.

#[cfg(test)]
pub(crate) mod any;
pub mod bounds;
mod decoder;
mod encode;
mod error;
mod kind;
mod payload;
mod points;
#[cfg(test)]
mod tests;

pub use decoder::Decoder;
pub use encode::data_header;
pub use error::FrameError;
pub use kind::Kind;
pub use points::bounded_text;

/// Type and length in front of each payload.
pub const HEADER: usize = 4;
