//! The client's side of a spare connection.

use std::time::Duration;

use super::{SILENCE_MS, ms};
use crate::session::frame::Frame;
use crate::session::violation::Violation;

/// What one trial has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// A silence of so many milliseconds is survived.
    Survived(u32),
    /// It killed the spare, while the real connection lived: longer than the NAT
    /// remembers. Make a new spare for the next trial.
    Killed(u32),
    /// It shows nothing: the real connection did not answer either, or the spare
    /// was closed. Make a new spare.
    Inconclusive(u32),
}

/// What the client is to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Write SILENCE of so many milliseconds on the spare, and nothing else.
    Silence(u32),
    /// Ask on the real connection, and tell [`Client::real_answered`].
    AskReal,
    /// The trial is over.
    Done(Outcome),
}

/// The client's side: one trial at a time.
///
/// # How to call it
///
/// 1. [`Self::start`] a trial, and do what [`Self::poll`] gives.
/// 2. Give it every frame of the spare ([`Self::handle_frame`]), its end
///    ([`Self::handle_closed`]), and time ([`Self::handle_timeout`] at
///    [`Self::next_deadline`]); after each, do what [`Self::poll`] gives.
/// 3. After [`Step::AskReal`], ask on the real connection (a PING there) and tell
///    [`Self::real_answered`].
/// 4. After [`Step::Done`] start the next, soon: the server closes a spare that
///    is idle for the registration deadline. Only [`Outcome::Survived`] leaves
///    the connection usable.
#[derive(Debug, Clone)]
pub struct Client {
    challenge: Duration,
    state: State,
    step: Option<Step>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Idle,
    Waiting {
        silence: u32,
        since: Duration,
        until: Duration,
    },
    Asking {
        silence: u32,
    },
    Over,
}

impl Client {
    /// A spare connection that has just had its WELCOME. `challenge` is how long
    /// the answer may take beyond the silence.
    #[must_use]
    pub const fn new(challenge: Duration) -> Self {
        Self {
            challenge,
            state: State::Idle,
            step: None,
        }
    }

    /// Tries a silence of so many milliseconds, 10 ms to 2 h. `false` where a
    /// trial is under way, the spare is used up, or the silence out of range.
    pub fn start(&mut self, now: Duration, silence: u32) -> bool {
        if !matches!(self.state, State::Idle) || !SILENCE_MS.contains(&silence) {
            return false;
        }
        self.state = State::Waiting {
            silence,
            since: now,
            until: now
                .saturating_add(ms(silence))
                .saturating_add(self.challenge),
        };
        self.step = Some(Step::Silence(silence));
        true
    }

    /// A frame came on the spare.
    ///
    /// # Errors
    /// What the server did wrong: the trial shows nothing, and the spare is to be
    /// closed.
    pub fn handle_frame(&mut self, now: Duration, frame: &Frame) -> Result<(), Violation> {
        match (self.state, frame) {
            (_, Frame::Extension { .. }) => Ok(()),
            (_, Frame::Bye(_)) => {
                self.handle_closed();
                Ok(())
            }
            (State::Waiting { silence, since, .. }, Frame::Speak(spoken)) if *spoken == silence => {
                // Clocks differ by some parts in a million, no more.
                let waited = now.saturating_sub(since);
                if waited < ms(silence) - ms(silence) / 64 {
                    self.handle_closed();
                    return Err(Violation::OutOfPlace("SPEAK before its time"));
                }
                self.state = State::Idle;
                self.step = Some(Step::Done(Outcome::Survived(silence)));
                Ok(())
            }
            // It spoke after all, but too late to tell by what.
            (State::Asking { silence }, Frame::Speak(spoken)) if *spoken == silence => {
                self.handle_closed();
                Ok(())
            }
            (State::Over, _) => Ok(()),
            _ => {
                self.handle_closed();
                Err(Violation::OutOfPlace("a frame other than SPEAK"))
            }
        }
    }

    /// The spare has ended: by FIN, RST, BYE, or an error of the transport.
    pub fn handle_closed(&mut self) {
        if let State::Waiting { silence, .. } | State::Asking { silence } = self.state {
            self.step = Some(Step::Done(Outcome::Inconclusive(silence)));
        }
        self.state = State::Over;
    }

    /// When to call [`Self::handle_timeout`].
    #[must_use]
    pub const fn next_deadline(&self) -> Option<Duration> {
        match self.state {
            State::Waiting { until, .. } => Some(until),
            _ => None,
        }
    }

    /// Time has come.
    pub fn handle_timeout(&mut self, now: Duration) {
        let State::Waiting {
            silence,
            since,
            until,
        } = self.state
        else {
            return;
        };
        if now < until {
            return;
        }
        if now - until > self.challenge {
            // This side was held up: what came meanwhile is read first.
            self.state = State::Waiting {
                silence,
                since,
                until: now.saturating_add(self.challenge),
            };
            return;
        }
        self.state = State::Asking { silence };
        self.step = Some(Step::AskReal);
    }

    /// Whether the real connection answered.
    pub const fn real_answered(&mut self, answered: bool) {
        if let State::Asking { silence } = self.state {
            self.state = State::Over;
            self.step = Some(Step::Done(if answered {
                Outcome::Killed(silence)
            } else {
                Outcome::Inconclusive(silence)
            }));
        }
    }

    /// What to do next.
    pub const fn poll(&mut self) -> Option<Step> {
        self.step.take()
    }
}
