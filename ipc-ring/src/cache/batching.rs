//! Deliberate waiting: a consumer waits until messages have accumulated, a producer until slots have become
//! free.
//!
//! A consumer that is as fast as its producers takes each message at once, and with it the cache line into
//! which the next one is being written: both sides then wait for lines at every message. A consumer that lets
//! a batch of messages accumulate and takes them together leaves the producers undisturbed meanwhile
//! ("temporal slipping": Giacomoni, Moseley, Vachharajani, FastForward, PPoPP 2008). Where messages come one
//! by one, that would only delay them. So it is tried once in a while, and done for as long as batches do
//! accumulate.
//!
//! The same happens at the other end of a full ring: a producer that is as fast as its consumers takes each
//! slot at once when it becomes free. There no trial is needed. A message pushed into a full ring is far from
//! being popped, so letting a batch of slots become free first delays none.

use super::processor;
use crate::wait::pause;

/// The longest wait for messages of up to 1 KiB to accumulate, in checks with a pause between them: a few
/// microseconds.
const LOOKS: u32 = 300;
/// The longest wait for larger messages, as a multiple of that.
const LONGEST: usize = 8;
/// The number of waits between two trials, minimum and maximum. Each trial without success doubles it.
const SELDOM: core::ops::RangeInclusive<u32> = 64..=16_384;

/// Checks for a few microseconds at most whether something has accumulated.
#[inline]
pub(crate) fn watch(accumulated: impl FnMut() -> bool) {
    watch_for(LOOKS, 1, accumulated);
}

/// Checks during this number of pauses, of which `between` lie between two checks.
#[inline]
fn watch_for(pauses: u32, between: u32, mut accumulated: impl FnMut() -> bool) {
    if !processor::waits_for_batches() {
        return;
    }
    for _ in 0..pauses / between {
        if accumulated() {
            return;
        }
        for _ in 0..between {
            pause();
        }
    }
}

/// The number of slots of `stride` bytes in a batch: as many as `bytes` hold, within a sensible range of
/// messages and at most a quarter of the ring. 0 if that is too few to be worth a wait.
pub(crate) const fn batch_len(bytes: usize, stride: usize, capacity: u64) -> u64 {
    let batch = match (bytes / stride) as u64 {
        0..8 => 8,
        batch @ 8..=64 => batch,
        _ => 64,
    };
    match if batch < capacity / 4 { batch } else { capacity / 4 } {
        0..4 => 0,
        batch => batch,
    }
}

/// How long to let a batch of messages of `size` bytes accumulate.
const fn looks(size: usize) -> u32 {
    LOOKS
        * match size / 1024 {
            0 => 1,
            times @ 1..LONGEST => times as u32,
            _ => LONGEST as u32,
        }
}

/// What a consumer has learned about batches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batching {
    /// The last time a batch had accumulated.
    accumulates: bool,
    /// Waits until the next trial.
    left: u32,
    /// Waits between the last trial and the next one.
    between: u32,
}

impl Batching {
    pub(crate) const fn new() -> Self {
        Self { accumulates: false, left: *SELDOM.start(), between: *SELDOM.start() }
    }

    /// A wait begins. Waits for a batch of messages of `size` bytes, if that has been useful lately or a
    /// trial is due. `is_ready` says whether this number of messages is there; a `batch` of 0 means no batch.
    /// `between` pauses lie between two checks.
    pub(crate) fn wait_for_batch(
        &mut self,
        size: usize,
        batch: u64,
        between: u32,
        is_ready: impl Fn(u64) -> bool,
    ) {
        if batch == 0 || !self.is_due() {
            return;
        }
        watch_for(looks(size), between, || is_ready(batch));
        self.learn(is_ready(batch / 2));
    }

    /// Whether a batch had accumulated the last time.
    pub(crate) const fn accumulates(&self) -> bool {
        self.accumulates
    }

    /// Whether to let a batch accumulate in this wait.
    fn is_due(&mut self) -> bool {
        self.left = self.left.saturating_sub(1);
        self.accumulates || self.left == 0
    }

    /// Records whether a batch had accumulated.
    fn learn(&mut self, accumulated: bool) {
        self.between = if accumulated { *SELDOM.start() } else { (self.between * 2).min(*SELDOM.end()) };
        self.left = self.between;
        self.accumulates = accumulated;
    }
}

/// Counts the pushes of a producer, to check now and then whether the ring is almost full.
///
/// A producer in step with its consumers finds a single free slot at every push, and never waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PushCount {
    /// Slots in a batch; 0 if the producer never waits for one.
    batch: u64,
    /// Pushes since the last check.
    pushes: u64,
}

impl PushCount {
    pub(crate) const fn new(batch: u64) -> Self {
        Self { batch, pushes: 0 }
    }

    /// Slots in a batch.
    pub(crate) const fn batch_len(&self) -> u64 {
        self.batch
    }

    /// A push that may wait begins. Whether a check is due.
    #[inline(always)]
    pub(crate) const fn is_due(&mut self) -> bool {
        self.pushes += 1;
        self.pushes == self.batch
    }

    /// A check begins: the next one is due after another batch.
    pub(crate) const fn looked(&mut self) {
        self.pushes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits_until_due(batching: &mut Batching) -> u32 {
        (1..).find(|_| batching.is_due()).expect("the numbers do not end")
    }

    #[test]
    fn messages_that_come_alone_are_kept_waiting_less_and_less_often() {
        let mut batching = Batching::new();
        let mut waits = Vec::new();
        for _ in 0..12 {
            waits.push(waits_until_due(&mut batching));
            batching.learn(false);
        }
        assert_eq!(waits[..4], [64, 128, 256, 512]);
        assert_eq!(waits[8..], [16_384; 4]);
    }

    #[test]
    fn batches_are_awaited_as_long_as_they_accumulate() {
        let mut batching = Batching::new();
        waits_until_due(&mut batching);
        batching.learn(true);
        for _ in 0..5 {
            assert_eq!(waits_until_due(&mut batching), 1);
            batching.learn(true);
        }
        batching.learn(false);
        assert_eq!(waits_until_due(&mut batching), 128);
    }

    #[test]
    fn long_messages_are_given_longer_to_accumulate() {
        assert_eq!([8, 1024, 4096, 65_536].map(|size| looks(size) / LOOKS), [1, 1, 4, 8]);
    }

    #[test]
    fn a_batch_is_neither_too_short_nor_too_long() {
        assert_eq!(batch_len(8192, 72, 1024), 64);
        assert_eq!(batch_len(8192, 264, 1024), 31);
        assert_eq!(batch_len(8192, 65544, 1024), 8, "also of slots that are longer than a batch");
        assert_eq!(batch_len(8192, 72, 16), 4, "a quarter of the ring");
        assert_eq!(batch_len(8192, 72, 8), 0, "not worth a wait");
    }

    #[test]
    fn a_producer_looks_once_in_a_batch() {
        let mut count = PushCount::new(16);
        for _ in 0..3 {
            assert_eq!((1..).find(|_| count.is_due()), Some(16));
            count.looked();
        }
        count.is_due();
        count.looked();
        assert_eq!((1..).find(|_| count.is_due()), Some(16), "a look in between counts");
    }

    #[test]
    fn a_producer_of_a_ring_without_batches_never_looks() {
        let mut count = PushCount::new(0);
        assert!((0..100_000).all(|_| !count.is_due()));
    }
}
