//! What is kept of each session: 24 bytes, in two arrays.
//!
//! A received chunk touches only [`Heard`], 8 bytes a session: a million of them are
//! 8 MB, which stays in the last level of a server's cache. The rest is looked at
//! when a session's turn comes.

use super::clock::whole_ms;
use super::wheel::Place;
use crate::detectors::Terms;

/// Names a session. One that was removed is never taken for its successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    slot: u32,
    generation: u32,
}

/// What a received chunk touches.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heard {
    /// When, in milliseconds of the clock, its lower 32 bits.
    at: u32,
    /// Grows with each removal.
    generation: u32,
}

/// What a turn needs besides: 16 bytes, so that none lies in two cache lines.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rest {
    /// B·M in milliseconds.
    pub(super) overdue: u32,
    /// When it was suspected, as `Heard::at`.
    pub(super) suspected_at: u32,
    /// Where the wheel has it; for a free slot the next free one.
    pub(super) place: Place,
    /// C in milliseconds, times 16; 8 if one-way; the stage.
    packed: u32,
}

impl Rest {
    pub(super) fn new(terms: &Terms) -> Self {
        // An hour is less than 2²² ms, ten days less than 2³⁰.
        let ms = |time| whole_ms(time) as u32;
        Self {
            overdue: ms(terms.overdue()),
            suspected_at: 0,
            place: Place(0),
            packed: ms(terms.challenge()) * 16
                + u32::from(terms.is_one_way()) * 8
                + Stage::Paused as u32,
        }
    }

    /// Nobody's.
    pub(super) const EMPTY: Self = Self {
        overdue: 0,
        suspected_at: 0,
        place: Place(0),
        packed: Stage::Free as u32,
    };

    /// How long it may be silent until something is said of it.
    pub(super) fn patience(&self) -> u64 {
        let challenge = if self.is_one_way() {
            self.challenge()
        } else {
            0
        };
        u64::from(self.overdue) + u64::from(challenge)
    }

    /// C in milliseconds.
    pub(super) const fn challenge(&self) -> u32 {
        self.packed / 16
    }

    pub(super) const fn is_one_way(&self) -> bool {
        self.packed & 8 != 0
    }

    pub(super) const fn stage(&self) -> Stage {
        match self.packed & 7 {
            0 => Stage::Listening,
            1 => Stage::Suspected,
            2 => Stage::Silent,
            3 => Stage::Paused,
            _ => Stage::Free,
        }
    }

    pub(super) const fn set_stage(&mut self, stage: Stage) {
        self.packed = self.packed & !7 | stage as u32;
    }
}

/// Where a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Stage {
    Listening,
    Suspected,
    Silent,
    Paused,
    Free,
}

impl Stage {
    /// The wheel has it.
    pub(super) const fn is_armed(self) -> bool {
        matches!(self, Self::Listening | Self::Suspected)
    }
}

const NONE: u32 = u32::MAX;

/// All sessions.
#[derive(Debug)]
pub(super) struct Slots {
    heard: Vec<Heard>,
    rest: Vec<Rest>,
    free: u32,
    used: usize,
}

impl Slots {
    pub(super) fn with_capacity(sessions: usize) -> Self {
        Self {
            heard: Vec::with_capacity(sessions),
            rest: Vec::with_capacity(sessions),
            free: NONE,
            used: 0,
        }
    }

    /// Sessions there are.
    pub(super) const fn len(&self) -> usize {
        self.used
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.heard.capacity() * size_of::<Heard>() + self.rest.capacity() * size_of::<Rest>()
    }

    /// A slot for a new session.
    pub(super) fn insert(&mut self, at: u64, rest: Rest) -> Key {
        self.used += 1;
        let slot = self.free;
        if let Some(old) = self.rest.get_mut(slot as usize) {
            self.free = old.place.0;
            *old = rest;
            let heard = &mut self.heard[slot as usize];
            heard.at = at as u32;
            return Key {
                slot,
                generation: heard.generation,
            };
        }
        let slot = self.rest.len() as u32;
        self.rest.push(rest);
        self.heard.push(Heard {
            at: at as u32,
            generation: 0,
        });
        Key {
            slot,
            generation: 0,
        }
    }

