//! Growing pauses of random length between attempts, so that the many clients of a restarted server do not
//! all connect at once.

use std::time::Duration;

/// The upper limit of the first pause.
const FIRST: Duration = Duration::from_millis(2);
/// The upper limit of all pauses.
const LONGEST: Duration = Duration::from_millis(200);

/// The pauses of one series of attempts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    limit: Duration,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { limit: FIRST }
    }

    /// The next pause, from a random number: between half of a limit and that limit, which doubles.
    pub(super) fn next(&mut self, random: u32) -> Duration {
        let half = self.limit / 2;
        let pause = half + half.mul_f64(f64::from(random) / f64::from(u32::MAX));
        self.limit = (self.limit * 2).min(LONGEST);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_limit_and_differ() {
        let (mut short, mut long) = (Backoff::new(), Backoff::new());
        for attempt in 0..20 {
            let (least, most) = (short.next(0), long.next(u32::MAX));
            assert_eq!(most, least * 2, "{attempt}");
            assert!(most <= LONGEST);
        }
        assert_eq!(long.next(u32::MAX), LONGEST);
    }
}
