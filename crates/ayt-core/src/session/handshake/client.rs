//! The client's half.

mod error;

use std::time::Duration;

use bytes::Bytes;
pub use error::ClientError;

use super::deadline;
use crate::session::codec::Kind;
use crate::session::codec::bounds::{
    LEAST_BEAT_MS_DEFAULT, MAX_PAYLOAD_DEFAULT, REGISTRATION_DEFAULT, WINDOW_DEFAULT,
};
use crate::session::frame::{
    Bits128, Challenge, Frame, Hello, Mac, Method, Mode, Proof, Refuse, Welcome,
};
use crate::session::proof::{Key, Secret, Transcript};

/// What a client says of itself in HELLO, and how long it waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSettings {
    /// Who it is, 1 to 128 bytes.
    pub identity: Bytes,
    /// It never answers PING.
    pub one_way: bool,
    /// The longest it wishes to be silent, milliseconds; 0 = no promise.
    pub client_beat_ms: u32,
    /// The longest silence of the server it wishes, milliseconds; 0 = any.
    pub server_beat_ms: u32,
    /// The largest payload it takes, 1,024 to 16,777,215.
    pub max_payload: u32,
    /// Unacknowledged bytes it takes, 4 KiB to 1 GiB.
    pub window: u32,
    /// From the connection's start to WELCOME, 100 ms to 60 s.
    pub deadline: Duration,
    /// The shortest beats it goes on with, milliseconds, in either direction; a wish
    /// of its own that is shorter holds instead. WELCOME may ask for a shorter beat
    /// than wished, and traffic may be billed, and power scarce.
    pub least_beat_ms: u32,
}

impl ClientSettings {
    /// The defaults of docs/protocol.md: beats of 30 s both ways and none below 1 s,
    /// 10 s to register.
    #[must_use]
    pub const fn new(identity: Bytes) -> Self {
        Self {
            identity,
            one_way: false,
            client_beat_ms: 30_000,
            server_beat_ms: 30_000,
            max_payload: MAX_PAYLOAD_DEFAULT,
            window: WINDOW_DEFAULT,
            deadline: REGISTRATION_DEFAULT,
            least_beat_ms: LEAST_BEAT_MS_DEFAULT,
        }
    }
}

/// How a client was set up to prove itself. It goes on with this method only.
#[derive(Debug, Clone)]
pub enum Credential {
    /// Nothing is proved, by neither side.
    None,
    /// Both sides prove that they have this key.
    Key(Key),
    /// TLS has done it: the server's certificate was checked, this client's was sent.
    Certificate,
}

impl Credential {
    /// The method that goes with it.
    #[must_use]
    pub const fn method(&self) -> Method {
        match self {
            Self::None => Method::None,
            Self::Key(_) => Method::Hmac,
            Self::Certificate => Method::Certificate,
        }
    }
}

/// What a client connects for.
#[derive(Debug, Clone)]
pub enum Purpose {
    /// A new session.
    Register,
    /// Its old session.
    Resume(Resumption),
    /// A connection to try a NAT with.
    Spare,
}

