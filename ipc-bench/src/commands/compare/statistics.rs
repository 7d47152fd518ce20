//! How sure a change is.

use crate::result::Spread;

/// The median; none without values or when it is not positive.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    Spread::of(values.iter().copied()).map(|spread| spread.median).filter(|median| *median > 0.0)
}

/// The interval of the change from `before` to `after`, as a part (0.1 is 10 % more), that holds the true one
/// with the given confidence. None with fewer than three rounds on a side.
///
/// Welch's interval for the difference of two means, of the logarithms of the rounds' values: noise of a
/// machine is a factor, not a sum. B. L. Welch, "The generalization of 'Student's' problem when several
/// different population variances are involved" (1947).
pub(super) fn interval(before: &[f64], after: &[f64], confidence: f64) -> Option<(f64, f64)> {
    if before.len() < 3 || after.len() < 3 {
        return None;
    }
    let (old, new) = (Moments::of(before), Moments::of(after));
    let (a, b) = (old.variance / old.count, new.variance / new.count);
    let difference = new.mean - old.mean;
    let change = |logarithm: f64| logarithm.exp() - 1.0;
    if a + b <= 0.0 {
        return Some((change(difference), change(difference)));
    }
    let freedom = (a + b).powi(2) / (a.powi(2) / (old.count - 1.0) + b.powi(2) / (new.count - 1.0));
    let reach = (a + b).sqrt() * student((1.0 - confidence) / 2.0, freedom);
    Some((change(difference - reach), change(difference + reach)))
}

/// Count, mean and variance of logarithms.
struct Moments {
    count: f64,
    mean: f64,
    variance: f64,
}

impl Moments {
    fn of(values: &[f64]) -> Moments {
        let logarithms = || values.iter().map(|value| value.max(f64::MIN_POSITIVE).ln());
        let count = values.len() as f64;
        let mean = logarithms().sum::<f64>() / count;
        let squares: f64 = logarithms().map(|value| (value - mean).powi(2)).sum();
        Moments { count, mean, variance: squares / (count - 1.0) }
    }
}

/// The value that a variable of Student's distribution exceeds with probability `tail`.
///
/// With `t = sqrt(freedom) * tan(angle)` the density is `cos(angle)^(freedom - 1)`, which is summed up to the
/// angle.
fn student(tail: f64, freedom: f64) -> f64 {
    const STEPS: usize = 4000;
    let quarter = std::f64::consts::FRAC_PI_2;
    let step = quarter / STEPS as f64;
    // Summed from the far end, where the terms are small.
    let part = |index: usize| (((index as f64) + 0.5) * step).cos().powf(freedom - 1.0);
    let whole: f64 = 2.0 * (0..STEPS).map(part).sum::<f64>();
    let mut beyond = 0.0;
    for index in (0..STEPS).rev() {
        beyond += part(index) / whole;
        if beyond >= tail {
            return freedom.sqrt() * (index as f64 * step).tan();
        }
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (tail, freedom, expected) in [
            (0.025, 4.0, 2.776),
            (0.025, 8.0, 2.306),
            (0.005, 8.0, 3.355),
            (0.0005, 4.0, 8.610),
            (0.025, 1000.0, 1.962),
        ] {
            let found = student(tail, freedom);
            assert!((found / expected - 1.0).abs() < 0.01, "{tail}, {freedom}: {found}, not {expected}");
        }
    }

    #[test]
    fn intervals_hold_the_change_and_shrink_with_confidence() {
        let (before, after) = ([100.0, 102.0, 98.0, 101.0, 99.0], [110.0, 112.0, 108.0, 111.0, 109.0]);
        let (low, high) = interval(&before, &after, 0.99).expect("rounds enough");
        assert!(low < 0.1 && 0.1 < high && low > 0.0, "{low} … {high}");
        let (narrow_low, narrow_high) = interval(&before, &after, 0.5).expect("rounds enough");
        assert!(low < narrow_low && narrow_high < high);
        assert_eq!(interval(&before[..2], &after, 0.99), None);
        assert_eq!(interval(&[100.0; 3], &[100.0; 3], 0.99), Some((0.0, 0.0)));
    }
}
