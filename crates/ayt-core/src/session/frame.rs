//! What goes over the wire, as values. How it is written in bytes is in
//! docs/protocol.md, "Frames".

use std::fmt;

use bytes::Bytes;

/// A random number that is used once, or the name or the secret of a session.
pub type Bits128 = [u8; 16];
/// An HMAC-SHA-256.
pub type Mac = [u8; 32];

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Who connects, and what it wishes.
    Hello(Hello),
    /// How it is to prove that.
    Challenge(Challenge),
    /// The proof.
    Proof(Proof),
    /// It is registered.
    Welcome(Welcome),
    /// It is not.
    Refuse(Refuse),
    /// A message.
    Data {
        /// Its number in its direction, from 1.
        seq: u64,
        /// The message.
        message: Bytes,
    },
    /// Every message up to this number has been handed over.
    Ack(u64),
    /// Are you there?
    Ping([u8; 4]),
    /// The answer, with the same four bytes.
    Pong([u8; 4]),
    /// A heartbeat that wants no answer.
    Beat,
    /// The sender's last frame.
    Bye(Bye),
    /// On a spare connection: be silent for so many milliseconds, then speak.
    Silence(u32),
    /// On a spare connection: the silence of so many milliseconds is over.
    Speak(u32),
    /// An extension that a receiver may skip (0x80 to 0xff).
    Extension {
        /// Its type.
        kind: u8,
        /// Its payload.
        payload: Bytes,
    },
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// A new session.
    Register,
    /// An old session on a new connection.
    Resume,
    /// A connection to try a NAT with.
    Spare,
}

/// The first frame of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// What the connection is for.
    pub mode: Mode,
    /// This client never answers PING.
    pub one_way: bool,
    /// Random, new for each connection.
    pub nonce: Bits128,
    /// The longest the client wishes to be silent, milliseconds; 0 = no promise.
    pub client_beat_ms: u32,
    /// The longest silence of the server it wishes, milliseconds; 0 = any.
    pub server_beat_ms: u32,
    /// The largest payload the client takes.
    pub max_payload: u32,
    /// Unacknowledged bytes the client takes.
    pub window: u32,
    /// 1 to 128 bytes.
    pub identity: Bytes,
}

/// How a client is to prove who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// Not at all.
    None,
    /// HMAC-SHA-256 with the identity's key.
    Hmac,
    /// Its TLS client certificate has said it.
    Certificate,
}

/// The server's answer to HELLO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Challenge {
    /// How to prove it.
    pub method: Method,
    /// Random, new for each connection.
    pub nonce: Bits128,
}

/// The client's answer to CHALLENGE. Which parts are there follows from the mode
/// and the method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// When it resumes.
    pub resume: Option<Resume>,
    /// When the method is [`Method::Hmac`].
    pub mac: Option<Mac>,
}

/// Which session is to be resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resume {
    /// Its name.
    pub session: Bits128,
    /// The highest number handed over at the client.
    pub received: u64,
    /// Proves that the client has its secret.
    pub mac: Mac,
}

/// The client is registered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Welcome {
    /// The old session goes on.
    pub resumed: bool,
    /// `received` tells of the session that could not be resumed.
    pub known: bool,
    /// Grows with each registration of the identity.
    pub epoch: u64,
    /// The session's name.
    pub session: Bits128,
    /// Proves a resume.
    pub secret: Bits128,
    /// How long the session is kept without a connection, milliseconds.
    pub resume_ms: u32,
    /// The longest silence of the client, milliseconds; 0 = any.
    pub client_beat_ms: u32,
    /// The longest silence of the server, milliseconds; 0 = any.
    pub server_beat_ms: u32,
    /// Silences in a row before suspicion.
    pub misses: u8,
    /// Time to answer a PING in suspicion, milliseconds.
    pub challenge_ms: u32,
    /// The largest payload the server takes.
    pub max_payload: u32,
    /// Unacknowledged bytes the server takes.
    pub window: u32,
    /// The highest number handed over at the server.
    pub received: u64,
    /// The server's proof, when the method is [`Method::Hmac`].
    pub mac: Option<Mac>,
}

/// Without the secret: a frame that is logged gives nobody a session.
impl fmt::Debug for Welcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Welcome")
            .field("resumed", &self.resumed)
            .field("known", &self.known)
            .field("epoch", &self.epoch)
            .field("session", &self.session)
            .field("resume_ms", &self.resume_ms)
            .field("client_beat_ms", &self.client_beat_ms)
            .field("server_beat_ms", &self.server_beat_ms)
            .field("misses", &self.misses)
            .field("challenge_ms", &self.challenge_ms)
            .field("max_payload", &self.max_payload)
            .field("window", &self.window)
            .field("received", &self.received)
            .field("mac", &self.mac)
            .finish_non_exhaustive()
    }
}

/// Why a side ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The session is over.
    Done,
    /// The server stops, or is restarted.
    ShuttingDown,
    /// A newer connection of the identity took over.
    Superseded,
    /// The other side was silent.
    HeartbeatMissed,
    /// The other side broke the protocol.
    ProtocolError,
    /// The proof is wrong.
    NotAuthorised,
    /// Another connection of the identity stays.
    IdentityInUse,
    /// The identity has been taken over too often.
    Flapping,
    /// Too much to do.
    Overloaded,
    /// It did not register in time.
    TooLate,
    /// This version is not spoken here.
    Version,
    /// The server's program wants it gone.
    Kicked,
}

/// When to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retry {
    /// No sooner than after so many milliseconds.
    After(u32),
    /// Not at all (`0xffffffff`).
    Never,
}

/// The server's refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refuse {
    /// Why.
    pub reason: Reason,
    /// When to come back.
    pub retry: Retry,
    /// For a person; at most 200 bytes.
    pub text: String,
}

/// A side's last frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bye {
    /// Why.
    pub reason: Reason,
    /// When to come back.
    pub retry: Retry,
    /// The number of the last message sent.
    pub last: u64,
    /// For a person; at most 200 bytes.
    pub text: String,
}
