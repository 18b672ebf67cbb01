//! [`Adaptive`]: the longest silence that the way to the server lets live.
//!
//! **Why.** A NAT or a load balancer forgets a connection that is idle for too long, and
//! tells nobody ([`middleboxes`](crate::middleboxes) lists how long some of them wait:
//! from four minutes to five days). A heartbeat keeps the entry alive; one that is sent
//! too often empties a battery and a data plan. Nobody can ask the box, so the longest
//! interval has to be found by trying. Tencent's Mars (`stn/src/smart_heartbeat.cc`) does
//! that for a messenger used by a thousand million people, and is what is learnt from
//! here: search per network, remember, be content for a week. What is done otherwise:
//!
//! | Mars | here | because |
//! |---|---|---|
//! | tries on the connection in use | tries on a spare one | a wrong guess cost the user's connection |
//! | the client's heartbeat ends the silence | the **server** speaks after it | a segment of the client's renews the mapping, so it proves little |
//! | two failures lower the interval | a failure counts only if the real connection, asked right then, answers, and if the silence was longer than one known to be survived; then two of them | a server that restarts, or a train in a tunnel, is not the NAT |
//! | a fixed step of a minute, up to ten minutes | doubling, then halving the difference | finds 5 minutes or 2 hours in a dozen tries |
//! | any save of the state starts the week anew | the age of the result is state of its own | saved daily, the week never ended |
//! | after a failure the shortest interval, and all over again | a check first, then a search nearby | most changes are small, most failures something else |
//!
//! **When it trips.** It is no [`Detector`](super::Detector): it says how often to send.
//! A silence of the real connection is only a reason to check: the silence that is in
//! use is tried on a spare, and stays if it is survived. Until that is known heartbeats
//! go out at the floor, since the real connection is the witness: it must not fall for
//! the same reason.
//!
//! **Cold start.** The floor is used until a search is over. A search takes at most
//! [`SearchTerms::tries`] silences where nothing else goes wrong: 19 between 30 s and an
//! hour; about two hours in all where the truth is ten minutes. The real connection
//! notices nothing of it.
//!
//! **The result** is the longest silence that was survived twice, a sixteenth at most
//! below the shortest one that was not, less the margin of 10 %: between 84 and 90 % of
//! the truth, unless floor or ceiling come first.
//!
//! **Recovery.** When what was good fails twice while the real connection answers, the
//! floor is used at once and a shorter silence is looked for, from there downwards in
//! growing steps. After a week of content the silence that was too long is tried again,
//! twice; if it is now survived, the search goes on upwards. Nothing but the end of a
//! search sets that clock back.
//!
//! # How to call it
//!
//! Call [`Adaptive::next`] and do what the [`Step`] says; call it again after each input,
//! and at [`Adaptive::next_deadline`]. Tell what happens, in any order: what makes no
//! sense at the moment is ignored. Send heartbeats on the real connection at
//! [`Adaptive::interval`], which changes only when a search ends or a result has proved
//! wrong.
//!
//! The spare is a connection of mode 2 (docs/protocol.md, "A spare connection"). At most
//! one is wanted at a time: close the old one when the step is [`Step::OpenSpare`] or
//! [`Step::Stable`].

mod bounds;
mod judge;
pub mod memory;
mod networks;
mod step;
mod terms;

use std::time::Duration;

use memory::Memory;
use networks::Networks;

pub use step::{SpareLost, Step};
pub use terms::{BadSearch, SILENCES, SearchTerms};

/// Searches for the longest interval. How to call it is said in [its module](self).
#[derive(Debug, Clone)]
pub struct Adaptive {
    terms: SearchTerms,
    networks: Networks,
    job: Job,
    state: State,
    /// Failures in a row at the silence that is being tried.
    failures: u8,
    /// Tries in a row that proved nothing.
    voids: u32,
    /// Spares in a row that ended sooner than their silence explains.
    doubts: u8,
}

