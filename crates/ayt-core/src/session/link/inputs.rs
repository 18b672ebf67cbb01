//! What comes in from the transport.

use std::time::Duration;

use super::{Event, In, Link, Out, Trigger};
use crate::cause::Cause;
use crate::detectors::Detector;
use crate::session::frame::{Bye, Frame};
use crate::session::violation::Violation;

impl<D: Detector> Link<D> {
    /// So many bytes were read. Bytes are life, also those of half a frame; what
    /// they say is told to [`Self::handle_frame`].
    pub fn handle_bytes(&mut self, now: Duration, bytes: usize) {
        if bytes == 0 || self.end.is_some() {
            return;
        }
        if let Some(detector) = &mut self.detector {
            detector.on_received(now);
        }
        if std::mem::take(&mut self.suspect) {
            self.events.push_back(Event::Recovered);
        }
        if self.timers.take_ask().is_some() {
            self.events.push_back(Event::Answered);
        }
    }

    /// A frame came.
    pub fn handle_frame(&mut self, now: Duration, frame: Frame) {
        // What follows a BYE or a violation says nothing any more.
        if self.closed || self.inn != In::Open {
            return;
        }
        let result = match frame {
            Frame::Data { seq, message } => self.traffic.handle_data(seq, message),
            Frame::Ack(number) => self.traffic.handle_ack(number),
            Frame::Ping(bytes) => {
                self.asking.handle_ping(now, bytes);
                Ok(())
            }
            Frame::Pong(bytes) => {
                if let Some(round_trip) = self.asking.handle_pong(now, bytes) {
                    self.events.push_back(Event::RoundTrip(round_trip));
                }
                Ok(())
            }
            Frame::Beat | Frame::Extension { .. } => Ok(()),
            Frame::Bye(bye) => self.handle_bye(now, bye),
            Frame::Hello(_) => Err(Violation::OutOfPlace("HELLO")),
            Frame::Challenge(_) => Err(Violation::OutOfPlace("CHALLENGE")),
            Frame::Proof(_) => Err(Violation::OutOfPlace("PROOF")),
            Frame::Welcome(_) => Err(Violation::OutOfPlace("WELCOME")),
            Frame::Refuse(_) => Err(Violation::OutOfPlace("REFUSE")),
            Frame::Silence(_) => Err(Violation::OutOfPlace("SILENCE")),
            Frame::Speak(_) => Err(Violation::OutOfPlace("SPEAK")),
        };
        if let Err(violation) = result {
            self.violated(now, violation);
        }
        self.settle(now);
    }

    /// The bytes that came are no frame; `what` says why, in words for the peer.
    pub fn handle_malformed(&mut self, now: Duration, what: &'static str) {
        if self.closed || self.inn != In::Open {
            return;
        }
        self.violated(now, Violation::Malformed(what));
        self.settle(now);
    }

    /// The peer has closed its direction.
    pub fn handle_eof(&mut self, now: Duration) {
        if self.closed || self.inn == In::Eof {
            return;
        }
        let said_bye = self.inn != In::Open;
        self.inn = In::Eof;
        if self.end.is_none() && !said_bye {
            // No BYE: its program has ended or closed, and nobody is left to read
            // what this side would still send.
            self.decide(now, Trigger::PeerFin);
            self.close();
        }
        self.settle(now);
    }

    /// The transport failed; `cause` is what the driver makes of the error.
    pub fn handle_error(&mut self, now: Duration, cause: Cause) {
        if self.closed {
            return;
        }
        self.decide(now, Trigger::Transport(cause));
        self.close();
    }

    fn handle_bye(&mut self, now: Duration, bye: Bye) -> Result<(), Violation> {
        let received = self.traffic.numbers().received;
        if bye.last < received {
            let last = bye.last;
            return Err(Violation::WrongLast { last, received });
        }
        self.inn = In::Bye;
        self.decide(now, Trigger::PeerBye { bye, received });
        if matches!(self.out, Out::Finishing { .. }) {
            self.out = Out::Open;
        }
        Ok(())
    }
}
