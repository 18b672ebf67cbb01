//! The upper tail of the normal distribution, as the power of ten that phi is.
//!
//! Computed as a logarithm from the start. `1 − F(y)` itself is rounded to zero
//! beyond y = 8.3, and its logarithm is then infinite: the form in which this is
//! often written answers infinity, or stops growing, just where it matters.

use std::f64::consts::{LN_10, PI};

/// Where the series gives way to the continued fraction.
const SEAM: f64 = 2.5;

/// −log10 of the probability that a standard normal value exceeds `y`. Finite and not
/// negative for every finite `y`, and growing with it.
pub(super) fn phi(y: f64) -> f64 {
    if y < -SEAM {
        // 1 − Q(−y), with Q small.
        return -(-(-phi(-y) * LN_10).exp()).ln_1p() / LN_10;
    }
    if y < SEAM {
        return -(0.5 - central(y)).log10();
    }
    // Q(y) = density(y) · mills(y).
    let y = y.min(1e100);
    (y * y / 2.0 + (2.0 * PI).sqrt().ln() - mills(y).ln()) / LN_10
}

/// The `y` of which [`phi`] is `wanted`, which is to lie between 0.01 and 300. By
/// bisection, once for each detector.
pub(super) fn inverse(wanted: f64) -> f64 {
    let (mut low, mut high) = (-5.0, 40.0);
    for _ in 0..80 {
        let middle = f64::midpoint(low, high);
        if phi(middle) < wanted {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// F(y) − 1/2: density(y) · (y + y³/3 + y⁵/(3·5) + ...), Abramowitz and Stegun 26.2.11.
fn central(y: f64) -> f64 {
    let mut term = y;
    let mut sum = y;
    for n in 1..60 {
        term *= y * y / f64::from(2 * n + 1);
        sum += term;
    }
    sum * (-y * y / 2.0).exp() / (2.0 * PI).sqrt()
}

/// Q(y) / density(y) = 1/(y + 1/(y + 2/(y + 3/(y + ...)))), 26.2.14 of the same.
fn mills(y: f64) -> f64 {
    let mut below = y;
    for n in (1..120).rev() {
        below = y + f64::from(n) / below;
    }
    1.0 / below
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_agrees_with_tables() {
        // Q of whole and half numbers: Abramowitz and Stegun, table 26.1 and 26.2.
        for (y, q) in [
            (0.0, 0.5),
            (0.5, 0.308_537_538_725_987),
            (1.0, 0.158_655_253_931_457),
            (2.0, 0.022_750_131_948_179),
            (3.0, 1.349_898_031_630e-3),
            (5.0, 2.866_515_718_792e-7),
            (-1.0, 0.841_344_746_068_543),
            (-3.0, 0.998_650_101_968_370),
        ] {
            let got = phi(y);
            assert!((got + f64::log10(q)).abs() < 1e-9, "{y}: {got}");
        }
        // −log10 Q(y) far out: table 26.2.
        for (y, expected) in [(10.0, 23.118_05), (20.0, 88.560_10), (50.0, 544.966_34)] {
            assert!((phi(y) - expected).abs() < 1e-4, "{y}: {}", phi(y));
        }
    }

    #[test]
    fn a_threshold_of_8_is_5_6_standard_deviations() {
        assert!((inverse(8.0) - 5.612).abs() < 1e-3, "{}", inverse(8.0));
    }

    #[test]
    fn the_seams_are_smooth() {
        for seam in [SEAM, -SEAM] {
            let (below, above) = (phi(seam - 1e-9), phi(seam + 1e-9));
            assert!(below <= above && above - below < 1e-6, "{below} {above}");
        }
    }

    proptest! {
        #[test]
        fn it_is_finite_and_grows(a in -1e6..1e6f64, step in 0.0..100.0f64, far in 1.0..300.0f64) {
            let far = 10f64.powf(far);
            for y in [a, a / 1e5, far, -far] {
                prop_assert!(phi(y).is_finite() && phi(y) >= 0.0);
            }
            prop_assert!(phi(a / 1e4 + step) >= phi(a / 1e4) * (1.0 - 1e-12));
        }

        #[test]
        fn the_inverse_is_one(wanted in 0.01..300.0f64) {
            let y = inverse(wanted);
            prop_assert!((phi(y) - wanted).abs() < 1e-9 * wanted.max(1.0));
        }
    }
}