/// What is being found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Job {
    /// The longest silence.
    Search,
    /// Whether the silence in use is still survived.
    Verify,
    /// Whether one that was too long is survived by now.
    Longer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Content.
    Settled,
    /// A spare is wanted.
    Open,
    /// It is being opened, until then at most.
    Opening(Duration),
    /// It is there.
    Ready,
    /// It is silent.
    Silent { silence: Duration, since: Duration },
    /// The real connection is to be asked.
    Ask(Then),
    /// It is being asked, until then at most.
    Asking(Duration, Then),
    /// Nothing is tried until then.
    Resting(Duration),
}

/// What an answer on the real connection means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// This silence killed the spare.
    Blame(Duration),
    /// The network is there again.
    GoOn,
}

impl Adaptive {
    /// Begins with what is remembered, on a network without a name: a program that can
    /// tell networks apart calls [`Self::network_changed`] next. An empty memory is
    /// `Memory::default()`. Of a memory whose program was off for a while, add that while
    /// to each `settled_s` if it is to count.
    #[must_use]
    pub fn new(terms: SearchTerms, memory: &Memory, now: Duration) -> Self {
        let mut adaptive = Self {
            terms,
            networks: Networks::restored(memory, &terms, now),
            job: Job::Search,
            state: State::Open,
            failures: 0,
            voids: 0,
            doubts: 0,
        };
        adaptive.begin();
        adaptive
    }

    /// What is to be remembered. Asking changes nothing.
    #[must_use]
    pub fn memory(&self, now: Duration) -> Memory {
        self.networks.store(now)
    }

    /// The interval to send heartbeats at, now: the floor while the first search, or a
    /// check of its result, is under way.
    #[must_use]
    pub fn interval(&self) -> Duration {
        match self.job {
            Job::Verify => self.terms.floor,
            Job::Search | Job::Longer => self.result(),
        }
    }

    /// The interval that was found.
    fn result(&self) -> Duration {
        let settled = self.networks.here().settled;
        self.terms
            .interval(settled.and_then(|settled| settled.good))
    }

    /// The longest silence that is known to be survived here; `None` while nothing is,
    /// or if not even the floor is.
    #[must_use]
    pub fn proven(&self) -> Option<Duration> {
        let known = self.networks.here();
        match known.settled {
            Some(settled) => settled.good,
            None => known.bounds.good,
        }
    }

