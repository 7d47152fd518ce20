//! The accounts of a broadcast: the publisher of each message, and what each subscriber has read.

use std::collections::BTreeMap;

use super::books::{Accounts, life_and_rank};
use super::diary::Diary;

/// In a subscriber's diary: this number of messages was reported to it as missed.
pub fn missed(count: u64) -> u64 {
    MISSED | count
}

/// No life has this number.
const MISSED: u64 = 1 << 63;

/// One publisher at a time, numbered as they came.
#[derive(Default)]
pub struct Chronicle {
    /// Of each publishing life: messages surely published, and perhaps published.
    published: BTreeMap<u64, (u64, u64)>,
    /// What each subscriber has written down.
    read: Vec<Vec<u64>>,
}

impl Accounts for Chronicle {
    fn producer(&mut self, life: u64, diary: &Diary) {
        self.published.insert(life, (diary.done(), diary.done() + diary.in_doubt()));
    }

    fn consumer(&mut self, diary: &Diary) {
        self.read.push(diary.list());
    }

    fn known(&self) -> u64 {
        self.read.iter().map(|list| list.len() as u64).sum()
    }
}

impl Chronicle {
    /// What the witness has read, which was there from before the first publisher until after the last.
    pub fn witness(&mut self, list: Vec<u64>) {
        self.read.push(list);
    }

    /// Each subscriber has read messages in the order in which they were published, and exactly the others
    /// were reported to it as missed; the witness, of all.
    pub fn judge(&self, ring: &str, deaths: u64, may_miss: bool) {
        let mut counts: BTreeMap<u64, u64> =
            self.published.iter().map(|(life, (sure, _))| (*life, *sure)).collect();
        for entry in self.read.iter().flatten().filter(|entry| *entry & MISSED == 0) {
            let (life, rank) = life_and_rank(*entry);
            let perhaps = self.published.get(&life).map_or(0, |(_, perhaps)| *perhaps);
            assert!(rank < perhaps, "{ring}: message {rank} of life {life} was never published");
            let count = counts.get_mut(&life).unwrap();
            *count = (*count).max(rank + 1);
        }
        // Of all lives before each: how many messages; and the number of those under way when their publisher
        // died that no subscriber has read.
        let mut before = BTreeMap::new();
        let (mut total, mut unknown) = (0, 0);
        for (life, (_, perhaps)) in &self.published {
            before.insert(*life, (total, unknown));
            total += counts[life];
            unknown += perhaps - counts[life];
        }
        let (mut messages, mut told) = (0, 0);
        for (number, list) in self.read.iter().enumerate() {
            let is_witness = number + 1 == self.read.len();
            // The next number, and the uncertain ones before it.
            let mut next = is_witness.then_some((0, 0));
            let mut gap = 0;
            for entry in list {
                if entry & MISSED != 0 {
                    assert!(may_miss, "{ring}: a subscriber of a gated channel missed {}", entry & !MISSED);
                    gap += entry & !MISSED;
                    told += entry & !MISSED;
                    continue;
                }
                let (life, rank) = life_and_rank(*entry);
                let (first, doubt) = before[&life];
                if let Some((next, doubt_then)) = next {
                    let between = (first + rank).checked_sub(next).expect("messages come in order");
                    assert!(
                        (between..=between + doubt - doubt_then).contains(&gap),
                        "{ring}: {between} messages before message {rank} of life {life} were not read, told: {gap}"
                    );
                }
                next = Some((first + rank + 1, doubt));
                gap = 0;
                messages += 1;
            }
            if is_witness {
                let read_to = next.unwrap().0 + gap;
                assert!((total..=total + unknown).contains(&read_to), "{ring}: {read_to} of {total}");
            }
        }
        assert!(deaths > 5 && total > 100, "{ring}: something happened");
        eprintln!(
            "{ring}: {deaths} deaths, {total} messages published, read {messages} times, {told} told as missed"
        );
    }
}
