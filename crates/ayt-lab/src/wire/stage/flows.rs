//! Conversations by their addresses, in bounded room.

use std::net::SocketAddr;
use std::time::Duration;

use rustc_hash::FxHashMap;

use crate::packet::Flow;

/// Conversations at most; the one that has been quiet longest goes for a new one.
const MOST: usize = 1 << 16;

/// Something for each conversation, whichever side names it.
#[derive(Debug)]
pub(super) struct Table<T> {
    entries: FxHashMap<Key, Entry<T>>,
}

/// Both ends, the smaller first.
type Key = (u8, SocketAddr, SocketAddr);

#[derive(Debug)]
struct Entry<T> {
    used: Duration,
    value: T,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            entries: FxHashMap::default(),
        }
    }
}

fn key(flow: Flow) -> Key {
    let (a, b) = (flow.source, flow.destination);
    (flow.protocol, a.min(b), a.max(b))
}

impl<T> Table<T> {
    pub(super) fn get(&self, flow: Flow) -> Option<&T> {
        self.entries.get(&key(flow)).map(|entry| &entry.value)
    }

    /// What there is of a conversation, noting that it is in use now.
    pub(super) fn used(&mut self, flow: Flow, now: Duration) -> Option<&mut T> {
        let entry = self.entries.get_mut(&key(flow))?;
        entry.used = now;
        Some(&mut entry.value)
    }

    /// How long a conversation has been quiet.
    pub(super) fn quiet(&self, flow: Flow, now: Duration) -> Option<Duration> {
        let entry = self.entries.get(&key(flow))?;
        Some(now.saturating_sub(entry.used))
    }

    pub(super) fn insert(&mut self, flow: Flow, now: Duration, value: T) -> &mut T {
        let key = key(flow);
        if self.entries.len() >= MOST && !self.entries.contains_key(&key) {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used);
            if let Some(oldest) = oldest.map(|(key, _)| *key) {
                self.entries.remove(&oldest);
            }
        }
        let entry = Entry { used: now, value };
        &mut self.entries.entry(key).insert_entry(entry).into_mut().value
    }

    pub(super) fn remove(&mut self, flow: Flow) -> Option<T> {
        self.entries.remove(&key(flow)).map(|entry| entry.value)
    }

    /// Takes out those that have been quiet for `idle` or longer.
    pub(super) fn take_quiet(&mut self, idle: Duration, now: Duration) -> Vec<T> {
        let gone = |_: &Key, entry: &mut Entry<T>| now.saturating_sub(entry.used) >= idle;
        let taken = self.entries.extract_if(gone);
        taken.map(|(_, entry)| entry.value).collect()
    }

    /// The time at which the one that is quiet longest was used last.
    pub(super) fn oldest(&self) -> Option<Duration> {
        self.entries.values().map(|entry| entry.used).min()
    }
}

impl<T: Default> Table<T> {
    /// What there is of a conversation, or something new.
    pub(super) fn entry(&mut self, flow: Flow, now: Duration) -> &mut T {
        if self.get(flow).is_none() {
            self.insert(flow, now, T::default());
        }
        // It is there: this or the line above put it there.
        let entry = self.entries.entry(key(flow)).or_insert_with(|| Entry {
            used: now,
            value: T::default(),
        });
        entry.used = now;
        &mut entry.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(port: u16) -> Flow {
        Flow {
            protocol: 6,
            source: SocketAddr::from(([10, 0, 0, 1], port)),
            destination: SocketAddr::from(([10, 0, 0, 2], 80)),
        }
    }

    #[test]
    fn both_sides_name_the_same() {
        let mut table = Table::default();
        *table.entry(flow(1), Duration::ZERO) = 7;
        assert_eq!(table.get(flow(1).back()), Some(&7));
        assert_eq!(table.get(flow(2)), None);
    }

    #[test]
    fn the_quiet_ones_go() {
        let mut table = Table::default();
        let second = Duration::from_secs(1);
        table.insert(flow(1), Duration::ZERO, 1);
        table.insert(flow(2), second, 2);
        assert_eq!(table.oldest(), Some(Duration::ZERO));
        assert_eq!(table.take_quiet(second, second), [1]);
        assert_eq!(table.quiet(flow(2), second * 3), Some(second * 2));
    }
}
