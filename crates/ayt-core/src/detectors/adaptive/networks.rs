//! What is known of each network while the program runs.

use std::time::Duration;

use super::bounds::Bounds;
use super::memory::{MOST_LABEL, Memory, Network};
use super::terms::{BadSearch, SearchTerms};

/// What is known of a network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Known {
    label: String,
    pub(super) bounds: Bounds,
    /// The search is over, or has been and is not to disturb its result.
    pub(super) settled: Option<Settled>,
}

/// The result of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Settled {
    /// The longest silence that is survived; `None` if not even the floor is.
    pub(super) good: Option<Duration>,
    /// Since when.
    at: Duration,
    /// How old it was then.
    age: Duration,
}

impl Settled {
    pub(super) const fn new(good: Option<Duration>, now: Duration) -> Self {
        Self {
            good,
            at: now,
            age: Duration::ZERO,
        }
    }

    pub(super) fn age(&self, now: Duration) -> Duration {
        self.age.saturating_add(now.saturating_sub(self.at))
    }

    /// When it will be as old as that.
    pub(super) fn when(&self, age: Duration) -> Duration {
        self.at.saturating_add(age.saturating_sub(self.age))
    }
}

/// The networks, the one in use first, then by how recently they were in use.
#[derive(Debug, Clone)]
pub(super) struct Networks {
    known: Vec<Known>,
    most: usize,
}

impl Networks {
    /// What was stored, as far as it makes sense with these terms; then the network
    /// without a name.
    pub(super) fn restored(memory: &Memory, terms: &SearchTerms, now: Duration) -> Self {
        let mut networks = Self {
            known: Vec::new(),
            most: terms.networks,
        };
        for network in memory.networks.iter().take(terms.networks) {
            let seen = networks
                .known
                .iter()
                .any(|known| known.label == network.label);
            if network.label.len() <= MOST_LABEL && !seen {
                networks.known.push(restored(network, terms, now));
            }
        }
        networks.switch("");
        networks
    }

    pub(super) fn store(&self, now: Duration) -> Memory {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let networks = self.known.iter().map(|known| Network {
            label: known.label.clone(),
            good_ms: match known.settled {
                Some(settled) => settled.good.map(ms),
                None => known.bounds.good.map(ms),
            },
            bad_ms: known.bounds.bad.map(ms),
            settled_s: known.settled.map(|settled| settled.age(now).as_secs()),
        });
        Memory {
            networks: networks.collect(),
        }
    }

    /// Another network is in use; forgets the one that was not for the longest time.
    pub(super) fn change(&mut self, label: &str) -> Result<(), BadSearch> {
        if label.len() > MOST_LABEL {
            return Err(BadSearch::Label(label.len()));
        }
        self.switch(label);
        Ok(())
    }

    fn switch(&mut self, label: &str) {
        let found = self.known.iter().position(|known| known.label == label);
        let known = found.map_or_else(
            || Known {
                label: label.to_owned(),
                ..Known::default()
            },
            |at| self.known.remove(at),
        );
        self.known.insert(0, known);
        self.known.truncate(self.most);
    }

    /// The network in use.
    pub(super) fn here(&self) -> &Known {
        // There is always one: made with one, and `most` is at least 1.
        &self.known[0]
    }

    pub(super) fn here_mut(&mut self) -> &mut Known {
        &mut self.known[0]
    }
}

fn restored(network: &Network, terms: &SearchTerms, now: Duration) -> Known {
    let within = terms.floor..=terms.ceiling;
    let good = network
        .good_ms
        .map(|ms| Duration::from_millis(ms).min(terms.ceiling))
        .filter(|good| within.contains(good));
    let bad = network
        .bad_ms
        .map(|ms| Duration::from_millis(ms).max(terms.floor))
        .filter(|bad| good.is_none_or(|good| *bad > good))
        .filter(|bad| *bad <= terms.ceiling);
    // Settled with nothing good means that not even the floor is.
    let settled = network
        .settled_s
        .filter(|_| good.is_some() || bad.is_some_and(|bad| bad <= terms.floor));
    Known {
        label: network.label.clone(),
        bounds: Bounds::new(good, bad, settled.is_some()),
        settled: settled.map(|age| Settled {
            good,
            at: now,
            age: Duration::from_secs(age),
        }),
    }
}
