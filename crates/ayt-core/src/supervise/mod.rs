//! [`Supervisor`]: the heartbeats of a million sessions.
//!
//! It judges each session as [`Fixed`](crate::detectors::Fixed) would, and costs
//! little more than noting the time.
//!
//! **A received byte is a store, not a timer operation.** Most timers of a server
//! are put off again and again and never go off. So nothing is put off: each session
//! stands in one bucket of a coarse wheel, and when its turn comes the supervisor
//! looks when it was last heard, and puts it into the bucket of the deadline that
//! follows from that. A session that is heard every second and may be silent for a
//! minute has one turn a minute.
//!
//! **No cascades.** There is one ring of 1,024 ticks. A deadline beyond it stands in
//! the farthest bucket, has its turn too early, and is put where it belongs. Turns
//! keep the order in which the sessions came, so they stay spread over the ticks as
//! those are; nothing is moved in bulk when a hand goes round. What one call of
//! [`Supervisor::advance`] does is bounded by [`Settings::batch`].
//!
//! **Late, not dead.** Called later than it asked for by more than
//! [`Settings::lateness`] (the machine slept, the process was stopped), it declares
//! nobody dead: its own clock stands still over that gap, all silences begin anew,
//! and [`Advanced::late`] says so. That costs nothing per session. Whichever call is
//! first after the gap notices it, so bytes may be read before `advance` is called.
//!
//! | | |
//! |---|---|
//! | timer state of a session | 24 B and about 5 B of the wheel; twice that while an array grows |
//! | besides | 8 KiB, and up to 64 B for each tick that has a turn |
//! | expiry | never early; late by less than a tick, and what the caller is late |
//! | tick | 100 ms; 10 ms where an interval is below 2 s |
//! | terms | up to 10 days, see [`Terms`] |
//!
//! Times are offsets from one origin and must not go backwards.

mod clock;
mod settings;
mod slots;
mod wheel;

use std::time::Duration;

use crate::detectors::Terms;
use clock::{Clock, whole_ms};
use slots::{Rest, Slots, Stage, since};
use wheel::{BUCKETS, HORIZON, Place, Wheel};

pub use settings::{Advanced, Full, Overdue, Settings};
pub use slots::Key;

/// Judges many sessions.
///
/// # How to call it
///
/// 1. [`Self::insert`] each, and keep its [`Key`] beside its connection. The first
///    silence begins there.
/// 2. [`Self::on_received`] whenever bytes came in, however few.
/// 3. [`Self::advance`] at [`Self::next_deadline`], or once a tick; again, after a look
///    at other work, if it says [`more`](Advanced::more). Ask for the deadline after
///    `advance`, `insert` and `resume`, which can bring it nearer; what is received does
///    not move it. Too early a call does nothing.
/// 4. Do what it finds: at [`Overdue::Suspect`] ask the peer something that it must
///    answer; at [`Overdue::Silent`] close the connection, and [`Self::remove`] the
///    session, or [`Self::resume`] it if it turns out to live.
/// 5. [`Self::remove`] what has ended in any other way. A key is good until then;
///    afterwards every call with it does nothing and says so.
///
/// While nobody reads from a connection, [`Self::pause`] its session, and
/// [`Self::resume`] it with the next read: a silence that nobody listens to proves
/// nothing. Read what has come before `advance` is called, where both are due: bytes that
/// wait in the kernel are not silence.
///
/// Times are offsets from one origin and never go backwards.
#[derive(Debug)]
pub struct Supervisor {
    tick: u64,
    batch: usize,
    most: usize,
    clock: Clock,
    /// The tick whose bucket was looked at last. All others have theirs after it.
    cursor: u64,
    wheel: Wheel,
    slots: Slots,
}

