//! The content of messages, so that a lost, repeated, late or damaged one is detected.
//!
//! The first eight bytes are the *sequence word*: two bits of phase and a number that counts from 1. Messages
//! of 16 bytes or more have a checksum in the next eight. Longer ones carry one word in each further 64-byte
//! line and one at the very end, different in every message; the checksum covers them all. So every cache
//! line of the payload is written by the sender and read by the receiver.

/// Messages before the measurement.
pub(crate) const WARM_UP: u64 = 0;
/// Messages that are measured.
pub(crate) const MEASURED: u64 = 1 << 62;
/// The last message of a run. Its number is one more than the last measured one.
pub(crate) const END: u64 = 2 << 62;

const PHASE: u64 = 3 << 62;
const LINE: usize = 64;

/// The phase bits of a sequence word.
#[inline(always)]
pub(crate) fn phase(word: u64) -> u64 {
    word & PHASE
}

/// The number in a sequence word.
#[inline(always)]
pub(crate) fn number(word: u64) -> u64 {
    word & !PHASE
}

/// Fills `message` for the sequence word `word`. The message has at least 8 bytes.
#[inline(always)]
pub(crate) fn write(message: &mut [u8], word: u64) {
    put(message, 0, word);
    if message.len() < 16 {
        return;
    }
    let mut sum = seed(word);
    for offset in line_offsets(message.len()) {
        let value = mix(word, offset as u64);
        put(message, offset, value);
        sum = sum.wrapping_add(value);
    }
    put(message, 8, sum);
}

/// The sequence word of `message`, or `None` when the checksum does not fit.
#[inline(always)]
pub(crate) fn read(message: &[u8]) -> Option<u64> {
    let word = get(message, 0);
    if message.len() < 16 {
        return Some(word);
    }
    let mut sum = seed(word);
    for offset in line_offsets(message.len()) {
        sum = sum.wrapping_add(get(message, offset));
    }
    (sum == get(message, 8)).then_some(word)
}

/// The positions of the words of the further lines: the start of each full word's line, then the last eight
/// bytes.
#[inline(always)]
fn line_offsets(length: usize) -> impl Iterator<Item = usize> {
    let last = length - 8;
    let lines = (LINE..last).step_by(LINE);
    lines.chain((last >= 16).then_some(last))
}

#[inline(always)]
fn seed(word: u64) -> u64 {
    word.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d
}

#[inline(always)]
fn mix(word: u64, offset: u64) -> u64 {
    word.rotate_left(17) ^ offset.wrapping_mul(0xff51_afd7_ed55_8ccd)
}

#[inline(always)]
fn put(message: &mut [u8], offset: usize, value: u64) {
    message[offset..offset + 8].copy_from_slice(&value.to_ne_bytes());
}

#[inline(always)]
fn get(message: &[u8], offset: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&message[offset..offset + 8]);
    u64::from_ne_bytes(bytes)
}

/// Checks the order of arriving sequence numbers. They may be whole sequence words, as long as all are of the
/// same phase.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    first: u64,
    next: u64,
    /// Numbers skipped and not yet seen; bounded; the oldest are dropped.
    missing: std::collections::VecDeque<u64>,
    pub(crate) lost: u64,
    pub(crate) duplicated: u64,
    pub(crate) reordered: u64,
    pub(crate) damaged: u64,
}

/// The number of skipped numbers that are remembered, to distinguish a late message from a repeated one.
const REMEMBERED: usize = 4096;

impl Ledger {
    /// A ledger that expects `first` next. The room for late messages is reserved now.
    pub(crate) fn starting_at(first: u64) -> Ledger {
        Ledger {
            first,
            next: first,
            missing: std::collections::VecDeque::with_capacity(REMEMBERED),
            ..Ledger::default()
        }
    }

    /// Notes an arrival.
    #[inline(always)]
    pub(crate) fn arrived(&mut self, number: u64) {
        if !self.arrived_next(number) {
            self.out_of_order(number);
        }
    }

    /// Records an arrival if it is the expected one.
    #[inline(always)]
    pub(crate) fn arrived_next(&mut self, number: u64) -> bool {
        let expected = number == self.next;
        if expected {
            self.next += 1;
        }
        expected
    }

    /// Records an arrival whose checksum was wrong.
    #[cold]
    pub(crate) fn arrived_damaged(&mut self) {
        self.damaged += 1;
    }

    #[cold]
    fn out_of_order(&mut self, number: u64) {
        if number > self.next {
            for skipped in self.next..number {
                self.lost += 1;
                if self.missing.len() == REMEMBERED {
                    self.missing.pop_front();
                }
                self.missing.push_back(skipped);
            }
            self.next = number + 1;
        } else if let Ok(at) = self.missing.binary_search(&number) {
            self.missing.remove(at);
            self.lost -= 1;
            self.reordered += 1;
        } else {
            self.duplicated += 1;
        }
    }

    /// Records that `end` is one past the last number sent.
    pub(crate) fn ended_at(&mut self, end: u64) {
        self.lost += end.saturating_sub(self.next);
        self.next = self.next.max(end);
    }

    /// Records that a wait for a message timed out.
    pub(crate) fn silence(&mut self) {
        self.next += 1;
        self.lost += 1;
    }

    /// How many have arrived, repeated ones counted once: all up to the last one that are not lost.
    pub(crate) fn received(&self) -> u64 {
        (self.next - self.first).saturating_sub(self.lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: [usize; 9] = [8, 16, 23, 24, 64, 72, 100, 128, 4096];

    #[test]
    fn a_whole_message_is_accepted() {
        for size in SIZES {
            let mut message = vec![0; size];
            write(&mut message, MEASURED | 77);
            assert_eq!(read(&message), Some(MEASURED | 77), "size {size}");
        }
    }

    #[test]
    fn a_message_torn_at_any_line_is_refused() {
        for size in SIZES.into_iter().filter(|size| *size >= 24) {
            let (mut old, mut new) = (vec![0; size], vec![0; size]);
            write(&mut old, 5);
            write(&mut new, 6);
            for cut in (16..size).step_by(64) {
                let torn = [&new[..cut], &old[cut..]].concat();
                assert_eq!(read(&torn), None, "size {size} torn at {cut}");
            }
        }
    }

    #[test]
    fn the_ledger_tells_faults_apart() {
        let mut ledger = Ledger::starting_at(1);
        for number in [1, 2, 5, 4, 4, 6] {
            ledger.arrived(number);
        }
        ledger.ended_at(9);
        assert_eq!((ledger.lost, ledger.reordered, ledger.duplicated, ledger.received()), (3, 1, 1, 5));
        ledger.silence();
        assert_eq!((ledger.lost, ledger.received()), (4, 5));
    }
}
