//! What a peer may do wrong once it is registered. Each of these ends the
//! connection with BYE `protocol_error`; the session stays resumable.

/// The peer broke the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Violation {
    /// A message is missing in a stream in which nothing is overtaken.
    #[error("DATA {came} came where {expected} was expected")]
    Gap {
        /// The number that comes next.
        expected: u64,
        /// The number that came.
        came: u64,
    },
    /// An acknowledgement of what was never sent.
    #[error("ACK {acknowledged} came, and {sent} is the last message sent")]
    AckOfUnsent {
        /// What the peer says it has.
        acknowledged: u64,
        /// The last message sent to it.
        sent: u64,
    },
    /// More unacknowledged bytes than this side takes.
    #[error("DATA {seq} makes {held} bytes unacknowledged, and the window is {window}")]
    WindowExceeded {
        /// The message with which it did.
        seq: u64,
        /// Bytes of cost unacknowledged with it.
        held: u64,
        /// The window announced.
        window: u32,
    },
    /// A message longer than this side takes.
    #[error("DATA {seq} has {len} bytes, and at most {max} are taken")]
    TooLong {
        /// Its number.
        seq: u64,
        /// Its length.
        len: usize,
        /// The longest message taken.
        max: usize,
    },
    /// The end does not fit what was sent.
    #[error("BYE names {last} as the last message, and {received} came")]
    WrongLast {
        /// The number in BYE.
        last: u64,
        /// The number received.
        received: u64,
    },
    /// A frame at a time at which it has no place.
    #[error("{0} has no place here")]
    OutOfPlace(&'static str),
    /// Bytes that are no frame: what the codec says of them.
    #[error("{0}")]
    Malformed(&'static str),
}
