//! Wake semaphores: one for each end that may sleep.
//!
//! The first few are *bells*: each process that joins arranges that its death posts a token to all of them.
//! They are for watchers and sets, which must learn of the death of processes that have never woken them.
//! When all bells are taken, a watcher gets an ordinary semaphore, and checks for dead processes ten times a
//! second.
//!
//! A semaphore remembers tokens, so a wake that comes before the sleep is not lost. A surplus token costs one
//! needless check of the ring; that is why no exact cleanup is needed when a process dies.
//!
//! Next to each semaphore is a word, for an end that sleeps on a futex instead ([`Parker`]). No death posts
//! to a word.

use std::ops::Range;
use std::sync::atomic::AtomicU32;
use std::time::Instant;

use ipc_core::sem::{MAX_VALUE, Op, SemaphoreSet};
use ipc_core::{Error, ErrorKind, futex};

use super::layout::{self, WAKE_TABLE, WAKES};
use super::owner::Owner;
use super::table::Table;
use super::wake_semaphore::{WakeSemaphore, WakeSet};
use super::{Locked, Member};
use crate::error::AttachError;
use crate::leaving;
use crate::platform::Native;
use crate::wait::interrupt::Interrupts;
use crate::wait::{Parker, token};

impl Locked<'_> {
    /// Takes a free wake semaphore, or one whose owner died.
    pub(crate) fn claim_wake(&self) -> Result<WakeSemaphore, AttachError> {
        let sizes = self.member.sizes;
        self.claim_one_of(sizes.bells()..sizes.wakes())?.ok_or_else(|| sizes.no_wake())
    }

    /// As [`claim_wake`](Self::claim_wake), preferably one that the death of any process posts to.
    pub(crate) fn claim_bell(&self) -> Result<WakeSemaphore, AttachError> {
        match self.claim_one_of(0..self.member.sizes.bells())? {
            Some(bell) => Ok(bell),
            None => self.claim_wake(),
        }
    }

    fn claim_one_of(&self, numbers: Range<usize>) -> Result<Option<WakeSemaphore>, AttachError> {
        let member = self.member;
        let word = |index: usize| member.table.word(WAKE_TABLE + index * 8);
        let owner = |index: usize| Owner::from_raw(leaving::owner_of::<Native>(word(index)));
        // Each liveness check takes a system call.
        let free = numbers.clone().find(|index| !owner(*index).is_some());
        let dead =
            || member.asking(|is_alive| numbers.clone().find(|index| !is_alive(owner(*index).as_raw())));
        let Some(index) = free.map_or_else(dead, |free| Ok(Some(free)))? else { return Ok(None) };
        member.table.set(WAKE_TABLE + index * 8, member.me.as_raw());
        let wake = WakeSemaphore::new(index as u16);
        // Old tokens: harmless, but each would end one sleep too early.
        while member.semaphores.try_perform(&[Op::take(wake.semaphore(), 1)])? {
            leave_one_token(&member.semaphores, wake);
        }
        member.table.set_half(wake.word(), token::NONE);
        Ok(Some(wake))
    }
}

/// The number of wake semaphores taken, from a domain's table.
pub(super) fn count(table: &Table) -> usize {
    (0..WAKES).filter(|index| table.get(WAKE_TABLE + index * 8) != Owner::NONE.as_raw()).count()
}

impl Member {
    /// Gives a semaphore of this process back. Needs no lock: a semaphore is claimed only while it has no
    /// owner.
    pub(crate) fn free_wake(&self, wake: WakeSemaphore) {
        self.give_back(usize::from(wake.index), self.me);
    }

    /// Gives back the wake semaphores of `owner`, which is this process or dead.
    pub(super) fn give_back_wakes(&self, owner: Owner) {
        for index in 0..WAKES {
            self.give_back(index, owner);
        }
    }

    fn give_back(&self, index: usize, owner: Owner) {
        let word = self.table.word(WAKE_TABLE + index * 8);
        leaving::give_back::<Native>(word, owner.as_raw(), Owner::NONE.as_raw());
    }

    /// Posts one token. One system call.
    ///
    /// # Errors
    /// If the sleeper was not woken: this process may no longer change the semaphores, or may not use
    /// futexes.
    pub(crate) fn wake(&self, wake: WakeSemaphore) -> Result<(), Error> {
        match wake.parker {
            Parker::Semaphore => settle(self.semaphores.perform(&[Op::add(wake.semaphore(), 1)])),
            Parker::Futex => {
                let word = self.table.half(wake.word());
                token::post::<Native, _>(word, || futex::wake(word, 1).map(drop))
            }
        }
    }

