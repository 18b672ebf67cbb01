//! One registration: moves frames and asks whoever knows, until it is decided.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ayt_core::session::codec::Decoder;
use ayt_core::session::frame::{Bits128, Frame, Hello, Mode, Reason, Refuse, Retry};
use ayt_core::session::handshake::{Server as Handshake, ServerStep};
use ayt_core::session::registry::Conn;
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

use super::auth::Authentication;
use super::connection::{Admitted, refusal};
use super::decide;
use super::log;
use super::shared::{Shared, random};
use super::spare::Spare;
use crate::session::wire::{ReadError, read_frame, write_frame};

/// What came of a registration.
pub(super) enum Outcome {
    Session(Box<Admitted>),
    Spare(Box<Spare>),
    Refused(Refuse),
    /// The client has left, or its connection failed.
    Gone,
}

/// One registration.
pub(super) struct Registration<'s> {
    pub(super) shared: &'s Arc<Shared>,
    pub(super) peer: SocketAddr,
    pub(super) conn: Conn,
    certificate: Option<&'s [u8]>,
    /// When it is too late.
    deadline: Instant,
}

/// Why it does not go on as it should.
pub(super) enum Stopped {
    /// The deadline has come.
    Late,
    /// The server is closing.
    Closing(Retry),
}

impl<'s> Registration<'s> {
    pub(super) fn new(
        shared: &'s Arc<Shared>,
        peer: SocketAddr,
        certificate: Option<&'s [u8]>,
        deadline: Instant,
    ) -> Self {
        Self {
            shared,
            peer,
            conn: shared.next_conn(),
            certificate,
            deadline,
        }
    }

