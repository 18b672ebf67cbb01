//! The server's half.

mod step;
mod welcome;

use std::time::Duration;

pub use step::{Admission, Misuse, Request, ResumeRequest, ServerStep};
use welcome::welcome;

use super::{BadDeadline, ResumeSecrets, Terms, deadline};
use crate::session::codec::{FrameError, Kind, bounded_text};
use crate::session::frame::{
    Bits128, Challenge, Frame, Hello, Method, Mode, Proof, Reason, Refuse, Retry,
};
use crate::session::proof::{Key, Transcript};

/// One registration, from the accepted connection to WELCOME or REFUSE.
///
/// # How to call it
///
/// 1. [`Self::accept`] when a connection has come: over TLS before its handshake, whose
///    time counts.
/// 2. [`Self::on_frame`] for each frame that comes, in order;
///    [`Self::on_malformed`] where the bytes are no frame. At the end of the stream, or
///    where it fails, drop it.
/// 3. Do what [`ServerStep`] says, and answer a question by the call it names:
///
///    | step | what to do |
///    |---|---|
///    | [`Challenge`](ServerStep::Challenge) | send it; the next frame is PROOF |
///    | [`FindKey`](ServerStep::FindKey) | [`Self::key`] |
///    | [`CheckCertificate`](ServerStep::CheckCertificate) | [`Self::certificate`] |
///    | [`FindSession`](ServerStep::FindSession) | [`Self::session`] |
///    | [`Decide`](ServerStep::Decide) | [`Self::admit`] or [`Self::refuse`] |
///    | [`Registered`](ServerStep::Registered) | send it: the connection is a [`Link`](crate::session::link::Link)'s now, or a [spare's](crate::session::spare::Server) |
///    | [`Refused`](ServerStep::Refused) | send it, and close |
///    | [`Gone`](ServerStep::Gone) | close |
///
///    An answer may take its time, within the deadline. Who reads on meanwhile learns of a
///    client that gives up; one that says anything else is refused.
/// 4. [`Self::poll`] at [`Self::next_deadline`], which never moves, also while an answer
///    is awaited: send what it gives, and close.
/// 5. [`Self::refuse`] at any time.
///
/// After `Registered`, `Refused` or `Gone` it is over. A call that was not asked for is
/// [`Misuse`], a mistake of the caller's, and does nothing.
///
/// Times are offsets from one origin and never go backwards.
///
/// The method belongs to the server, not to the identity; CHALLENGE and the work up to
/// the refusal are the same whether the identity exists or not.
#[derive(Debug)]
pub struct Server {
    method: Method,
    deadline: Duration,
    state: State,
}

#[derive(Debug)]
enum State {
    AwaitHello { nonce: Bits128 },
    AwaitProof(Said),
    AwaitCredential(Said, Proof),
    AwaitSession(Proved),
    AwaitDecision(Proved, ResumeRequest),
    Over,
}

/// What was said before PROOF.
#[derive(Debug)]
struct Said {
    hello: Hello,
    transcript: Transcript,
}

/// A client that is who it says.
#[derive(Debug)]
struct Proved {
    said: Said,
    proof: Proof,
    key: Option<Key>,
}

impl Server {
    /// For a connection accepted at `now`. The nonce is 128 bits from a random source,
    /// new for each connection; the whole registration has `within`, 100 ms to 60 s.
    ///
    /// # Errors
    /// A deadline out of range.
    pub fn accept(
        method: Method,
        nonce: Bits128,
        within: Duration,
        now: Duration,
    ) -> Result<Self, BadDeadline> {
        Ok(Self {
            method,
            deadline: deadline(now, within)?,
            state: State::AwaitHello { nonce },
        })
    }

    /// When to [`Self::poll`]; `None` when it is over. It never moves.
    #[must_use]
    pub const fn next_deadline(&self) -> Option<Duration> {
        match self.state {
            State::Over => None,
            _ => Some(self.deadline),
        }
    }

    /// What the client said of itself, from HELLO on until it is over. Nothing of it is
    /// proved before [`ServerStep::Decide`].
    #[must_use]
    pub const fn hello(&self) -> Option<&Hello> {
        match &self.state {
            State::AwaitProof(said)
            | State::AwaitCredential(said, _)
            | State::AwaitSession(Proved { said, .. })
            | State::AwaitDecision(Proved { said, .. }, _) => Some(&said.hello),
            State::AwaitHello { .. } | State::Over => None,
        }
    }

