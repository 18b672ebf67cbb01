//! The server's side of a spare connection.

use std::time::Duration;

use super::{SILENCE_MS, ms};
use crate::session::frame::{Bye, Frame, Reason, Retry};
use crate::session::violation::Violation;

/// Why the server closes the spare connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Closing {
    /// The client asked for nothing within the registration deadline.
    TooLate,
    /// It broke the protocol.
    Violation(Violation),
    /// It said BYE.
    Bye,
}

/// The server's side: silent for as long as it is told, then it speaks.
///
/// # How to call it
///
/// Give it every frame with [`Self::handle_frame`], and time with
/// [`Self::handle_timeout`] at [`Self::next_deadline`]. After each, write what
/// [`Self::poll_transmit`] gives. Once [`Self::closing`] says why, write what is
/// left and close. At the end of the stream simply close: nothing is lost.
#[derive(Debug, Clone)]
pub struct Server {
    registration_deadline: Duration,
    state: State,
    transmit: Option<Frame>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Waits for SILENCE until then.
    Idle {
        until: Duration,
    },
    /// Silent until then.
    Silent {
        silence: u32,
        until: Duration,
    },
    Closing(Closing),
}

impl Server {
    /// A spare connection that has just had its WELCOME.
    #[must_use]
    pub const fn new(now: Duration, registration_deadline: Duration) -> Self {
        Self {
            registration_deadline,
            state: State::Idle {
                until: now.saturating_add(registration_deadline),
            },
            transmit: None,
        }
    }

    /// A frame came.
    pub fn handle_frame(&mut self, now: Duration, frame: &Frame) {
        match (self.state, frame) {
            (State::Closing(_), _) => {}
            (_, Frame::Bye(_)) => self.state = State::Closing(Closing::Bye),
            // Whatever else the client sends meanwhile renews the mapping: the
            // trial would tell nothing.
            (State::Silent { .. }, _) => {
                self.violated(Violation::OutOfPlace("a frame during a silence"));
            }
            (State::Idle { .. }, Frame::Silence(silence)) if SILENCE_MS.contains(silence) => {
                self.state = State::Silent {
                    silence: *silence,
                    until: now.saturating_add(ms(*silence)),
                };
            }
            (State::Idle { .. }, Frame::Silence(_)) => {
                self.violated(Violation::Malformed("SILENCE is not of 10 ms to 2 h"));
            }
            (State::Idle { .. }, Frame::Extension { .. }) => {}
            (State::Idle { .. }, _) => {
                self.violated(Violation::OutOfPlace("a frame other than SILENCE"));
            }
        }
    }

    /// The bytes that came are no frame.
    pub fn handle_malformed(&mut self, what: &'static str) {
        if self.closing().is_none() {
            self.violated(Violation::Malformed(what));
        }
    }

    /// When to call [`Self::handle_timeout`].
    #[must_use]
    pub const fn next_deadline(&self) -> Option<Duration> {
        match self.state {
            State::Idle { until } | State::Silent { until, .. } => Some(until),
            State::Closing(_) => None,
        }
    }

    /// Time has come.
    pub fn handle_timeout(&mut self, now: Duration) {
        match self.state {
            State::Silent { silence, until } if now >= until => {
                self.transmit = Some(Frame::Speak(silence));
                self.state = State::Idle {
                    until: now.saturating_add(self.registration_deadline),
                };
            }
            State::Idle { until } if now >= until => {
                self.say(Reason::TooLate, String::new());
                self.state = State::Closing(Closing::TooLate);
            }
            _ => {}
        }
    }

    /// What to write.
    pub const fn poll_transmit(&mut self) -> Option<Frame> {
        self.transmit.take()
    }

    /// Why to close, after what is to be written.
    #[must_use]
    pub const fn closing(&self) -> Option<Closing> {
        match self.state {
            State::Closing(closing) => Some(closing),
            _ => None,
        }
    }

    fn violated(&mut self, violation: Violation) {
        self.say(Reason::ProtocolError, violation.to_string());
        self.state = State::Closing(Closing::Violation(violation));
    }

    fn say(&mut self, reason: Reason, text: String) {
        self.transmit = Some(Frame::Bye(Bye {
            reason,
            retry: Retry::After(0),
            last: 0,
            text,
        }));
    }
}