    /// When to call [`Self::next`] without an input; `None` when there is nothing to
    /// come: the ceiling is reached, or a step is still to be asked for.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        match self.state {
            State::Settled => self.longer_at(),
            State::Opening(until) | State::Asking(until, _) | State::Resting(until) => Some(until),
            State::Silent { silence, since } => Some(self.spoken_by(silence, since)),
            State::Open | State::Ready | State::Ask(_) => None,
        }
    }

    /// What is to be done now.
    pub fn next(&mut self, now: Duration) -> Step {
        // A machine that slept does not know what came meanwhile.
        let late = |until: Duration| now > until.saturating_add(self.terms.answer);
        match self.state {
            State::Settled if self.longer_at().is_some_and(|at| now >= at) => {
                self.job = Job::Longer;
                self.state = State::Open;
            }
            State::Opening(until) if now >= until => self.void(now, Duration::ZERO),
            State::Silent { silence, since } if now >= self.spoken_by(silence, since) => {
                self.state = if late(self.spoken_by(silence, since)) {
                    State::Open
                } else {
                    State::Ask(Then::Blame(silence))
                };
            }
            State::Asking(until, then) if now >= until => {
                if late(until) {
                    self.state = State::Ask(then);
                } else {
                    self.real_silent(now);
                }
            }
            State::Resting(until) if now >= until => self.state = State::Ask(Then::GoOn),
            _ => {}
        }
        match self.state {
            State::Settled => Step::Stable(self.interval()),
            State::Open => {
                self.state = State::Opening(now.saturating_add(self.terms.open));
                Step::OpenSpare
            }
            State::Ready => {
                let silence = self.candidate();
                self.state = State::Silent {
                    silence,
                    since: now,
                };
                // Two hours at most: it fits.
                Step::Silence(u32::try_from(silence.as_millis()).unwrap_or(u32::MAX))
            }
            State::Ask(then) => {
                self.state = State::Asking(now.saturating_add(self.terms.answer), then);
                Step::AskReal
            }
            State::Opening(until) | State::Asking(until, _) | State::Resting(until) => {
                Step::Wait(until)
            }
            State::Silent { silence, since } => Step::Wait(self.spoken_by(silence, since)),
        }
    }

    /// The spare is registered.
    pub fn spare_opened(&mut self, _now: Duration) {
        if matches!(self.state, State::Opening(_)) {
            self.state = State::Ready;
        }
    }

    /// SPEAK has come on the spare.
    pub fn spoke(&mut self, now: Duration) {
        match self.state {
            State::Silent { silence, since } => {
                // Two clocks may differ by a hundredth, but not more.
                if now.saturating_sub(since) >= silence - silence / 100 {
                    self.survived(silence, now);
                } else {
                    self.void(now, Duration::ZERO);
                }
            }
            // Late, but it came: a slow path, not a forgotten one.
            State::Ask(Then::Blame(silence)) | State::Asking(_, Then::Blame(silence)) => {
                self.survived(silence, now);
            }
            _ => {}
        }
    }

    /// SPEAK has not come within the silence and the time to answer. Need not be called:
    /// [`Self::next`] finds it out by itself.
    pub fn not_spoken(&mut self, now: Duration) {
        if let State::Silent { silence, since } = self.state
            && now >= since.saturating_add(silence)
        {
            self.state = State::Ask(Then::Blame(silence));
        }
    }

    /// The spare is gone.
    pub fn spare_lost(&mut self, why: SpareLost, now: Duration) {
        match (self.state, why) {
            (State::Silent { silence, since }, SpareLost::Ended) => {
                if self.explains(now.saturating_sub(since)) {
                    self.state = State::Ask(Then::Blame(silence));
                } else {
                    self.unexplained(now);
                }
            }
            (State::Opening(_) | State::Ready | State::Silent { .. }, why) => {
                let hint = match why {
                    SpareLost::Refused(hint) => hint,
                    _ => Duration::ZERO,
                };
                self.void(now, hint);
            }
            // The verdict on it is being asked for already.
            _ => {}
        }
    }

    /// The real connection answered: the one that stood when the silence began. If it
    /// was replaced meanwhile, that is [`Self::real_silent`], however well the new one
    /// answers: whatever ended the old one may have ended the spare.
    pub fn real_answered(&mut self, now: Duration) {
        match self.state {
            State::Asking(_, Then::Blame(silence)) => self.failed(silence, now),
            State::Asking(_, Then::GoOn) | State::Resting(_) => self.state = State::Open,
            _ => {}
        }
    }

    /// The real connection is silent, or was lost; asked or not.
    pub fn real_silent(&mut self, now: Duration) {
        if self.job != Job::Verify && self.result() > self.terms.floor {
            self.job = Job::Verify;
            self.failures = 0;
        } else if self.state == State::Settled {
            // There is nothing shorter to be found.
            return;
        }
        self.void(now, Duration::ZERO);
    }

    /// Another network is in use, or the same one anew. Its label is the program's
    /// choice, such as the name of a wireless network or the operator's number; `""`
    /// where it does not know.
    ///
    /// # Errors
    /// The label is longer than 128 bytes; nothing has changed then.
    pub fn network_changed(&mut self, label: &str) -> Result<(), BadSearch> {
        self.networks.change(label)?;
        self.begin();
        Ok(())
    }
}

#[cfg(test)]
mod sim;
#[cfg(test)]
mod tests;