impl Supervisor {
    /// Supervises nobody yet.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self::with_capacity(settings, 0)
    }

    /// The same, with room for so many sessions: their arrays will not have to grow.
    #[must_use]
    pub fn with_capacity(settings: &Settings, sessions: usize) -> Self {
        let most = settings.most.min(Wheel::MOST as usize);
        Self {
            tick: whole_ms(settings.tick).clamp(1, 10_000),
            batch: settings.batch.max(1),
            most,
            clock: Clock::new(settings.lateness),
            cursor: 0,
            wheel: Wheel::new(),
            slots: Slots::with_capacity(sessions.min(most)),
        }
    }

    /// Sessions there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.slots.len()
    }

    /// There are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The tick in effect.
    #[must_use]
    pub const fn tick(&self) -> Duration {
        Duration::from_millis(self.tick)
    }

    /// Bytes held for all sessions: arrays as they are allocated, wheel included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.wheel.bytes() + self.slots.bytes()
    }

    /// Watches a session, whose first silence begins now. Times of its terms are
    /// rounded up to milliseconds; their own lateness does not count, only that of
    /// the supervisor.
    ///
    /// # Errors
    /// There are as many as were allowed.
    pub fn insert(&mut self, terms: &Terms, now: Duration) -> Result<Key, Full> {
        if self.len() >= self.most {
            return Err(Full { most: self.most });
        }
        let at = self.time(now);
        let key = self.slots.insert(at, Rest::new(terms));
        self.listen(key, at);
        Ok(key)
    }

    /// Forgets a session; `false` if it was forgotten before.
    pub fn remove(&mut self, key: Key) -> bool {
        let Some(slot) = self.slots.find(key) else {
            return false;
        };
        self.disarm(slot);
        self.slots.remove(slot);
        true
    }

    /// Bytes came, however few; `false` if there is no such session any more.
    #[inline]
    pub fn on_received(&mut self, key: Key, now: Duration) -> bool {
        let at = match self.clock.stamp(now) {
            Some(at) => at,
            None => self.time(now) as u32,
        };
        self.slots.hear(key, at)
    }

    /// Nobody reads from it: its silence does not count. `false` if it is not there,
    /// or has been [`Overdue::Silent`].
    pub fn pause(&mut self, key: Key) -> bool {
        let Some(slot) = self.slots.find(key) else {
            return false;
        };
        if self.slots.rest(slot).stage() == Stage::Silent {
            return false;
        }
        self.disarm(slot);
        self.slots.rest_mut(slot).set_stage(Stage::Paused);
        true
    }

    /// Watches it again, after a pause or after it was [`Overdue::Silent`]: a new
    /// silence begins. Nothing is done to one that is being watched. `false` if it
    /// is not there.
    pub fn resume(&mut self, key: Key, now: Duration) -> bool {
        let Some(slot) = self.slots.find(key) else {
            return false;
        };
        if !self.slots.rest(slot).stage().is_armed() {
            let at = self.time(now);
            self.slots.hear(key, at as u32);
            self.listen(key, at);
        }
        true
    }

    /// How long nothing has been heard of it, to the millisecond; `None` if it is
    /// not there or nobody listens.
    #[must_use]
    pub fn silent_for(&self, key: Key, now: Duration) -> Option<Duration> {
        let slot = self.slots.find(key)?;
        if !self.slots.rest(slot).stage().is_armed() {
            return None;
        }
        let age = self.slots.age(slot, self.clock.at(now), self.clock.floor());
        Some(Duration::from_millis(age))
    }

    /// When to call [`Self::advance`] next: the next turn of any session, which need
    /// not be anybody's end. `None` while nobody is watched.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        self.next_due().map(|due| self.clock.outside(due))
    }

    /// Gives every session whose turn has come to `sink`, if it is overdue.
    pub fn advance(&mut self, now: Duration, mut sink: impl FnMut(Key, Overdue)) -> Advanced {
        let at = self.clock.judged(now, self.next_due());
        // Own times are rounded up, so that nothing seems to be heard earlier than it
        // was; a tick has come when its whole time has.
        let begun = u64::from(!now.subsec_nanos().is_multiple_of(1_000_000));
        let end = at.saturating_sub(begun) / self.tick;
        let mut left = self.batch;
        let mut more = false;
        while let Some(tick) = self.next_tick().filter(|&tick| tick <= end) {
            self.cursor = tick;
            left -= self.turns(at, left, &mut sink);
            if left == 0 {
                more = self.next_tick().is_some_and(|tick| tick <= end);
                break;
            }
        }
        if !more {
            self.cursor = self.cursor.max(end);
        }
        if let Some(due) = self.next_due() {
            // What is left of a full batch is not late: it will be done at once.
            self.clock.expect(due.max(at));
        }
        Advanced {
            late: self.clock.take_late(),
            more,
        }
    }

    /// The turns of the cursor's tick, `most` at most; says how many.
    ///
    /// Sessions of a tick lie anywhere in memory. All that a handful of turns need is
    /// loaded before the first of them is judged: loads that do not wait for each
    /// other take hardly longer than one.
    fn turns(&mut self, at: u64, most: usize, sink: &mut impl FnMut(Key, Overdue)) -> usize {
        const HANDFUL: usize = 32;
        let mut slots = [0; HANDFUL];
        let mut loaded = [(0, Rest::EMPTY); HANDFUL];
        let floor = self.clock.floor();
        let mut done = 0;
        while done < most {
            let room = HANDFUL.min(most - done);
            let count = self.wheel.pop(bucket(self.cursor), &mut slots[..room]);
            if count == 0 {
                break;
            }
            for (loaded, &slot) in loaded.iter_mut().zip(&slots[..count]) {
                *loaded = (self.slots.age(slot, at, floor), *self.slots.rest(slot));
            }
            for (&slot, &(age, rest)) in slots[..count].iter().zip(&loaded) {
                self.turn(slot, rest, age, at, sink);
            }
            done += count;
        }
        done
    }

    /// One session's turn, at the tick of the cursor.
    fn turn(
        &mut self,
        slot: u32,
        mut rest: Rest,
        age: u64,
        at: u64,
        sink: &mut impl FnMut(Key, Overdue),
    ) {
        let (overdue, challenge) = (u64::from(rest.overdue), u64::from(rest.challenge()));
        let reached = self.cursor * self.tick;
        let asked = since(rest.suspected_at, at);
        // What was heard before the suspicion is older than it by a millisecond at
        // least, since no terms are shorter; so equal is after.
        let (said, turn) = if rest.stage() == Stage::Suspected && age > asked {
            let deadline = at - asked + challenge;
            if deadline > reached {
                (None, deadline.min(at + overdue))
            } else {
                rest.set_stage(Stage::Silent);
                (Some(Overdue::Silent), 0)
            }
        } else {
            let deadline = at - age + rest.patience();
            if deadline > reached {
                rest.set_stage(Stage::Listening);
                (None, deadline)
            } else if rest.is_one_way() {
                rest.set_stage(Stage::Silent);
                (Some(Overdue::Silent), 0)
            } else {
                // It has its whole time from when it is asked, which is now. It may
                // answer at once and fall silent again, sooner than it would be given
                // up.
                rest.set_stage(Stage::Suspected);
                rest.suspected_at = at as u32;
                (Some(Overdue::Suspect), at + challenge.min(overdue))
            }
        };
        if rest.stage().is_armed() {
            rest.place = self.arm(slot, turn).1;
        }
        *self.slots.rest_mut(slot) = rest;
        if let Some(said) = said {
            sink(self.slots.key(slot), said);
        }
    }

    /// A silence of it begins.
    fn listen(&mut self, key: Key, at: u64) {
        let Some(slot) = self.slots.find(key) else {
            return;
        };
        // Nobody has to call us while nothing is due. Catch up, or all that is far
        // off would come to stand in the one bucket that was farthest then.
        let free = self
            .next_tick()
            .map_or(u64::MAX, |next| next.saturating_sub(1));
        self.cursor = self.cursor.max(free.min(at / self.tick));
        let patience = self.slots.rest(slot).patience();
        let (tick, place) = self.arm(slot, at + patience);
        let rest = self.slots.rest_mut(slot);
        rest.set_stage(Stage::Listening);
        rest.place = place;
        self.clock.expect(tick * self.tick);
    }

    /// Gives a session its turn at the first tick that is not before `deadline`, or
    /// earlier if the wheel ends before; returns the tick, and the place to be kept.
    fn arm(&mut self, slot: u32, deadline: u64) -> (u64, Place) {
        let tick = deadline
            .div_ceil(self.tick)
            .clamp(self.cursor + 1, self.cursor + HORIZON);
        (tick, self.wheel.push(bucket(tick), slot))
    }

    fn disarm(&mut self, slot: u32) {
        let rest = self.slots.rest(slot);
        if rest.stage().is_armed() {
            let place = rest.place;
            if let Some(moved) = self.wheel.take(place) {
                self.slots.rest_mut(moved).place = place;
            }
        }
    }

    /// The next tick that has a turn.
    fn next_tick(&self) -> Option<u64> {
        Some(self.cursor + self.wheel.distance(bucket(self.cursor))?)
    }

    fn next_due(&self) -> Option<u64> {
        Some(self.next_tick()? * self.tick)
    }

    /// The own time of a call.
    fn time(&mut self, now: Duration) -> u64 {
        self.clock.judged(now, self.next_due())
    }
}

/// The bucket of a tick.
const fn bucket(tick: u64) -> u16 {
    (tick % BUCKETS as u64) as u16
}

#[cfg(test)]
mod tests;
