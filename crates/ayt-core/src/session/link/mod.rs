//! One registered connection: from WELCOME to the moment its socket is closed.
//! See docs/protocol.md, "Heartbeats" and "Goodbye".

use std::time::Duration;

use bytes::Bytes;

use super::frame::{Bye, Reason, Retry};
use super::traffic::{Offer, OfferError, Traffic};
use super::violation::Violation;
use crate::cause::Cause;
use crate::compact::{Micros, Nanos, Queue};
use crate::detectors::Detector;

mod asking;
mod ending;
mod inputs;
mod terms;
#[cfg(test)]
mod tests;
mod timer;
mod timing;
mod transmit;

pub use ending::{End, Fate, Trigger};
pub use terms::{Event, Terms};
pub use timer::Timer;

use asking::Asking;
use terms::Packed;

/// This side's direction.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Out {
    /// Everything may be sent.
    Open,
    /// BYE follows when everything is acknowledged.
    Finishing { reason: Reason, retry: Retry },
    /// BYE waits to be sent, after what is to be acknowledged.
    Bye(Box<Bye>),
    /// Nothing is sent any more.
    Shut,
}

/// The peer's direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum In {
    /// Everything may come.
    Open,
    /// BYE came: nothing but the end of the stream may follow.
    Bye,
    /// The peer broke the protocol: what comes is read and thrown away, so that
    /// closing does not turn into a reset that overtakes our BYE.
    Discard,
    /// The stream is at its end.
    Eof,
}

/// One registered connection of a session.
///
/// # How to call it
///
/// Inputs, as they happen:
///
/// 1. [`Self::handle_bytes`] whenever bytes were read, before they are decoded,
///    also where they are half a frame.
/// 2. [`Self::handle_frame`] for each frame, in order;
///    [`Self::handle_malformed`] where the bytes are no frame.
/// 3. [`Self::handle_eof`] at the end of the stream, [`Self::handle_error`] where
///    the transport fails.
/// 4. [`Self::handle_timeout`] at [`Self::next_deadline`], not earlier. The
///    deadline moves with every other call; a timer set for an earlier one may
///    fire in vain.
/// 5. The program's [`Self::offer`], [`Self::take`], [`Self::done`], [`Self::ask`],
///    [`Self::end`]; the registry's [`Self::bye`] and [`Self::cut`].
///
/// After every input, in this order: write what [`Self::poll_transmit`] gives
/// until it gives nothing (stop while nothing can be written, and go on later; a
/// frame that was given counts as sent), then act on [`Self::poll_event`] until
/// there is none, then ask for [`Self::next_deadline`].
///
/// **Never stop reading**: what comes in is bounded by the window, and a silence
/// that nobody listens to proves nothing. Should reading stop all the same, tell
/// [`Self::pause`] and [`Self::resume`].
///
/// After [`Event::Closed`] nothing has an effect, and [`Self::into_traffic`] gives
/// the session's messages back for the next connection.
///
/// Times are offsets from one origin and never go backwards.
///
/// ```text
///            peer's BYE            acknowledged, or the drain time
///        +-----------------> leaving -----------------------------+
///        |                                                        v
///   live +--- bye(), death, violation --> draining --- EOF --> closed
///        |                                   ^   or drain time    ^
///        +--- end() --> finishing -----------+                    |
///        |             acknowledged, or its bound                 |
///        +--- EOF without BYE, transport error, cut() ------------+
/// ```
#[derive(Debug)]
pub struct Link<D> {
    terms: Packed,
    /// `None` where the peer has promised nothing.
    detector: Option<D>,
    /// As it outlives the connection, it moves from one to the next as it lies.
    traffic: Box<Traffic>,
    out: Out,
    inn: In,
    timers: timer::Set,
    asking: Asking,
    /// A heartbeat waits to be sent.
    beat_waits: bool,
    /// An acknowledgement is due and waits to be sent.
    ack_waits: bool,
    suspect: bool,
    end: Option<Box<End>>,
    closed: bool,
    events: Queue<Event>,
}

impl<D: Detector> Link<D> {
    /// A connection whose registration is complete. `detector` judges the peer's
    /// promise; `None` where it has made none. For a resume, `traffic` has been
    /// [resumed](Traffic::resume) already.
    #[must_use]
    pub fn new(
        now: Duration,
        terms: Terms,
        detector: Option<D>,
        traffic: impl Into<Box<Traffic>>,
    ) -> Self {
        let mut link = Self {
            terms: terms.into(),
            detector,
            out: Out::Open,
            inn: In::Open,
            timers: timer::Set::default(),
            asking: Asking::default(),
            beat_waits: false,
            ack_waits: false,
            suspect: false,
            end: None,
            closed: false,
            events: Queue::new(),
            traffic: traffic.into(),
        };
        link.sent_something(now);
        if link.traffic.is_ending() {
            link.end(now, Reason::Done, Retry::Never);
        }
        link
    }

    /// The session's messages.
    #[must_use]
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// The session's messages, to hold them back or let them go.
    pub fn traffic_mut(&mut self) -> &mut Traffic {
        &mut self.traffic
    }

