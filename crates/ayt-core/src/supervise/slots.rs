//! What is kept of each session: 28 bytes, in two arrays.
//!
//! A received chunk touches only [`Heard`], 8 bytes a session: a million of them are
//! 8 MB, which stays in the last level of a server's cache. The rest is looked at
//! when a session's turn comes.

use super::wheel::Place;

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

/// What a turn needs besides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rest {
    /// B·M in milliseconds.
    pub(super) overdue: u32,
    /// C in milliseconds.
    pub(super) challenge: u32,
    /// When it was suspected, as `Heard::at`.
    pub(super) suspected_at: u32,
    /// Where the wheel has it; for a free slot the next free one.
    pub(super) place: Place,
    /// Its bucket.
    pub(super) bucket: u16,
    pub(super) stage: Stage,
    pub(super) one_way: bool,
}

/// Where a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
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
        rest.stage = Stage::Free;
        // After four thousand million sessions a slot is given up rather than let an
        // old key fit again: the last generation is never given out.
        heard.generation = heard.generation.saturating_add(1);
        if heard.generation < u32::MAX {
            rest.place = Place(std::mem::replace(&mut self.free, slot));
        }
    }

    /// Notes that bytes came. The whole cost of a received chunk.
    pub(super) fn hear(&mut self, key: Key, at: u64) -> bool {
        match self.heard.get_mut(key.slot as usize) {
            Some(heard) if heard.generation == key.generation => {
                heard.at = at as u32;
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
    use super::*;

    #[test]
    fn a_session_takes_28_bytes() {
        assert_eq!(size_of::<Heard>() + size_of::<Rest>(), 28);
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
        let rest = Rest {
            overdue: 1,
            challenge: 1,
            suspected_at: 0,
            place: Place(0),
            bucket: 0,
            stage: Stage::Paused,
            one_way: false,
        };
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