/// What a client knows of the session it resumes.
#[derive(Debug, Clone)]
pub struct Resumption {
    /// Its name.
    pub session: Bits128,
    /// The secret of the last WELCOME.
    pub secret: Secret,
    /// The highest number handed over here.
    pub received: u64,
    /// The number of the last message sent.
    pub sent: u64,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientStep {
    /// Send this; more will come.
    Send(Frame),
    /// Registered on these terms, by a server that has proved itself where that was
    /// agreed. Payloads up to the announced size are taken from now on.
    Registered(Welcome),
    /// Refused; nothing is to be sent. Nobody has proved to be the server.
    Refused(Refuse),
}

/// One registration, from HELLO to WELCOME.
///
/// # How to call it
///
/// 1. [`Self::start`] when the connection stands (over TLS: after its handshake), and
///    send the HELLO it gives.
/// 2. [`Self::on_frame`] for each frame that comes, in order. Two come, CHALLENGE and
///    WELCOME, or REFUSE in place of either; do what [`ClientStep`] says.
/// 3. [`Self::poll`] at [`Self::next_deadline`], which never moves. It counts from
///    `start`; where a TLS handshake came before, the caller bounds both together.
/// 4. After an error of any call send [`ClientError::bye`], if it gives one, and close. Bytes that are no
///    frame are told by the decoder: send BYE with
///    [`FrameError::reason`](crate::session::codec::FrameError::reason), and close. At
///    the end of the stream, or where it fails, close.
///
/// After [`ClientStep::Registered`], [`ClientStep::Refused`] or an error it is over, and
/// is dropped. Registered, the connection is a
/// [`Link`](crate::session::link::Link)'s, or a
/// [spare's](crate::session::spare::Client); bytes that the decoder holds already are the
/// first of it.
///
/// Times are offsets from one origin and never go backwards.
#[derive(Debug)]
pub struct Client {
    hello: Hello,
    credential: Credential,
    purpose: Purpose,
    deadline: Duration,
    least_beat_ms: u32,
    state: State,
}

#[derive(Debug)]
enum State {
    AwaitChallenge,
    AwaitWelcome {
        transcript: Transcript,
        mac: Option<Mac>,
    },
    Over,
}

impl Client {
    /// Begins on a connection that stands. The nonce is 128 bits from a random source,
    /// new for each connection. Gives HELLO.
    ///
    /// # Errors
    /// Settings out of range.
    pub fn start(
        settings: &ClientSettings,
        credential: Credential,
        purpose: Purpose,
        nonce: Bits128,
        now: Duration,
    ) -> Result<(Self, Frame), ClientError> {
        let deadline = deadline(now, settings.deadline)?;
        let hello = Hello {
            mode: match purpose {
                Purpose::Register => Mode::Register,
                Purpose::Resume(_) => Mode::Resume,
                Purpose::Spare => Mode::Spare,
            },
            one_way: settings.one_way,
            nonce,
            client_beat_ms: settings.client_beat_ms,
            server_beat_ms: settings.server_beat_ms,
            max_payload: settings.max_payload,
            window: settings.window,
            identity: settings.identity.clone(),
        };
        let frame = Frame::Hello(hello.clone());
        frame.check().map_err(ClientError::Settings)?;
        let client = Self {
            hello,
            credential,
            purpose,
            deadline,
            least_beat_ms: settings.least_beat_ms,
            state: State::AwaitChallenge,
        };
        Ok((client, frame))
    }

    /// When to [`Self::poll`]; `None` when it is over. It never moves.
    #[must_use]
    pub const fn next_deadline(&self) -> Option<Duration> {
        match self.state {
            State::Over => None,
            _ => Some(self.deadline),
        }
    }

    /// Looks at the time.
    ///
    /// # Errors
    /// [`ClientError::TooLate`] from the deadline on, once.
    pub fn poll(&mut self, now: Duration) -> Result<(), ClientError> {
        if now < self.deadline || matches!(self.state, State::Over) {
            return Ok(());
        }
        self.state = State::Over;
        Err(ClientError::TooLate)
    }

    /// Takes a frame of the server's.
    ///
    /// # Errors
    /// This server, or whoever speaks for it, is not to be gone on with.
    pub fn on_frame(&mut self, frame: &Frame, now: Duration) -> Result<ClientStep, ClientError> {
        self.poll(now)?;
        // Whatever goes wrong below, it is over.
        match (std::mem::replace(&mut self.state, State::Over), frame) {
            (State::Over, _) => Err(ClientError::Over),
            (_, Frame::Refuse(refuse)) => Ok(ClientStep::Refused(refuse.clone())),
            (State::AwaitChallenge, Frame::Challenge(challenge)) => self.on_challenge(challenge),
            (State::AwaitChallenge, other) => Err(ClientError::Unexpected {
                kind: other.kind(),
                awaited: Kind::Challenge,
            }),
            (State::AwaitWelcome { transcript, mac }, Frame::Welcome(welcome)) => {
                self.prove_server(&transcript, mac.as_ref(), welcome)?;
                self.judge(welcome)?;
                self.judge_beats(welcome)?;
                Ok(ClientStep::Registered(*welcome))
            }
            (State::AwaitWelcome { .. }, other) => Err(ClientError::Unexpected {
                kind: other.kind(),
                awaited: Kind::Welcome,
            }),
        }
    }

