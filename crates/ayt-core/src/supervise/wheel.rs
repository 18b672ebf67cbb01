//! A ring of buckets, one a tick; in each the slots whose turn comes then.
//!
//! A bucket is a stack of chunks of a cache line each, all from one pool. So the
//! slots of a tick lie side by side in memory and can be loaded many at a time,
//! which a linked list through the slots themselves would not allow; no bucket holds
//! on to memory that it does not need any more; and a slot can be taken out of the
//! middle in constant time, because its place is known.

/// Buckets: ticks that can be told apart.
pub(super) const BUCKETS: u32 = 1024;
/// Farthest tick ahead that has a bucket of its own.
pub(super) const HORIZON: u64 = BUCKETS as u64 - 1;

const PER_CHUNK: u32 = 14;
const NONE: u32 = u32::MAX;
const WORD: usize = u64::BITS as usize;
const WORDS: usize = BUCKETS as usize / WORD;

/// Where in the pool a slot stands: chunk · 16 + index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(pub(super) u32);

impl Place {
    const fn new(chunk: u32, index: u32) -> Self {
        Self(chunk * 16 + index)
    }

    const fn chunk(self) -> usize {
        (self.0 / 16) as usize
    }

    const fn index(self) -> usize {
        (self.0 % 16) as usize
    }
}

#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Chunk {
    slots: [u32; PER_CHUNK as usize],
    /// The chunk below, or the next free one.
    next: u32,
    /// Whose it is.
    bucket: u32,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// The chunk on top; all below are full.
    top: u32,
    /// Slots in it, 1 to 14; 14 while there is none, so that the next push takes one.
    fill: u32,
}

const EMPTY: Bucket = Bucket {
    top: NONE,
    fill: PER_CHUNK,
};

/// The ring.
#[derive(Debug)]
pub(super) struct Wheel {
    buckets: Box<[Bucket]>,
    /// A bit for each bucket that is not empty.
    occupied: [u64; WORDS],
    chunks: Vec<Chunk>,
    free: u32,
}

impl Wheel {
    /// Slots there can be at most, so that every place fits its number.
    pub(super) const MOST: u32 = 1 << 28;

    pub(super) fn new() -> Self {
        Self {
            buckets: vec![EMPTY; BUCKETS as usize].into_boxed_slice(),
            occupied: [0; WORDS],
            chunks: Vec::new(),
            free: NONE,
        }
    }

    /// Puts a slot into a bucket.
    pub(super) fn push(&mut self, bucket: u16, slot: u32) -> Place {
        let Bucket { mut top, mut fill } = self.buckets[usize::from(bucket)];
        if fill == PER_CHUNK {
            if top == NONE {
                self.occupied[usize::from(bucket) / WORD] |= 1 << (usize::from(bucket) % WORD);
            }
            top = self.take_chunk(bucket, top);
            fill = 0;
        }
        self.chunks[top as usize].slots[fill as usize] = slot;
        self.buckets[usize::from(bucket)] = Bucket {
            top,
            fill: fill + 1,
        };
        Place::new(top, fill)
    }

    /// Takes as many slots out of a bucket as there are and fit; says how many.
    pub(super) fn pop(&mut self, bucket: u16, into: &mut [u32]) -> usize {
        let mut popped = 0;
        let Bucket { mut top, mut fill } = self.buckets[usize::from(bucket)];
        while popped < into.len()
            && let Some(chunk) = self.chunks.get_mut(top as usize)
        {
            let some = (fill as usize).min(into.len() - popped);
            let rest = fill as usize - some;
            into[popped..popped + some].copy_from_slice(&chunk.slots[rest..rest + some]);
            popped += some;
            fill = rest as u32;
            if fill == 0 {
                let below = std::mem::replace(&mut chunk.next, self.free);
                self.free = top;
                top = below;
                fill = PER_CHUNK;
            }
        }
        self.buckets[usize::from(bucket)] = Bucket { top, fill };
        if top == NONE {
            self.occupied[usize::from(bucket) / WORD] &= !(1 << (usize::from(bucket) % WORD));
        }
        popped
    }

    /// Takes the slot at `place` out. Returns the slot that now stands there
    /// instead, if any does.
    pub(super) fn take(&mut self, place: Place) -> Option<u32> {
        let bucket = self.chunks[place.chunk()].bucket as u16;
        let Bucket { top, fill } = self.buckets[usize::from(bucket)];
        let mut last = [NONE];
        self.pop(bucket, &mut last);
        if place == Place::new(top, fill - 1) {
            return None;
        }
        self.chunks[place.chunk()].slots[place.index()] = last[0];
        Some(last[0])
    }