    /// Looks at the time: what to send and close with, from the deadline on, once. A
    /// client without its whole PROOF was too late; otherwise this server was.
    ///
    /// Call it before a decision is put into effect, and [`Self::admit`] with the same
    /// `now` after: then nothing is admitted that is refused here.
    pub fn poll(&mut self, now: Duration) -> Option<Refuse> {
        if now < self.deadline {
            return None;
        }
        match std::mem::replace(&mut self.state, State::Over) {
            State::Over => None,
            State::AwaitHello { .. } | State::AwaitProof(_) => Some(refusal(
                Reason::TooLate,
                Retry::After(0),
                "the registration was not complete in time",
            )),
            State::AwaitCredential(..) | State::AwaitSession(_) | State::AwaitDecision(..) => {
                Some(refusal(
                    Reason::Overloaded,
                    Retry::After(0),
                    "the server did not decide in time",
                ))
            }
        }
    }

    /// Takes a frame of the client's.
    ///
    /// # Errors
    /// It is over already.
    pub fn on_frame(&mut self, frame: &Frame, now: Duration) -> Result<ServerStep, Misuse> {
        if let Some(refuse) = self.poll(now) {
            return Ok(ServerStep::Refused(refuse));
        }
        // Whatever goes wrong below, it is over.
        Ok(
            match (std::mem::replace(&mut self.state, State::Over), frame) {
                (State::Over, _) => return Err(Misuse::NotAsked),
                (State::AwaitHello { nonce }, Frame::Hello(hello)) => self.on_hello(hello, nonce),
                (State::AwaitHello { .. }, other) => unexpected(other, "HELLO is awaited"),
                (_, Frame::Bye(bye)) => ServerStep::Gone(bye.clone()),
                (State::AwaitProof(said), Frame::Proof(proof)) => self.on_proof(said, *proof),
                (State::AwaitProof(_), other) => unexpected(other, "PROOF is awaited"),
                (_, other) => unexpected(other, "WELCOME has not been sent"),
            },
        )
    }

    /// The client's bytes are no frame: what to send and close with.
    pub fn on_malformed(&mut self, error: &FrameError) -> Refuse {
        self.state = State::Over;
        let retry = match error.reason() {
            Reason::Version => Retry::Never,
            _ => Retry::After(0),
        };
        refusal(error.reason(), retry, &error.to_string())
    }

    fn on_hello(&mut self, hello: &Hello, nonce: Bits128) -> ServerStep {
        let challenge = Challenge {
            method: self.method,
            nonce,
        };
        match Transcript::new(hello, &challenge) {
            Ok(transcript) => {
                self.state = State::AwaitProof(Said {
                    hello: hello.clone(),
                    transcript,
                });
                ServerStep::Challenge(challenge)
            }
            Err(error) => ServerStep::Refused(self.on_malformed(&error)),
        }
    }

    fn on_proof(&mut self, mut said: Said, proof: Proof) -> ServerStep {
        let resume = said.hello.mode == Mode::Resume;
        let mac = self.method == Method::Hmac;
        if proof.resume.is_some() != resume || proof.mac.is_some() != mac {
            return ServerStep::Refused(refusal(
                Reason::ProtocolError,
                Retry::After(0),
                "PROOF does not have the length that goes with the mode and the method",
            ));
        }
        if let Some(resume) = &proof.resume {
            said.transcript.resumed(resume);
        }
        let step = match self.method {
            Method::None => {
                return self.proved(Proved {
                    said,
                    proof,
                    key: None,
                });
            }
            Method::Hmac => ServerStep::FindKey,
            Method::Certificate => ServerStep::CheckCertificate,
        };
        self.state = State::AwaitCredential(said, proof);
        step
    }

    /// Answers [`ServerStep::FindKey`]; `None` for an identity that does not exist.
    ///
    /// # Errors
    /// It was not asked for.
    pub fn key(&mut self, key: Option<Key>, now: Duration) -> Result<ServerStep, Misuse> {
        if self.method != Method::Hmac {
            return Err(Misuse::NotAsked);
        }
        let (said, proof) = match self.credential(now)? {
            Ok(asked) => asked,
            Err(late) => return Ok(late),
        };
        let right = proof
            .mac
            .is_some_and(|mac| said.transcript.client_proved(key.as_ref(), &mac));
        Ok(if right {
            self.proved(Proved { said, proof, key })
        } else {
            not_authorised()
        })
    }

    /// Answers [`ServerStep::CheckCertificate`].
    ///
    /// # Errors
    /// It was not asked for.
    pub fn certificate(
        &mut self,
        names_identity: bool,
        now: Duration,
    ) -> Result<ServerStep, Misuse> {
        if self.method != Method::Certificate {
            return Err(Misuse::NotAsked);
        }
        let (said, proof) = match self.credential(now)? {
            Ok(asked) => asked,
            Err(late) => return Ok(late),
        };
        Ok(if names_identity {
            self.proved(Proved {
                said,
                proof,
                key: None,
            })
        } else {
            not_authorised()
        })
    }

