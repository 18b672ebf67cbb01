//! Summing up rounds.

/// What several rounds gave, in one unit.
#[derive(Debug, Clone, Default)]
pub(super) struct Samples(Vec<f64>);

impl Samples {
    pub(super) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The middle value, or the mean of the two in the middle. `None` of none.
    pub(super) fn median(&self) -> Option<f64> {
        let sorted = self.sorted();
        let upper = *sorted.get(sorted.len() / 2)?;
        let lower = *sorted.get((sorted.len() - 1) / 2)?;
        Some(f64::midpoint(lower, upper))
    }

    pub(super) fn min(&self) -> Option<f64> {
        self.sorted().first().copied()
    }

    pub(super) fn max(&self) -> Option<f64> {
        self.sorted().last().copied()
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<T: IntoIterator<Item = f64>>(values: T) -> Self {
        Self(values.into_iter().collect())
    }
}

/// Each value through the one of the same round in `base`.
pub(super) fn ratios(values: &Samples, base: &Samples) -> Samples {
    values
        .0
        .iter()
        .zip(&base.0)
        .map(|(value, base)| value / base)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let of = |values: &[f64]| values.iter().copied().collect::<Samples>();
        assert_eq!(of(&[]).median(), None);
        assert_eq!(of(&[3.0]).median(), Some(3.0));
        assert_eq!(of(&[9.0, 1.0, 2.0]).median(), Some(2.0));
        assert_eq!(of(&[4.0, 1.0, 2.0, 9.0]).median(), Some(3.0));
        assert_eq!(of(&[4.0, 1.0, 9.0]).min(), Some(1.0));
        assert_eq!(of(&[4.0, 1.0, 9.0]).max(), Some(9.0));
    }

    #[test]
    fn a_ratio_is_taken_within_its_round() {
        let values: Samples = [2.0, 30.0].into_iter().collect();
        let base: Samples = [1.0, 10.0, 7.0].into_iter().collect();
        let ratios = ratios(&values, &base);
        assert_eq!(ratios.len(), 2);
        assert_eq!((ratios.min(), ratios.max()), (Some(2.0), Some(3.0)));
    }
}
