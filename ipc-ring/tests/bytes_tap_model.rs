//! Taps of a ring of frames, one step after the other, against all that was ever pushed: each frame that is
//! given is the one of its number, also while a push is being written; none that waits is missed, nor one in
//! reach; those missed are counted.

mod bytes_common;

use bytes_common::{MEMORIES, Make, Random, frame, pop, ring};
use ipc_ring::ring::bytes::{Consumer, Mapped, Producer, Tap, Tapped, header};

/// A ring, its ends, and all that was pushed.
struct Ring {
    ring: Mapped,
    producer: Producer<Mapped>,
    consumer: Consumer<Mapped>,
    first: u64,
    /// Where each frame's record, or the padding before it, begins, from `first`; and the frame.
    pushed: Vec<(u64, Vec<u8>)>,
    popped: usize,
    /// The longest frame for which there was room.
    longest: u64,
    capacity: u64,
}

impl Ring {
    fn new(make: Make, capacity: u64, first: u64) -> Self {
        let ring = ring(make, capacity, first);
        let (producer, consumer) =
            (Producer::attach(ring.clone()).unwrap(), Consumer::attach(ring.clone()).unwrap());
        Self { ring, producer, consumer, first, pushed: Vec::new(), popped: 0, longest: 0, capacity }
    }

    /// Where the next record begins.
    fn end(&self) -> u64 {
        self.producer.position().wrapping_sub(self.first)
    }

    fn position(&self, sequence: usize) -> u64 {
        self.pushed.get(sequence).map_or(self.end(), |(position, _)| *position)
    }

    /// One move of an end. A claim that is given up has been written by then.
    fn step(&mut self, random: &mut Random) {
        let longest = self.producer.longest() as u64;
        let limit = if random.below(4) == 0 { longest } else { longest / 4 };
        let len = random.below(limit + 1);
        let sent = frame(random.next(), len as usize);
        match random.below(16) {
            0..7 => {
                let position = self.end();
                if self.producer.try_push(&sent).is_ok() {
                    self.pushed.push((position, sent));
                    self.longest = self.longest.max(len);
                }
            }
            7..12 => {
                let popped = pop(&mut self.consumer);
                assert_eq!(popped.as_ref(), self.pushed.get(self.popped).map(|(_, sent)| sent));
                self.popped += usize::from(popped.is_some());
            }
            12..14 => {
                if let Ok(mut claim) = self.producer.try_claim(len as usize) {
                    claim.write(0, &sent);
                    self.longest = self.longest.max(len);
                }
            }
            14 => self.producer = Producer::attach(self.ring.clone()).unwrap(),
            _ => self.consumer = Consumer::attach(self.ring.clone()).unwrap(),
        }
    }

    /// A tap that begins somewhere.
    fn tap(&self, random: &mut Random) -> Tap<Mapped> {
        let ring = self.ring.clone();
        match random.below(4) {
            0 => {
                let tap = Tap::oldest(ring);
                assert!(tap.sequence() <= self.popped as u64, "none that waits is left out");
                tap
            }
            1 => {
                let tap = Tap::next(ring);
                assert_eq!(tap.sequence(), self.pushed.len() as u64);
                tap
            }
            _ => {
                let sequence = random.below(self.pushed.len() as u64 + 1);
                Tap::at(ring, self.first.wrapping_add(self.position(sequence as usize)), sequence)
            }
        }
    }

