//! What happens when time passes.

use std::time::Duration;

use super::{Event, In, Link, Out, Timer, Trigger, after};
use crate::compact::{Micros, Nanos};
use crate::detectors::{Detector, Judgement};

impl<D: Detector> Link<D> {
    /// When to call [`Self::handle_timeout`]; `None` where nothing is due ever.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        Timer::ALL
            .iter()
            .filter_map(|&timer| self.deadline(timer))
            .min()
    }

    /// When one timer is due.
    #[must_use]
    pub fn deadline(&self, timer: Timer) -> Option<Duration> {
        if self.closed {
            return None;
        }
        match timer {
            Timer::Detect if self.end.is_none() => self.detector.as_ref()?.next_deadline(),
            Timer::Detect => None,
            Timer::Beat if self.sends_beats() => self.timers.beat.map(Nanos::get),
            Timer::Beat => None,
            Timer::Acknowledge if self.sends_beats() && !self.ack_waits => {
                self.traffic.ack_deadline()
            }
            Timer::Acknowledge => None,
            Timer::Ask => self.timers.ask().map(Nanos::get),
            Timer::Finish => self.timers.finish().map(Nanos::get),
            Timer::Drain => self.timers.drain().map(Nanos::get),
        }
    }

    /// Time has come. Calls before the deadline do nothing.
    pub fn handle_timeout(&mut self, now: Duration) {
        for timer in Timer::ALL {
            if let Some(at) = self.deadline(timer)
                && now >= at
            {
                self.fire(now, timer, now - at);
            }
        }
        self.settle(now);
    }

    fn fire(&mut self, now: Duration, timer: Timer, late: Duration) {
        match timer {
            Timer::Detect => self.judge(now),
            Timer::Beat => {
                self.timers.beat = None;
                self.beat_waits = true;
                self.rest(now);
            }
            Timer::Acknowledge => self.ack_waits = true,
            Timer::Ask if late > self.terms.challenge.get() => {
                // This side was held up, and the answer may have come meanwhile:
                // read first.
                self.timers.rare().ask = Some(after(now, self.terms.challenge));
                self.events.push_back(Event::Late(late));
            }
            Timer::Ask => {
                self.timers.take_ask();
                self.events.push_back(Event::Unanswered);
            }
            Timer::Finish => {
                self.timers.rare().finish = None;
                self.give_up_finishing(now);
            }
            Timer::Drain if late > self.terms.drain.get() && !self.timers.drain_was_late() => {
                let until = after(now, self.terms.drain);
                let rare = self.timers.rare();
                (rare.drain, rare.drain_was_late) = (Some(until), true);
                self.events.push_back(Event::Late(late));
            }
            Timer::Drain => self.close(),
        }
    }

    fn judge(&mut self, now: Duration) {
        let Some(detector) = &mut self.detector else {
            return;
        };
        match detector.poll(now) {
            Judgement::Alive => {}
            Judgement::Suspect => {
                self.suspect = true;
                if !self.terms.peer_is_one_way {
                    self.asking.want_ping();
                }
                self.events.push_back(Event::Suspect);
            }
            Judgement::Silent => self.decide(now, Trigger::Silence),
            Judgement::Late(by) => {
                // A new silence begins, and with it a new innocence.
                self.suspect = false;
                self.events.push_back(Event::Late(by));
            }
        }
    }

    fn give_up_finishing(&mut self, now: Duration) {
        if let Out::Finishing { reason, retry } = self.out {
            let text = String::from("not everything was acknowledged in time");
            self.decide(
                now,
                Trigger::Own {
                    reason,
                    retry,
                    text,
                },
            );
        }
    }

    /// Asks whether the peer is there: [`Event::Answered`] or
    /// [`Event::Unanswered`] follows within the challenge time, whatever comes
    /// first; any byte is an answer. A one-way peer is not asked: it counts as
    /// answering while its heartbeat is not overdue, and is else merely waited
    /// for.
    pub fn ask(&mut self, now: Duration) {
        if self.end.is_some() {
            return;
        }
        if self.terms.peer_is_one_way {
            if self.detector.is_some() && !self.suspect {
                self.events.push_back(Event::Answered);
                return;
            }
        } else {
            self.asking.want_ping();
        }
        let until = after(now, self.terms.challenge);
        self.timers.rare().ask.get_or_insert(until);
    }

    /// Nothing is read from now on.
    pub fn pause(&mut self, now: Duration) {
        if let Some(detector) = &mut self.detector {
            detector.pause(now);
        }
    }

    /// Reading goes on.
    pub fn resume(&mut self, now: Duration) {
        if let Some(detector) = &mut self.detector {
            detector.resume(now);
        }
        self.suspect = false;
    }

    /// From now on this side is silent for no longer than this: for a path that forgets
    /// what is idle for longer. It may be shorter than what was promised, and never
    /// longer. The heartbeat that is due next comes no later for it.
    pub fn set_own_beat(&mut self, now: Duration, beat: Option<Duration>) {
        self.terms.own_beat = beat.map(Micros::new);
        let next = beat.map(|beat| due(now, beat));
        self.timers.beat = match (self.timers.beat, next) {
            (Some(set), Some(next)) => Some(set.min(next)),
            (_, next) => next,
        };
    }

    /// Something was sent: the promise is kept from here on. The heartbeat goes
    /// out a tenth of the beat before it must, so that a timer that is a little
    /// late, or a way that is a little slow, does not break the promise.
    pub(super) fn sent_something(&mut self, now: Duration) {
        self.beat_waits = false;
        self.timers.beat = self.terms.own_beat.map(|beat| due(now, beat.get()));
    }

    /// Nothing was sent for a whole beat: what was busy gives back its memory.
    fn rest(&mut self, now: Duration) {
        self.traffic.rest();
        self.asking.rest(now);
        self.timers.rest();
        self.events.rest();
    }

    fn sends_beats(&self) -> bool {
        self.inn == In::Open && matches!(self.out, Out::Open | Out::Finishing { .. })
    }
}

/// When to send a heartbeat after something else was sent.
fn due(now: Duration, beat: Duration) -> Nanos {
    Nanos::new(now.saturating_add(beat - beat / 10))
}