    /// The session's messages, for its next connection.
    #[must_use]
    pub fn into_traffic(self) -> Box<Traffic> {
        self.traffic
    }

    /// No end is decided yet.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.end.is_none()
    }

    /// The socket is to be closed.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// The peer is overdue.
    #[must_use]
    pub const fn is_suspect(&self) -> bool {
        self.suspect
    }

    /// Why it ends, once that is decided.
    #[must_use]
    pub fn ending(&self) -> Option<&End> {
        self.end.as_deref()
    }

    /// The program sends a message.
    ///
    /// # Errors
    /// It can never be sent. While the connection is ending by this side's wish,
    /// nothing is taken; a message offered to the [`Traffic`] afterwards is, as
    /// long as the session stays.
    pub fn offer(&mut self, message: Bytes) -> Result<Offer, OfferError> {
        if matches!(self.out, Out::Finishing { .. }) {
            return Err(OfferError::Ending);
        }
        self.traffic.offer(message)
    }

    /// The program asks for the next message; the one before is done with.
    pub fn take(&mut self, now: Duration) -> Option<Bytes> {
        let message = self.traffic.take(now);
        self.settle(now);
        message
    }

    /// The program is done with the message it took last.
    pub fn done(&mut self, now: Duration) {
        self.traffic.done(now);
        self.settle(now);
    }

    /// Ends the connection once everything this side sent is acknowledged, or
    /// after [`Terms::finish`]: with [`Reason::Done`] the session as well, with
    /// [`Reason::ShuttingDown`] only the connection.
    pub fn end(&mut self, now: Duration, reason: Reason, retry: Retry) {
        if reason == Reason::Done {
            self.traffic.set_ending();
        }
        if matches!(self.out, Out::Open | Out::Finishing { .. }) && self.end.is_none() {
            self.out = Out::Finishing { reason, retry };
            let bound = after(now, self.terms.finish);
            self.timers.rare().finish.get_or_insert(bound);
        }
        self.settle(now);
    }

    /// Ends the connection now: BYE, FIN, and what the peer had in flight is read
    /// for the drain time. `text` is cut to the 200 bytes that BYE holds.
    pub fn bye(&mut self, now: Duration, reason: Reason, retry: Retry, text: &str) {
        self.decide(
            now,
            Trigger::Own {
                reason,
                retry,
                text: text.to_owned(),
            },
        );
        self.settle(now);
    }

    /// Closes at once and without BYE: the session goes on over another
    /// connection.
    pub fn cut(&mut self, now: Duration) {
        self.decide(now, Trigger::Moved);
        self.close();
    }

    /// What the driver is to know next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Decides why it ends. Only the first counts.
    fn decide(&mut self, now: Duration, trigger: Trigger) {
        if self.end.is_some() {
            return;
        }
        let end = End::of(trigger);
        if let (Some(reason), false) = (end.reason, end.by_peer) {
            self.out = Out::Bye(Box::new(Bye {
                reason,
                retry: end.retry.unwrap_or(Retry::After(0)),
                last: self.traffic.numbers().sent,
                text: shorten(&end.text, 200),
            }));
        }
        if end.fate == Fate::Ends {
            self.traffic.set_ending();
        }
        self.suspect = false;
        let until = after(now, self.terms.drain);
        let timers = self.timers.rare();
        (timers.finish, timers.ask, timers.drain) = (None, None, Some(until));
        self.events.push_back(Event::Ending(end.clone()));
        self.end = Some(Box::new(end));
    }

    /// The peer broke the protocol.
    fn violated(&mut self, now: Duration, violation: Violation) {
        self.inn = In::Discard;
        self.decide(now, Trigger::Violation(violation));
    }

    /// Closes, with the cause that is decided.
    fn close(&mut self) {
        if self.closed {
            return;
        }
        self.closed = true;
        self.out = Out::Shut;
        self.timers = timer::Set::default();
        let end = self
            .end
            .get_or_insert_with(|| Box::new(End::of(Trigger::Transport(Cause::LocalClose))));
        self.events.push_back(Event::Closed(End::clone(end)));
    }

    /// Goes on to the next phase wherever its condition is met.
    fn settle(&mut self, now: Duration) {
        if self.closed {
            return;
        }
        if let Out::Finishing { reason, retry } = self.out
            && self.inn == In::Open
            && self.traffic.all_acknowledged()
        {
            let text = String::new();
            self.decide(
                now,
                Trigger::Own {
                    reason,
                    retry,
                    text,
                },
            );
        }
        let peer_has_ended = self.inn != In::Open;
        if peer_has_ended
            && matches!(self.out, Out::Open | Out::Finishing { .. })
            && self.traffic.all_handed_over()
            && self.traffic.ack_deadline().is_none()
        {
            self.out = Out::Shut;
            self.events.push_back(Event::HalfClose);
        }
        if self.out == Out::Shut && self.inn == In::Eof {
            self.close();
        }
    }
}

/// That much later.
const fn after(now: Duration, span: Micros) -> Nanos {
    Nanos::new(now.saturating_add(span.get()))
}

/// At most `max` bytes of a text, cut between characters.
fn shorten(text: &str, max: usize) -> String {
    text[..text.floor_char_boundary(max)].to_owned()
}