    /// Reads once.
    fn read(&self, tap: &mut Tap<Mapped>, is_ahead: bool) -> Tapped {
        let (position, sequence) = (tap.position(), tap.sequence() as usize);
        assert_eq!(position.wrapping_sub(self.first), self.position(sequence));
        let mut out = vec![0xEE; 5];
        let tapped = if is_ahead {
            // As where fences do not keep the order.
            match tap.copy_next(&mut out) {
                Tapped::Frame { .. } | Tapped::Corrupt(_) if !tap.is_intact(position) => {
                    tap.skip(position, sequence as u64)
                }
                tapped => tapped,
            }
        } else {
            tap.try_read(&mut out)
        };
        match tapped {
            Tapped::Frame { len } => {
                assert_eq!((len, &out), (out.len(), &self.pushed[sequence].1), "frame {sequence}");
                assert_eq!(tap.sequence() as usize, sequence + 1);
            }
            Tapped::Empty => assert_eq!(sequence, self.pushed.len(), "all were read"),
            Tapped::Missed { count } => {
                assert_eq!(tap.sequence(), sequence as u64 + count);
                assert!(tap.sequence() <= self.popped as u64, "none that waits is missed");
                let behind = self.end() - self.position(sequence);
                assert!(behind + 2 * header::record(self.longest) > self.capacity, "it was in reach");
            }
            Tapped::Corrupt(corruption) => panic!("{corruption:?}"),
        }
        tapped
    }
}

#[test]
fn a_tap_of_frames_gives_what_is_whole_and_counts_the_rest() {
    let (mut given, mut missed) = (0, 0);
    let mut count = |tapped| match tapped {
        Tapped::Frame { .. } => given += 1,
        Tapped::Missed { .. } => missed += 1,
        _ => {}
    };
    for make in MEMORIES {
        for capacity in [64, 128, 512] {
            for first in [0, (1 << 33) - 64, u64::MAX - 87] {
                let mut random = Random(capacity ^ first ^ 1);
                let mut ring = Ring::new(make, capacity, first);
                let mut taps = [ring.tap(&mut random), ring.tap(&mut random), ring.tap(&mut random)];
                for _ in 0..400 {
                    ring.step(&mut random);
                    let is_ahead = random.below(2) == 0;
                    match taps.get_mut(random.below(8) as usize) {
                        Some(tap) if random.below(8) == 0 => *tap = ring.tap(&mut random),
                        Some(tap) => (0..random.below(8)).for_each(|_| count(ring.read(tap, is_ahead))),
                        None => continue,
                    }
                    // Each of the last lap, and of the one before it.
                    for sequence in ring.pushed.len().saturating_sub(30)..ring.pushed.len() {
                        let position = first.wrapping_add(ring.position(sequence));
                        let mut tap = Tap::at(ring.ring.clone(), position, sequence as u64);
                        let tapped = ring.read(&mut tap, is_ahead);
                        count(tapped);
                        if let Tapped::Missed { .. } = tapped {
                            let next = ring.read(&mut tap, is_ahead);
                            assert!(!matches!(next, Tapped::Missed { .. }), "it goes on at a whole one");
                        }
                    }
                }
            }
        }
    }
    assert!(given > 1000 && missed > 100, "{given} given, {missed} missed");
}

/// What is being written may lie behind a padding, which is not there yet.
#[test]
fn what_a_push_under_way_has_overwritten_behind_a_padding_is_not_given() {
    for make in MEMORIES {
        let mut ring = Ring::new(make, 128, 0);
        for len in [8, 8, 8, 8, 8, 0] {
            let position = ring.end();
            ring.producer.try_push(&frame(1, len)).unwrap();
            ring.pushed.push((position, frame(1, len)));
            assert!(pop(&mut ring.consumer).is_some());
            ring.popped += 1;
        }
        // Of the last 40 bytes it makes a padding, of 64 from the first on a record.
        ring.producer.try_claim(56).unwrap().write(0, &frame(2, 56));
        ring.longest = 56;
        for (sequence, is_whole) in [false, false, false, false, true, true].into_iter().enumerate() {
            let mut tap = Tap::at(ring.ring.clone(), ring.position(sequence), sequence as u64);
            let tapped = ring.read(&mut tap, false);
            assert!(is_whole || !matches!(tapped, Tapped::Frame { .. }), "{sequence}: {tapped:?}");
        }
    }
}