    /// Ticks from `bucket` on, going round, to the first one that is not empty;
    /// 0 if that is `bucket` itself.
    pub(super) fn distance(&self, bucket: u16) -> Option<u64> {
        let from = usize::from(bucket);
        let (word, bit) = (from / WORD, from % WORD);
        let mut mask = u64::MAX << bit;
        // One more than there are: the first word again, for its lower bits.
        for step in 0..=WORDS {
            let at = (word + step) % WORDS;
            let found = self.occupied[at] & mask;
            if found != 0 {
                let bucket = at * WORD + found.trailing_zeros() as usize;
                return Some(((bucket + BUCKETS as usize - from) % BUCKETS as usize) as u64);
            }
            mask = u64::MAX;
        }
        None
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.buckets) + self.chunks.capacity() * size_of::<Chunk>()
    }

    /// A chunk for a bucket, on top of `below`.
    fn take_chunk(&mut self, bucket: u16, below: u32) -> u32 {
        let bucket = u32::from(bucket);
        if let Some(chunk) = self.chunks.get_mut(self.free as usize) {
            chunk.bucket = bucket;
            let taken = self.free;
            self.free = std::mem::replace(&mut chunk.next, below);
            return taken;
        }
        self.chunks.push(Chunk {
            slots: [NONE; PER_CHUNK as usize],
            next: below,
            bucket,
        });
        // At most MOST slots and a chunk for each: it fits.
        (self.chunks.len() - 1) as u32
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn pop(wheel: &mut Wheel, bucket: u16, most: usize) -> Vec<u32> {
        let mut into = vec![0; most];
        let popped = wheel.pop(bucket, &mut into);
        into.truncate(popped);
        into
    }

    #[test]
    fn a_chunk_is_a_cache_line() {
        assert_eq!(size_of::<Chunk>(), 64);
    }

    #[test]
    fn the_next_bucket_is_found_all_round() {
        let mut wheel = Wheel::new();
        assert_eq!(wheel.distance(0), None);
        for at in [0u16, 1, 63, 64, 65, 511, 1023] {
            wheel.push(at, 7);
            for from in 0..BUCKETS as u16 {
                let expected = (u64::from(at) + u64::from(BUCKETS) - u64::from(from)) % 1024;
                assert_eq!(wheel.distance(from), Some(expected), "{at} from {from}");
            }
            assert_eq!(pop(&mut wheel, at, 9), [7]);
            assert_eq!(wheel.distance(at), None);
        }
    }

    #[test]
    fn memory_is_used_again() {
        let mut wheel = Wheel::new();
        for round in 0..2_000u32 {
            let bucket = (round % BUCKETS) as u16;
            for slot in 0..100 {
                wheel.push(bucket, slot);
            }
            assert_eq!(pop(&mut wheel, bucket, 1_000).len(), 100);
        }
        assert_eq!(wheel.chunks.len(), 100usize.div_ceil(14));
    }

    proptest! {
        /// Against a map from slot to bucket: nothing lost, nothing twice, places right.
        #[test]
        fn slots_stand_where_they_are_said_to(
            calls in prop::collection::vec((0..3u8, 0..5u16, any::<u32>()), 0..400),
        ) {
            let mut wheel = Wheel::new();
            let mut model: BTreeMap<u32, (u16, Place)> = BTreeMap::new();
            let mut fresh = 0;
            for (call, bucket, pick) in calls {
                let bucket = bucket * 250;
                match call {
                    0 => {
                        let place = wheel.push(bucket, fresh);
                        model.insert(fresh, (bucket, place));
                        fresh += 1;
                    }
                    1 => {
                        let most = pick as usize % 20;
                        let there = model.values().filter(|&&(other, _)| other == bucket).count();
                        let popped = pop(&mut wheel, bucket, most);
                        prop_assert_eq!(popped.len(), most.min(there));
                        for slot in popped {
                            prop_assert_eq!(model.remove(&slot).unwrap().0, bucket);
                        }
                    }
                    _ => if let Some(&slot) = model.keys().nth(pick as usize % model.len().max(1)) {
                        let (bucket, place) = model.remove(&slot).unwrap();
                        if let Some(moved) = wheel.take(place) {
                            prop_assert_eq!(model[&moved].0, bucket);
                            model.insert(moved, (bucket, place));
                        }
                    },
                }
                for (&slot, &(_, place)) in &model {
                    prop_assert_eq!(wheel.chunks[place.chunk()].slots[place.index()], slot);
                }
                for bucket in (0..5).map(|n| n * 250) {
                    let any = model.values().any(|&(other, _)| other == bucket);
                    prop_assert_eq!(wheel.distance(bucket) == Some(0), any);
                }
            }
        }
    }
}