    /// Gives a slot back. Its key is worthless from now on.
    pub(super) fn remove(&mut self, slot: u32) {
        self.used -= 1;
        let heard = &mut self.heard[slot as usize];
        let rest = &mut self.rest[slot as usize];
        rest.set_stage(Stage::Free);
        // After four thousand million sessions a slot is given up rather than let an
        // old key fit again: the last generation is never given out.
        heard.generation = heard.generation.saturating_add(1);
        if heard.generation < u32::MAX {
            rest.place = Place(std::mem::replace(&mut self.free, slot));
        }
    }

    /// Notes that bytes came. The whole cost of a received chunk.
    #[inline]
    pub(super) fn hear(&mut self, key: Key, at: u32) -> bool {
        match self.heard.get_mut(key.slot as usize) {
            Some(heard) if heard.generation == key.generation => {
                heard.at = at;
                true
            }
            _ => false,
        }
    }

    /// The slot of a key, if its session is still there.
    pub(super) fn find(&self, key: Key) -> Option<u32> {
        let heard = self.heard.get(key.slot as usize)?;
        (heard.generation == key.generation).then_some(key.slot)
    }

    /// The key of a slot.
    pub(super) fn key(&self, slot: u32) -> Key {
        Key {
            slot,
            generation: self.heard[slot as usize].generation,
        }
    }

    pub(super) fn rest(&self, slot: u32) -> &Rest {
        &self.rest[slot as usize]
    }

    pub(super) fn rest_mut(&mut self, slot: u32) -> &mut Rest {
        &mut self.rest[slot as usize]
    }

    /// How long ago, at `now`, bytes came, if nothing counts that is older than
    /// `floor`.
    pub(super) fn age(&self, slot: u32, now: u64, floor: u64) -> u64 {
        since(self.heard[slot as usize].at, now).min(now.saturating_sub(floor))
    }

    #[cfg(test)]
    pub(super) fn set_generation(&mut self, slot: u32, generation: u32) {
        self.heard[slot as usize].generation = generation;
    }
}

/// Milliseconds from a stored time to `now`. Stored times are less than 24 days old
/// (no terms are longer than half of that), or not looked at; one that seems to lie ahead is
/// now.
pub(super) fn since(stored: u32, now: u64) -> u64 {
    u64::try_from((now as u32).wrapping_sub(stored) as i32).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::detectors::terms::{MOST_CHALLENGE, MOST_INTERVAL, MOST_MISSES};

    #[test]
    fn a_session_takes_24_bytes() {
        assert_eq!(size_of::<Heard>() + size_of::<Rest>(), 24);
    }

    #[test]
    fn what_is_packed_comes_out_again() {
        let most = Terms::new(MOST_INTERVAL, MOST_MISSES, MOST_CHALLENGE).unwrap();
        for terms in [most, most.one_way()] {
            let mut rest = Rest::new(&terms);
            for stage in [
                Stage::Listening,
                Stage::Suspected,
                Stage::Silent,
                Stage::Paused,
                Stage::Free,
            ] {
                rest.set_stage(stage);
                assert_eq!(rest.stage(), stage);
                assert_eq!(rest.is_one_way(), terms.is_one_way());
                assert_eq!(rest.challenge(), 3_600_000);
                assert_eq!(rest.overdue, 864_000_000);
            }
        }
    }

    #[test]
    fn ages_survive_the_wrap_of_their_clock() {
        let wrap = 1 << 32;
        assert_eq!(since(u32::MAX, wrap + 4), 5);
        assert_eq!(since(5, wrap + 5), 0);
        assert_eq!(since(6, wrap + 5), 0);
        assert_eq!(since(0, 20 * 86_400_000), 20 * 86_400_000);
    }

    #[test]
    fn a_slot_is_given_up_before_an_old_key_fits_again() {
        let second = Duration::from_secs(1);
        let rest = Rest::new(&Terms::new(second, 1, second).unwrap());
        let mut slots = Slots::with_capacity(0);
        let key = slots.insert(0, rest);
        slots.set_generation(0, u32::MAX - 2);
        slots.remove(0);
        let last = slots.insert(0, rest);
        assert_eq!(
            (last.slot, last.generation),
            (0, u32::MAX - 1),
            "one more is left"
        );
        slots.remove(0);
        assert_eq!(slots.insert(0, rest).slot, 1);
        assert_eq!(slots.find(last), None);
        assert_eq!(slots.find(key), None);
    }
}
