//! What goes out, in which order.

use std::time::Duration;

use super::{Event, In, Link, Out};
use crate::detectors::Detector;
use crate::session::frame::Frame;

impl<D: Detector> Link<D> {
    /// The next frame to write, if there is one. It counts as sent.
    ///
    /// Questions and answers go first, so that they do not wait behind messages;
    /// an acknowledgement that is not due yet goes along where something is sent
    /// anyway; a heartbeat only where nothing else is.
    pub fn poll_transmit(&mut self, now: Duration) -> Option<Frame> {
        let frame = self.next_frame(now);
        if frame.is_some() {
            self.sent_something(now);
        }
        self.settle(now);
        frame
    }

    fn next_frame(&mut self, now: Duration) -> Option<Frame> {
        match &self.out {
            Out::Shut => return None,
            // The last frame, but for an acknowledgement that can only be given
            // now. After a violation the peer's numbers mean nothing.
            Out::Bye(bye) => {
                let bye = bye.clone();
                if self.inn != In::Discard
                    && let Some(number) = self.traffic.poll_ack()
                {
                    return Some(Frame::Ack(number));
                }
                self.out = Out::Shut;
                self.events.push_back(Event::HalfClose);
                return Some(Frame::Bye(*bye));
            }
            Out::Open | Out::Finishing { .. } => {}
        }
        let leaving = self.inn != In::Open;
        if leaving {
            // The peer has ended: only what it needs to know is still said.
            return self.traffic.poll_ack().map(Frame::Ack);
        }
        if let Some(bytes) = self.asking.poll_pong() {
            return Some(Frame::Pong(bytes));
        }
        if let Some(bytes) = self.asking.poll_ping(now) {
            return Some(Frame::Ping(bytes));
        }
        let company = self.ack_waits || self.beat_waits || self.traffic.has_data();
        if (company || self.traffic.ack_due(now))
            && let Some(number) = self.traffic.poll_ack()
        {
            self.ack_waits = false;
            return Some(Frame::Ack(number));
        }
        if let Some((seq, message)) = self.traffic.poll_data() {
            return Some(Frame::Data { seq, message });
        }
        std::mem::take(&mut self.beat_waits).then_some(Frame::Beat)
    }

    /// [`Self::poll_transmit`] would give a frame: for a driver that waits until
    /// it can write.
    #[must_use]
    pub fn wants_to_transmit(&self, now: Duration) -> bool {
        match &self.out {
            Out::Shut => false,
            Out::Bye(_) => true,
            Out::Open | Out::Finishing { .. } if self.inn != In::Open => {
                self.traffic.ack_deadline().is_some()
            }
            Out::Open | Out::Finishing { .. } => {
                self.asking.has_pong()
                    || self.asking.ping_waits()
                    || self.beat_waits
                    || self.traffic.has_data()
                    || self.traffic.ack_due(now)
            }
        }
    }
}
