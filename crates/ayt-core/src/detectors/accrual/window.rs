//! The last gaps between arrivals, in memory fixed at the start, summed up exactly.

use std::time::Duration;

/// What a gap is counted in: 0.1 ms. The longest that can be told apart is then 119 h.
const UNIT_NANOS: u128 = 100_000;

/// A ring of gaps with their sums. The sums are whole numbers: nothing drifts, however
/// many gaps have come and gone.
#[derive(Debug, Clone)]
pub(super) struct Window {
    gaps: Box<[u32]>,
    /// Where the next goes.
    next: usize,
    filled: usize,
    sum: u64,
    squares: u128,
}

impl Window {
    pub(super) fn new(size: usize) -> Self {
        Self {
            gaps: vec![0; size.max(1)].into_boxed_slice(),
            next: 0,
            filled: 0,
            sum: 0,
            squares: 0,
        }
    }

    /// Takes a gap in, in the place of the eldest.
    pub(super) fn push(&mut self, gap: Duration) {
        let gap = u32::try_from(gap.as_nanos() / UNIT_NANOS).unwrap_or(u32::MAX);
        let old = u64::from(std::mem::replace(&mut self.gaps[self.next], gap));
        let gap = u64::from(gap);
        self.sum = self.sum + gap - old;
        self.squares = self.squares + u128::from(gap * gap) - u128::from(old * old);
        self.next = (self.next + 1) % self.gaps.len();
        self.filled = (self.filled + 1).min(self.gaps.len());
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.filled
    }

    /// Mean and standard deviation in seconds; zero of none.
    pub(super) fn moments(&self) -> (f64, f64) {
        let n = self.filled.max(1) as u128;
        let sum = u128::from(self.sum);
        // n²·variance = n·Σx² − (Σx)², never below zero, and exact.
        let spread = (n * self.squares - sum * sum) as f64;
        let unit = UNIT_NANOS as f64 / 1e9;
        let n = n as f64;
        (sum as f64 / n * unit, spread.sqrt() / n * unit)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sums_are_those_of_the_last_gaps(
            size in 1..20usize,
            gaps in prop::collection::vec(prop_oneof![0..100_000u64, any::<u64>()], 0..80),
        ) {
            let mut window = Window::new(size);
            for &gap in &gaps {
                window.push(Duration::from_micros(gap));
            }
            let last: Vec<f64> = gaps
                .iter()
                .rev()
                .take(size)
                .map(|&gap| (gap / 100).min(u64::from(u32::MAX)) as f64 / 1e4)
                .collect();
            prop_assert_eq!(window.len(), last.len());
            let n = last.len().max(1) as f64;
            let mean = last.iter().sum::<f64>() / n;
            let deviation = (last.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
            let (got, spread) = window.moments();
            prop_assert!((got - mean).abs() <= 1e-9 * mean.max(1.0), "{got} {mean}");
            prop_assert!((spread - deviation).abs() <= 1e-6 * deviation.max(1.0), "{spread} {deviation}");
        }
    }
}
