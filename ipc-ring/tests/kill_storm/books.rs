//! The accounts of all lives.

use std::collections::BTreeMap;

use super::diary::Diary;

/// The message number `rank` of a producing life.
pub fn message(life: u64, rank: u64) -> u64 {
    life << 32 | rank
}

/// The life and the number in it of a message.
pub fn life_and_rank(message: u64) -> (u64, u64) {
    (message >> 32, message & u64::from(u32::MAX))
}

/// The records of lives that are over.
pub trait Accounts: Default {
    fn producer(&mut self, life: u64, diary: &Diary);
    fn consumer(&mut self, diary: &Diary);
    /// How many messages were popped.
    fn known(&self) -> u64;
}

/// Which process pushed which message, and which one popped it.
#[derive(Default)]
pub struct Books {
    /// Of each producing life: messages surely pushed, and perhaps pushed.
    pushed: BTreeMap<u64, (u64, u64)>,
    /// How often each message was popped.
    popped: BTreeMap<u64, u32>,
    /// Messages that may have been lost with the consumers that held them.
    in_hands: u64,
}

impl Accounts for Books {
    fn producer(&mut self, life: u64, diary: &Diary) {
        self.pushed.insert(life, (diary.done(), diary.done() + diary.in_doubt()));
    }

    fn consumer(&mut self, diary: &Diary) {
        diary.list().into_iter().for_each(|message| self.popped(message));
        self.in_hands += diary.in_doubt();
    }

    fn known(&self) -> u64 {
        self.popped.len() as u64
    }
}

impl Books {
    pub fn popped(&mut self, message: u64) {
        *self.popped.entry(message).or_default() += 1;
    }

    /// Everything that was pushed was popped once, or was lost with its reader.
    pub fn judge(&self, ring: &str, deaths: u64) {
        assert!(self.popped.values().all(|times| *times == 1), "{ring}: a message was delivered twice");
        let mut lost = 0;
        let mut known = 0;
        for (life, (surely, perhaps)) in &self.pushed {
            let count = |ranks: std::ops::Range<u64>| {
                self.popped.range(message(*life, ranks.start)..message(*life, ranks.end)).count() as u64
            };
            lost += surely - count(0..*surely);
            known += count(0..*perhaps);
        }
        assert_eq!(known, self.popped.len() as u64, "{ring}: each popped message was pushed");
        assert!(lost <= self.in_hands, "{ring}: {lost} lost, {} in dead hands", self.in_hands);
        assert!(deaths > 5 && known > 100, "{ring}: something happened");
        eprintln!(
            "{ring}: {deaths} deaths, {known} messages popped, {lost} died with their reader of at most {}",
            self.in_hands
        );
    }
}