    /// Posts a token to each of these. One system call for all of them, unless the kernel takes fewer
    /// operations or a semaphore is at its largest value; one more for each that sleeps on a word.
    ///
    /// # Errors
    /// If some sleeper was not woken, as [`wake`](Self::wake).
    pub(crate) fn wake_all(&self, wakes: &WakeSet) -> Result<(), Error> {
        let mut woken = Ok(());
        let mut operations = [Op::add(layout::wake(0), 1); TOGETHER];
        let mut count = 0;
        for index in wakes.semaphores.iter() {
            operations[count] = Op::add(layout::wake(index), 1);
            count += 1;
            if count == self.together {
                woken = woken.and(post_together(&self.semaphores, &operations[..std::mem::take(&mut count)]));
            }
        }
        woken = woken.and(post_together(&self.semaphores, &operations[..count]));
        for index in wakes.words.iter() {
            woken = woken.and(self.wake(WakeSemaphore::new(index).by(Parker::Futex)));
        }
        woken
    }

    /// Posts a token unless there is one already, so that any number of calls ends one sleep. One system
    /// call.
    ///
    /// # Errors
    /// As [`wake`](Self::wake).
    pub(crate) fn ring(&self, wake: WakeSemaphore) -> Result<(), Error> {
        match wake.parker {
            Parker::Semaphore => ring(self.semaphores, wake),
            Parker::Futex => self.wake(wake),
        }
    }

    /// Whether the death of any process posts to this one.
    pub(crate) fn is_bell(&self, wake: WakeSemaphore) -> bool {
        usize::from(wake.index) < self.sizes.bells()
    }

    /// The domain's semaphores.
    pub(crate) fn semaphores(&self) -> SemaphoreSet {
        self.semaphores
    }

    /// Arranges that this process's death posts a token too: +1, and −1 with an undo. One system call per
    /// partner. Nothing can be arranged for a partner that sleeps on a word. False if it was refused: then
    /// the partner learns of the death at its next check, and the next wake tries again.
    pub(crate) fn wake_at_my_death(&self, wake: WakeSemaphore) -> bool {
        let operations = [Op::add(wake.semaphore(), 1), Op::take(wake.semaphore(), 1).undo()];
        wake.parker == Parker::Semaphore && self.semaphores.try_perform(&operations).is_ok()
    }

    /// Reverts that arrangement.
    pub(crate) fn no_wake_at_my_death(&self, wake: WakeSemaphore) {
        if wake.parker == Parker::Futex {
            return;
        }
        let _ = self
            .semaphores
            .try_perform(&[Op::add(wake.semaphore(), 1).undo(), Op::take(wake.semaphore(), 1)]);
    }

    /// Arranges that this process's death posts a token to every bell. One system call.
    pub(super) fn ring_bells_at_my_death(&self) {
        if !self.arm_bells() {
            // An extreme number of deaths that no watcher has noticed: afterwards there is room for one more
            // token.
            self.bells().for_each(|bell| leave_one_token(&self.semaphores, bell));
            // If that fails too, the watchers find out by themselves.
            self.arm_bells();
        }
    }

    /// Posts a token to every bell that has none, as a death does.
    pub(super) fn ring_bells(&self) {
        // If it is refused, watchers find out by themselves.
        self.bells().for_each(|bell| drop(self.ring(bell)));
    }

    /// Reverts that arrangement, when this process leaves and lives on.
    pub(super) fn no_bells_at_my_death(&self) {
        self.around_bells(|bell| [Op::add(bell.semaphore(), 1).undo(), Op::take(bell.semaphore(), 1)]);
    }

    /// False if a bell is at its largest value.
    fn arm_bells(&self) -> bool {
        self.around_bells(|bell| [Op::add(bell.semaphore(), 1), Op::take(bell.semaphore(), 1).undo()])
    }

    fn bells(&self) -> impl Iterator<Item = WakeSemaphore> {
        (0..self.sizes.bells() as u16).map(WakeSemaphore::new)
    }