    /// Takes what a credential is to be judged by, or says that it is too late.
    fn credential(&mut self, now: Duration) -> Result<Result<(Said, Proof), ServerStep>, Misuse> {
        if !matches!(self.state, State::AwaitCredential(..)) {
            return Err(Misuse::NotAsked);
        }
        if let Some(refuse) = self.poll(now) {
            return Ok(Err(ServerStep::Refused(refuse)));
        }
        match std::mem::replace(&mut self.state, State::Over) {
            State::AwaitCredential(said, proof) => Ok(Ok((said, proof))),
            _ => Err(Misuse::NotAsked),
        }
    }

    fn proved(&mut self, proved: Proved) -> ServerStep {
        match proved.proof.resume {
            Some(resume) => {
                self.state = State::AwaitSession(proved);
                ServerStep::FindSession(resume.session)
            }
            None => self.decide(proved, ResumeRequest::NotAsked),
        }
    }

    /// Answers [`ServerStep::FindSession`]: the secrets of the session with that name
    /// **and of that identity**, kept or expired; `None` for any other.
    ///
    /// # Errors
    /// It was not asked for.
    pub fn session(
        &mut self,
        secrets: Option<&ResumeSecrets>,
        now: Duration,
    ) -> Result<ServerStep, Misuse> {
        if !matches!(self.state, State::AwaitSession(_)) {
            return Err(Misuse::NotAsked);
        }
        if let Some(refuse) = self.poll(now) {
            return Ok(ServerStep::Refused(refuse));
        }
        let State::AwaitSession(proved) = std::mem::replace(&mut self.state, State::Over) else {
            return Err(Misuse::NotAsked);
        };
        let (Some(resume), Some(secrets)) = (proved.proof.resume, secrets) else {
            return Ok(self.decide(proved, ResumeRequest::Unknown));
        };
        let Some(by) = secrets.prove(&proved.said.transcript) else {
            return Ok(not_authorised());
        };
        let request = ResumeRequest::Proved {
            session: resume.session,
            received: resume.received,
            by,
        };
        Ok(self.decide(proved, request))
    }

    fn decide(&mut self, proved: Proved, resume: ResumeRequest) -> ServerStep {
        let hello = proved.said.hello.clone();
        self.state = State::AwaitDecision(proved, resume.clone());
        ServerStep::Decide(Request { hello, resume })
    }

    /// Answers [`ServerStep::Decide`]: gives WELCOME, or a refusal when it is too late.
    ///
    /// # Errors
    /// It was not asked for, the admission is none that this client may have, or the
    /// terms are out of range. It still waits for a decision then.
    pub fn admit(
        &mut self,
        admission: &Admission,
        terms: &Terms,
        now: Duration,
    ) -> Result<ServerStep, Misuse> {
        let State::AwaitDecision(proved, resume) = &self.state else {
            return Err(Misuse::NotAsked);
        };
        let mut welcome = welcome(admission, terms, proved.said.hello.mode, resume)?;
        Frame::Welcome(welcome).check().map_err(Misuse::Terms)?;
        if let (Some(key), Some(mac)) = (&proved.key, &proved.proof.mac) {
            let mac = proved.said.transcript.server_mac(key, mac, &welcome);
            welcome.mac = Some(mac.map_err(Misuse::Terms)?);
        }
        if let Some(refuse) = self.poll(now) {
            return Ok(ServerStep::Refused(refuse));
        }
        self.state = State::Over;
        Ok(ServerStep::Registered(welcome))
    }

    /// Refuses, at any time: too many connections, another one stays, the server
    /// stops. `None` when it is over already. Before [`ServerStep::Decide`] give no
    /// reason that tells of the identity.
    pub fn refuse(&mut self, reason: Reason, retry: Retry, text: &str) -> Option<Refuse> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Over => None,
            _ => Some(refusal(reason, retry, text)),
        }
    }
}

fn unexpected(frame: &Frame, awaited: &str) -> ServerStep {
    let kind: Kind = frame.kind();
    ServerStep::Refused(refusal(
        Reason::ProtocolError,
        Retry::After(0),
        &format!("{kind} has no place here: {awaited}"),
    ))
}

/// The same words for a wrong key, for an unknown identity and for a wrong secret.
fn not_authorised() -> ServerStep {
    ServerStep::Refused(refusal(
        Reason::NotAuthorised,
        Retry::Never,
        "the proof is wrong",
    ))
}

fn refusal(reason: Reason, retry: Retry, text: &str) -> Refuse {
    Refuse {
        reason,
        retry,
        text: bounded_text(text).to_owned(),
    }
}