    /// Until it is decided; takes no longer than the deadline.
    pub(super) async fn run<S>(&self, io: &mut S, decoder: &mut Decoder) -> Outcome
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let begun = self.begin();
        let mut handshake = match begun {
            Ok(handshake) => handshake,
            Err(refuse) => return Outcome::Refused(refuse),
        };
        loop {
            let step = match self.within(read_frame(io, decoder)).await {
                Ok(frame) => match self.came(&mut handshake, frame) {
                    Some(step) => step,
                    None => return Outcome::Gone,
                },
                Err(stopped) => return self.stop(&mut handshake, &stopped),
            };
            if let Some(outcome) = self.step(&mut handshake, step, io, decoder).await {
                return outcome;
            }
        }
    }

    fn begin(&self) -> Result<Handshake, Refuse> {
        let begun = random()
            .map_err(|error| error.to_string())
            .and_then(|nonce| {
                let method = self.shared.authentication.method();
                let within = self.shared.limits.registration;
                Handshake::accept(method, nonce, within, self.shared.clock.now())
                    .map_err(|error| error.to_string())
            });
        begun.map_err(|error| self.unable("a registration cannot begin", &error))
    }

    /// This server cannot go on, and it is not the client's fault.
    pub(super) fn unable(&self, what: &str, error: &dyn std::fmt::Display) -> Refuse {
        log::unable(self.peer, what, error);
        let retry = self.shared.spread(Duration::from_secs(1));
        refusal(Reason::Overloaded, retry, "the server cannot decide now")
    }

    /// Waits for something, at most until the deadline or the end of the server.
    pub(super) async fn within<T>(&self, something: impl Future<Output = T>) -> Result<T, Stopped> {
        tokio::select! {
            biased;
            () = self.shared.closes() => {
                let retry = self.shared.closing().unwrap_or(Retry::After(0));
                Err(Stopped::Closing(retry))
            }
            done = timeout_at(self.deadline, something) => done.map_err(|_| Stopped::Late),
        }
    }

    pub(super) fn stop(&self, handshake: &mut Handshake, stopped: &Stopped) -> Outcome {
        let refuse = match stopped {
            Stopped::Closing(retry) => {
                let text = "the server is shutting down";
                handshake.refuse(Reason::ShuttingDown, *retry, text)
            }
            Stopped::Late => {
                // The timer may be a little ahead of the clock, never behind.
                let late = self
                    .shared
                    .clock
                    .now()
                    .max(handshake.next_deadline().unwrap_or_default());
                handshake.poll(late)
            }
        };
        refuse.map_or(Outcome::Gone, Outcome::Refused)
    }

    /// What a frame, or what is none, means; `None` where the client has left.
    pub(super) fn came(
        &self,
        handshake: &mut Handshake,
        frame: Result<Frame, ReadError>,
    ) -> Option<ServerStep> {
        match frame {
            Ok(frame) => handshake.on_frame(&frame, self.shared.clock.now()).ok(),
            Err(ReadError::Frame(error)) => {
                Some(ServerStep::Refused(handshake.on_malformed(&error)))
            }
            Err(ReadError::Eof | ReadError::Io(_)) => None,
        }
    }

    /// Does what the handshake asks; `None` where it waits for the next frame.
    async fn step<S>(
        &self,
        handshake: &mut Handshake,
        step: ServerStep,
        io: &mut S,
        decoder: &mut Decoder,
    ) -> Option<Outcome>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let mut step = step;
        loop {
            let now = self.shared.clock.now();
            step = match step {
                ServerStep::Challenge(challenge) => {
                    let frame = Frame::Challenge(challenge);
                    return match self.within(write_frame(io, &frame)).await {
                        Ok(Ok(())) => None,
                        Ok(Err(_)) => Some(Outcome::Gone),
                        Err(stopped) => Some(self.stop(handshake, &stopped)),
                    };
                }
                ServerStep::FindKey => match self.find_key(handshake).await {
                    Ok(step) => step,
                    Err(outcome) => return Some(outcome),
                },
                ServerStep::CheckCertificate => {
                    let names = self.certificate_names(handshake.hello());
                    match handshake.certificate(names, now) {
                        Ok(step) => step,
                        Err(_) => return Some(Outcome::Gone),
                    }
                }
                ServerStep::FindSession(name) => {
                    return Some(self.decide(handshake, Some(name), None, io, decoder).await);
                }
                ServerStep::Decide(request) => {
                    let request = Some(request);
                    return Some(self.decide(handshake, None, request, io, decoder).await);
                }
                ServerStep::Refused(refuse) => return Some(Outcome::Refused(refuse)),
                ServerStep::Gone(_) | ServerStep::Registered(_) => return Some(Outcome::Gone),
            };
        }
    }

    async fn decide<S>(
        &self,
        handshake: &mut Handshake,
        resumes: Option<Bits128>,
        request: Option<ayt_core::session::handshake::Request>,
        io: &mut S,
        decoder: &mut Decoder,
    ) -> Outcome
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let Some(hello) = handshake.hello().cloned() else {
            return Outcome::Gone;
        };
        if hello.mode == Mode::Spare {
            return self.spare(handshake, &hello);
        }
        let mut deciding = decide::Deciding::new(self, handshake, hello, resumes);
        if let Some(request) = request {
            deciding.asks(request.resume);
        }
        deciding.run(io, decoder).await
    }

    fn spare(&self, handshake: &mut Handshake, hello: &Hello) -> Outcome {
        use ayt_core::session::handshake::{Admission, negotiate};
        let terms = negotiate(&self.shared.terms, hello);
        let now = self.shared.clock.now();
        match handshake.admit(&Admission::Spare, &terms, now) {
            Ok(ServerStep::Registered(welcome)) => {
                let identity = hello.identity.clone();
                let spare = Spare::enter(self.shared, identity, self.conn, welcome);
                Outcome::Spare(Box::new(spare))
            }
            Ok(ServerStep::Refused(refuse)) => Outcome::Refused(refuse),
            _ => Outcome::Gone,
        }
    }

    async fn find_key(&self, handshake: &mut Handshake) -> Result<ServerStep, Outcome> {
        let identity: Bytes = handshake
            .hello()
            .map(|hello| hello.identity.clone())
            .unwrap_or_default();
        let Authentication::Keys(keys) = &self.shared.authentication else {
            return Err(Outcome::Gone);
        };
        let key = match self.within(keys.key(&identity)).await {
            Ok(Ok(key)) => key,
            Ok(Err(error)) => {
                let refuse = self.unable("a key cannot be looked up", &error);
                return Err(Outcome::Refused(refuse));
            }
            Err(stopped) => return Err(self.stop(handshake, &stopped)),
        };
        handshake
            .key(key, self.shared.clock.now())
            .map_err(|_| Outcome::Gone)
    }

    fn certificate_names(&self, hello: Option<&Hello>) -> bool {
        match (&self.shared.authentication, self.certificate, hello) {
            (Authentication::Certificates(names), Some(certificate), Some(hello)) => {
                names(certificate, &hello.identity)
            }
            (Authentication::Certificates(_), None, _) => {
                log::no_certificate(self.peer);
                false
            }
            _ => false,
        }
    }
}