    /// Two operations for each bell, as many in one call as the kernel takes. False if some were refused.
    fn around_bells(&self, operations: impl Fn(WakeSemaphore) -> [Op; 2]) -> bool {
        let all: Vec<Op> = self.bells().flat_map(operations).collect();
        // Tries all of them: each bell has its own watcher.
        let refused = all.chunks(self.together).filter(|some| self.semaphores.try_perform(some).is_err());
        refused.count() == 0
    }

    /// Sleeps until a token arrives or the deadline passes. True for a token, and for a signal that
    /// interrupts the sleeper: then its flag is set.
    ///
    /// # Errors
    /// If the semaphores are gone. A sleeper on a word finds that out only at its deadline.
    pub(crate) fn sleep(
        &self,
        wake: WakeSemaphore,
        until: Instant,
        interrupts: &Interrupts,
    ) -> Result<bool, Error> {
        let operations = [Op::take(wake.semaphore(), 1)];
        let slept = match (wake.parker, interrupts.by_signals()) {
            (Parker::Semaphore, false) => self.semaphores.perform_deadline(&operations, until),
            (Parker::Semaphore, true) => self.semaphores.perform_deadline_interruptible(&operations, until),
            (Parker::Futex, false) => self.sleep_on(wake, until, futex::wait_deadline),
            (Parker::Futex, true) => self.sleep_on(wake, until, futex::wait_deadline_interruptible),
        };
        match slept {
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                interrupts.raise();
                Ok(true)
            }
            slept => slept,
        }
    }

    fn sleep_on(
        &self,
        wake: WakeSemaphore,
        until: Instant,
        wait: impl Fn(&AtomicU32, u32, Instant) -> Result<bool, Error>,
    ) -> Result<bool, Error> {
        let word = self.table.half(wake.word());
        token::sleep::<Native, _>(word, || {
            let is_woken = wait(word, token::NONE, until)?;
            if !is_woken {
                // A word is not woken when the set is removed.
                self.semaphores.value(layout::LOCK)?;
            }
            Ok(is_woken)
        })
    }

    /// Takes a token if there is one.
    pub(crate) fn drain(&self, wake: WakeSemaphore) {
        match wake.parker {
            Parker::Semaphore => {
                let _ = self.semaphores.try_perform(&[Op::take(wake.semaphore(), 1)]);
            }
            Parker::Futex => {
                token::take::<Native>(self.table.half(wake.word()));
            }
        }
    }
}

/// Takes all tokens but one, which suffices to wake a sleeper.
fn leave_one_token(semaphores: &SemaphoreSet, wake: WakeSemaphore) {
    let semaphore = wake.semaphore();
    // Others may take some meanwhile: then none are taken here.
    if let Ok(tokens @ 2..=MAX_VALUE) = semaphores.value(semaphore) {
        let _ = semaphores.try_perform(&[Op::take(semaphore, tokens - 1)]);
    }
}

/// Tokens posted by one system call at most. Where the kernel's limit on operations (SEMOPM, 500 by default)
/// is lower, fewer.
pub(super) const TOGETHER: usize = 256;

fn post_together(semaphores: &SemaphoreSet, operations: &[Op]) -> Result<(), Error> {
    if operations.is_empty() || semaphores.perform(operations).is_ok() {
        return Ok(());
    }
    // All or none are done: none were. One at a time, an error concerns one sleeper only, or the set is gone.
    let mut woken = Ok(());
    for operation in operations {
        woken = woken.and(settle(semaphores.perform(std::slice::from_ref(operation))));
    }
    woken
}

/// As [`Member::ring`], for one that sleeps on a semaphore.
pub(crate) fn ring(semaphores: SemaphoreSet, wake: WakeSemaphore) -> Result<(), Error> {
    let bell = wake.semaphore();
    settle(semaphores.try_perform(&[Op::wait_zero(bell), Op::add(bell, 1)]).map(drop))
}

/// Converts the result of a wake.
fn settle(posted: Result<(), Error>) -> Result<(), Error> {
    use ErrorKind::{NoSuchSemaphore, OutOfRange, Removed};
    match posted {
        // At its largest value, a semaphore has enough tokens. If the set is gone, its removal has woken the
        // sleeper. A number that a small set does not have belongs to no sleeper.
        Err(error) if matches!(error.kind(), OutOfRange | Removed | NoSuchSemaphore) => Ok(()),
        result => result,
    }
}