    fn on_challenge(&mut self, challenge: &Challenge) -> Result<ClientStep, ClientError> {
        let agreed = self.credential.method();
        if challenge.method != agreed {
            return Err(ClientError::Method {
                offered: challenge.method,
                agreed,
            });
        }
        let mut transcript =
            Transcript::new(&self.hello, challenge).map_err(ClientError::Settings)?;
        let resume = match &self.purpose {
            Purpose::Resume(old) => Some(transcript.resume(old.session, old.received, &old.secret)),
            Purpose::Register | Purpose::Spare => None,
        };
        let mac = match &self.credential {
            Credential::Key(key) => Some(transcript.client_mac(key)),
            Credential::None | Credential::Certificate => None,
        };
        self.state = State::AwaitWelcome { transcript, mac };
        Ok(ClientStep::Send(Frame::Proof(Proof { resume, mac })))
    }

    /// The server's mac, before anything in WELCOME is believed.
    fn prove_server(
        &self,
        transcript: &Transcript,
        mac: Option<&Mac>,
        welcome: &Welcome,
    ) -> Result<(), ClientError> {
        match (&self.credential, mac) {
            (Credential::Key(key), Some(mac)) => {
                if transcript.server_proved(key, mac, welcome) {
                    Ok(())
                } else {
                    Err(ClientError::ServerMac)
                }
            }
            (Credential::Key(_), None) => Err(ClientError::ServerMac),
            (Credential::None | Credential::Certificate, _) if welcome.mac.is_some() => {
                Err(ClientError::MacUnasked)
            }
            (Credential::None | Credential::Certificate, _) => Ok(()),
        }
    }

    /// Does WELCOME answer what was asked? Its ranges were judged when it was read.
    fn judge(&self, welcome: &Welcome) -> Result<(), ClientError> {
        match &self.purpose {
            Purpose::Resume(old) => {
                if welcome.resumed && welcome.session != old.session {
                    return Err(ClientError::OtherSession);
                }
                // Of a session that is over the number is news, not a state to go on with.
                if welcome.resumed && welcome.received > old.sent {
                    return Err(ClientError::NeverSent {
                        received: welcome.received,
                        sent: old.sent,
                    });
                }
                Ok(())
            }
            Purpose::Register | Purpose::Spare if welcome.resumed || welcome.known => {
                Err(ClientError::NotAsked)
            }
            Purpose::Spare if is_of_a_session(welcome) => Err(ClientError::SpareTerms),
            Purpose::Register | Purpose::Spare => Ok(()),
        }
    }

    /// The server decides the beats; more of them than this client can pay for it need
    /// not take.
    fn judge_beats(&self, welcome: &Welcome) -> Result<(), ClientError> {
        for (wish, asked) in [
            (self.hello.client_beat_ms, welcome.client_beat_ms),
            (self.hello.server_beat_ms, welcome.server_beat_ms),
        ] {
            let least = match wish {
                0 => self.least_beat_ms,
                wish => wish.min(self.least_beat_ms),
            };
            if asked > 0 && asked < least {
                return Err(ClientError::BeatTooShort { asked, least });
            }
        }
        Ok(())
    }
}

/// Has it anything that a spare connection does not have?
fn is_of_a_session(welcome: &Welcome) -> bool {
    let none = Bits128::default();
    welcome.epoch != 0
        || welcome.session != none
        || welcome.secret != none
        || welcome.resume_ms != 0
        || welcome.client_beat_ms != 0
        || welcome.server_beat_ms != 0
        || welcome.received != 0
}
