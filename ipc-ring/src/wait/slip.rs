//! When a consumer lets messages gather before it takes them.
//!
//! A consumer that is as fast as its producers takes each message the moment it is there, and with it the line into which the
//! next one is being written: both sides then wait for lines at every message. A consumer that lets a run of messages gather
//! and takes them in one go leaves the producers alone meanwhile ("temporal slip": Giacomoni, Moseley, Vachharajani,
//! FastForward, PPoPP 2008). Where messages come one by one that would only make them late. So it is tried once in a
//! while, and done for as long as a run does gather.

/// The longest time to let messages gather, in looks with a pause between them: a few microseconds.
pub(crate) const LOOKS: u32 = 300;
/// Waits between two trials, at least and at most. Each trial that was in vain doubles them.
const SELDOM: core::ops::RangeInclusive<u32> = 64..=16_384;

/// What a consumer has learned about runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slip {
    /// The last time a run had gathered.
    gathers: bool,
    /// Waits until the next trial.
    left: u32,
    /// Waits between the last trial and the next one.
    between: u32,
}

impl Slip {
    pub(crate) const fn new() -> Self {
        Self { gathers: false, left: *SELDOM.start(), between: *SELDOM.start() }
    }

    /// A wait begins. Whether to let a run gather.
    pub(crate) fn is_due(&mut self) -> bool {
        self.left = self.left.saturating_sub(1);
        self.gathers || self.left == 0
    }

    /// A run had gathered, or not.
    pub(crate) fn learn(&mut self, gathered: bool) {
        self.between = if gathered { *SELDOM.start() } else { (self.between * 2).min(*SELDOM.end()) };
        self.left = self.between;
        self.gathers = gathered;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits_until_due(slip: &mut Slip) -> u32 {
        (1..).find(|_| slip.is_due()).expect("the numbers do not end")
    }

    #[test]
    fn messages_that_come_alone_are_kept_waiting_less_and_less_often() {
        let mut slip = Slip::new();
        let mut waits = Vec::new();
        for _ in 0..12 {
            waits.push(waits_until_due(&mut slip));
            slip.learn(false);
        }
        assert_eq!(waits[..4], [64, 128, 256, 512]);
        assert_eq!(waits[8..], [16_384; 4]);
    }

    #[test]
    fn runs_are_let_gather_as_long_as_they_do() {
        let mut slip = Slip::new();
        waits_until_due(&mut slip);
        slip.learn(true);
        for _ in 0..5 {
            assert_eq!(waits_until_due(&mut slip), 1);
            slip.learn(true);
        }
        slip.learn(false);
        assert_eq!(waits_until_due(&mut slip), 128);
    }
}
