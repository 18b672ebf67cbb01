//! The search itself: known good below, known bad above, and what to try between.

use std::time::Duration;

use super::terms::{NEAR, SUCCESSES, SearchTerms};

/// What is known of one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Bounds {
    /// The longest silence that was survived.
    pub(super) good: Option<Duration>,
    /// The shortest that was not, more than once. Above `good`.
    pub(super) bad: Option<Duration>,
    /// How often `good` was survived.
    successes: u8,
    /// How far below `bad` to go while nothing good is known; doubles.
    stride: Duration,
}

impl Bounds {
    /// What was known before; confirmed, if a search has ended with it.
    pub(super) fn new(good: Option<Duration>, bad: Option<Duration>, confirmed: bool) -> Self {
        Self {
            good,
            bad,
            successes: if confirmed { SUCCESSES } else { 0 },
            ..Self::default()
        }
    }

    /// What to try next; `None` when there is nothing more to learn.
    pub(super) fn candidate(&self, terms: &SearchTerms) -> Option<Duration> {
        match (self.good, self.bad) {
            (None, None) => Some(terms.floor),
            (None, Some(bad)) if bad <= terms.floor => None,
            (None, Some(bad)) => Some(bad.saturating_sub(self.stride).max(terms.floor)),
            (Some(good), None) if good < terms.ceiling => Some((good * 2).min(terms.ceiling)),
            (Some(good), Some(bad)) if bad - good > near(good) => {
                // Whole milliseconds, as a spare is asked for them.
                let step = (bad - good).as_millis() / 2;
                Some(good + Duration::from_millis(u64::try_from(step).unwrap_or(1).max(1)))
            }
            (Some(good), _) => (self.successes < SUCCESSES).then_some(good),
        }
    }

    /// What to try after a long time, when the box may have been changed; `None` when
    /// nothing longer is wanted.
    pub(super) fn longer(&self, terms: &SearchTerms) -> Option<Duration> {
        let doubled = || self.good.map_or(terms.floor, |good| good * 2);
        (self.good != Some(terms.ceiling))
            .then(|| self.bad.unwrap_or_else(doubled).min(terms.ceiling))
    }

    /// It was survived.
    pub(super) fn survived(&mut self, silence: Duration) {
        match self.good {
            Some(good) if silence < good => return,
            Some(good) if silence == good => self.successes = self.successes.saturating_add(1),
            _ => (self.good, self.successes) = (Some(silence), 1),
        }
        self.bad = self.bad.filter(|&bad| bad > silence);
    }

    /// It was not, and that is believed.
    pub(super) fn too_long(&mut self, silence: Duration) {
        if self.good.is_some_and(|good| silence <= good) {
            // What was good is not any more: look for something good below, in steps
            // that grow, since it is more likely near.
            (self.good, self.successes) = (None, 0);
            self.stride = near(silence);
        } else {
            self.stride = (self.stride * 2).max(near(silence));
        }
        self.bad = Some(silence);
    }
}

/// The difference that is near enough: a sixteenth, at least a millisecond.
fn near(silence: Duration) -> Duration {
    let ms = u64::try_from(silence.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis((ms / u64::from(NEAR)).max(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn s(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    /// Searches against a path that survives what is shorter than `truth`. Returns
    /// the silences tried, a failure counted once.
    fn search(terms: &SearchTerms, bounds: &mut Bounds, truth: Duration) -> Vec<Duration> {
        let mut tried = Vec::new();
        while let Some(silence) = bounds.candidate(terms) {
            tried.push(silence);
            if silence < truth {
                bounds.survived(silence);
            } else {
                bounds.too_long(silence);
            }
            assert!(tried.len() < 100, "{tried:?}");
        }
        tried
    }

    #[test]
    fn it_doubles_halves_and_confirms() {
        let terms = SearchTerms::new(s(30), s(3_600)).unwrap();
        let mut bounds = Bounds::default();
        let tried = search(&terms, &mut bounds, s(350));
        let tried: Vec<u64> = tried.iter().map(Duration::as_secs).collect();
        assert_eq!(tried, [30, 60, 120, 240, 480, 360, 300, 330, 345, 345]);
        assert_eq!((bounds.good, bounds.bad), (Some(s(345)), Some(s(360))));
    }

    #[test]
    fn the_ceiling_and_the_floor_end_it() {
        let terms = SearchTerms::new(s(30), s(100)).unwrap();
        let mut bounds = Bounds::default();
        let tried = search(&terms, &mut bounds, s(7_200));
        assert_eq!(tried, [s(30), s(60), s(100), s(100)]);
        let mut bounds = Bounds::default();
        assert_eq!(search(&terms, &mut bounds, s(20)), [s(30)]);
        assert_eq!((bounds.good, bounds.bad), (None, Some(s(30))));
    }

    #[test]
    fn what_is_good_no_more_is_looked_for_nearby_first() {
        let terms = SearchTerms::new(s(30), s(3_600)).unwrap();
        let mut bounds = Bounds::new(Some(s(1_600)), Some(s(1_700)), true);
        bounds.too_long(s(1_600));
        let tried: Vec<u64> = search(&terms, &mut bounds, s(1_000))
            .iter()
            .map(Duration::as_secs)
            .collect();
        assert_eq!(tried[..4], [1_500, 1_300, 900, 1_100]);
        assert_eq!(bounds.good.unwrap().as_secs(), tried[tried.len() - 1]);
    }

    proptest! {
        #[test]
        fn it_ends_near_the_truth_within_the_stated_tries(
            floor in 10..100_000u64,
            more in 0..7_000_000u64,
            truth in 1..8_000_000u64,
        ) {
            let ms = Duration::from_millis;
            let (ceiling, truth) = ((floor + more).min(7_200_000), ms(truth));
            let terms = SearchTerms::new(ms(floor), ms(ceiling)).unwrap();
            let mut bounds = Bounds::default();
            let tried = search(&terms, &mut bounds, truth);
            let silences: u32 = tried.iter().map(|&silence| if silence < truth { 1 } else { 2 }).sum();
            prop_assert!(silences <= terms.tries(), "{silences} of {}: {tried:?}", terms.tries());
            prop_assert!(tried.iter().all(|silence| (ms(floor)..=ms(ceiling)).contains(silence)));
            match bounds.good {
                None => prop_assert!(truth <= ms(floor)),
                Some(good) => {
                    prop_assert!(good < truth);
                    let reach = truth.min(ms(ceiling));
                    prop_assert!(good * 17 / 16 + ms(1) >= reach, "{good:?} of {reach:?}");
                }
            }
        }
    }
}
