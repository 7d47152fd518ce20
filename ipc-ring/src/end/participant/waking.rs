//! Waking other ends: one of a class, all of them, or those that wait for a key.

use core::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use ipc_core::Error;

use super::{Participant, Seats, WaiterClass, Waiters};
use crate::end::participant::Field;
use crate::platform::{Barrier, Platform, Word};
use crate::wait::HEARTBEAT;
use crate::wait::host::{Host, Peers, WakeSet as _};
use crate::wait::waiter_set::{self, Notifier, WaiterSet as _};

/// No ring has more seats.
const MOST_SEATS: usize = 512;

impl<W: Seats, H: Host> Participant<W, H> {
    /// Wakes one sleeper of a class, whose mask this is, after something was published for it. Costs nothing
    /// while there are no sleepers.
    ///
    /// # Errors
    /// When neither it nor any other sleeper could be woken.
    #[inline(always)]
    pub(crate) fn wake_one(
        &mut self,
        class: WaiterClass,
        mask: &<W::Platform as Platform>::U64,
    ) -> Result<(), Error> {
        self.wake_one_unless(class, mask, || false)
    }

    /// As [`wake_one`](Self::wake_one), unless `is_woken` says that a sleeper was already woken that will
    /// wake others.
    ///
    /// # Errors
    /// As [`wake_one`](Self::wake_one).
    #[inline(always)]
    pub(crate) fn wake_one_unless(
        &mut self,
        class: WaiterClass,
        mask: &<W::Platform as Platform>::U64,
        is_woken: impl FnOnce() -> bool,
    ) -> Result<(), Error> {
        if self.peek(class, || mask.load(Relaxed) != 0) && !is_woken() {
            self.wake_some(class, 1)
        } else {
            Ok(())
        }
    }

    /// Wakes all of a class, and arranges that the death of this process does so too. An error is
    /// [kept](Self::keep).
    pub(crate) fn wake_all(&mut self, class: WaiterClass) {
        W::Platform::light(Barrier::Fence); // Rare, and no waiter need know.
        let woken = self.wake_together(class);
        self.keep(woken);
    }

    /// Wakes all of a class, whose mask this is, with one system call per few hundred of them, after
    /// something was published for all. Costs nothing while there are no sleepers.
    ///
    /// # Errors
    /// When a sleeper could not be woken.
    #[inline(always)]
    pub(crate) fn wake_sleepers(
        &mut self,
        class: WaiterClass,
        mask: &<W::Platform as Platform>::U64,
    ) -> Result<(), Error> {
        if self.peek(class, || mask.load(Relaxed) != 0) { self.wake_together(class) } else { Ok(()) }
    }

    /// Wakes the affected sleepers of two classes, after something was published for them. `masks` are the
    /// classes' own. Costs nothing while there are no sleepers.
    ///
    /// # Errors
    /// When a sleeper could not be woken.
    #[inline(always)]
    pub(crate) fn wake_concerned(
        &mut self,
        classes: [WaiterClass; 2],
        masks: [&<W::Platform as Platform>::U64; 2],
    ) -> Result<(), Error> {
        // Both are of one role.
        if self.peek(classes[0], || masks[0].load(Relaxed) != 0 || masks[1].load(Relaxed) != 0) {
            let woken = self.wake_together(classes[0]);
            self.wake_together(classes[1]).and(woken)
        } else {
            Ok(())
        }
    }

    /// Looks for sleepers of a class, by `find`, which reads their masks. The barrier in front orders it
    /// after the publication.
    #[inline(always)]
    fn peek(&mut self, class: WaiterClass, find: impl Fn() -> bool) -> bool {
        let Self { words, number, fences, .. } = self;
        let word = || words.field(*number, Field::Fences); // Only when it changes.
        fences[class.index()].peek::<W::Platform>(word, class.bit(), find)
    }

    /// Keeps the result of a wake by an end that holds something that must not be lost.
    #[inline(always)]
    pub(crate) fn keep(&mut self, woken: Result<(), Error>) {
        if let Err(error) = woken {
            self.untold = Some(error);
        }
    }

    /// The error of a wake that could not be reported when it happened.
    ///
    /// # Errors
    /// That of the last wake that failed. Reported once.
    #[inline(always)]
    pub(crate) fn tell(&mut self) -> Result<(), Error> {
        if self.untold.is_some() { self.untold.take().map_or(Ok(()), Err) } else { Ok(()) }
    }

    fn wake_together(&mut self, class: WaiterClass) -> Result<(), Error> {
        self.wakes.wake_together(&self.words, &self.host, class)
    }

    /// Wakes this number of sleepers of a class.
    ///
    /// # Errors
    /// When fewer than one, or than wanted if that is more, could be woken.
    pub(in crate::end) fn wake_some(&mut self, class: WaiterClass, wanted: usize) -> Result<(), Error> {
        self.wakes.wake_some(&self.words, &self.host, class, wanted)
    }
}

/// What a process that wakes ends remembers of them.
#[derive(Debug)]
pub(crate) struct Wakes<P: Peers> {
    /// The seat that was woken last: the search for the next one starts after it, so that all take turns.
    turn: u16,
    /// What the death of this process posts to.
    armed: P::WakeSet,
    /// When it last checked whether an end that it had woken is alive.
    last_check: Option<Instant>,
}

impl<P: Peers> Wakes<P> {
    /// Of a process that has woken none.
    pub(crate) fn new(turn: u16) -> Self {
        Self { turn, armed: P::WakeSet::default(), last_check: None }
    }

    /// Wakes all sleepers of a class, with one system call per few hundred of them.
    ///
    /// # Errors
    /// When a sleeper could not be woken.
    #[cold]
    #[inline(never)]
    pub(crate) fn wake_together<W: Seats>(
        &mut self,
        words: &W,
        peers: &P,
        class: WaiterClass,
    ) -> Result<(), Error> {
        let waiters = Waiters { words, class };
        let others = Others { words, peers, armed: &mut self.armed };
        let mut all = Together { others, tokens: P::WakeSet::default(), waited: [false; MOST_SEATS] };
        waiter_set::wake(&waiters, &mut { self.turn }, usize::MAX, &mut all);
        let Together { tokens, waited, .. } = all;
        peers.post_all(&tokens).inspect_err(|_| {
            // They still wait; those that were woken anyway get a spare token.
            (0..words.seats())
                .filter(|number| waited[usize::from(*number)])
                .for_each(|number| waiter_set::set_waiting(&waiters, number));
        })
    }

    /// Wakes this number of sleepers of a class.
    ///
    /// # Errors
    /// When fewer than one, or than wanted if that is more, could be woken.
    #[cold]
    #[inline(never)]
    pub(crate) fn wake_some<W: Seats>(
        &mut self,
        words: &W,
        peers: &P,
        class: WaiterClass,
        wanted: usize,
    ) -> Result<(), Error> {
        let waiters = Waiters { words, class };
        let others = Others { words, peers, armed: &mut self.armed };
        let last_check = &mut self.last_check;
        let mut some = OneByOne { others, waiters: &waiters, last_check, posted: false, failure: None };
        waiter_set::wake(&waiters, &mut self.turn, wanted, &mut some);
        match some.failure {
            Some(error) if !some.posted || wanted > 1 => Err(error),
            _ => Ok(()),
        }
    }

    /// Cancels what was arranged for the death of this process.
    pub(crate) fn forget(&mut self, peers: &P) {
        for wake in std::mem::take(&mut self.armed).iter() {
            peers.no_post_at_death(wake);
        }
    }
}

/// The other ends, as seen by one that wakes them.
struct Others<'a, W, P: Peers> {
    words: &'a W,
    peers: &'a P,
    armed: &'a mut P::WakeSet,
}

impl<W: Seats, P: Peers> Others<'_, W, P> {
    /// What the end in a seat sleeps on.
    fn wake_of(&self, number: u16) -> Option<P::Wake> {
        P::wake_from(self.words.field(number, Field::Wake).load(Relaxed)) // Stable during a wait.
    }

    /// Arranges that this process's death posts a token to the end in a seat; returns what that end sleeps
    /// on.
    fn arrange(&mut self, number: u16) -> Option<P::Wake> {
        let wake = self.wake_of(number)?;
        if self.armed.insert(wake) && !self.peers.post_at_death(wake) {
            self.armed.remove(wake);
        }
        Some(wake)
    }

    /// Posts a token to an end that waited, with one system call. False when the seat is no longer taken.
    ///
    /// # Errors
    /// When the end could not be woken.
    fn post(&mut self, number: u16) -> Result<bool, Error> {
        if self.words.identity(number).load(Relaxed) == 0 {
            return Ok(false); // A hint about which end to wake.
        }
        // Again, for a successor that sleeps on another semaphore.
        let Some(wake) = self.arrange(number) else { return Ok(false) };
        self.peers.post(wake)?;
        Ok(true)
    }

    /// Whether an end that was woken is dead, so that another one should get a token. Asks the kernel only if
    /// it has not done so for one liveness interval: otherwise an end that wakes others more often than that
    /// would pay one system call per wake. A token posted to a dead end in between is missed for one interval
    /// at most; then the sleepers check by themselves.
    fn is_dead(&self, number: u16, last_check: &mut Option<Instant>) -> bool {
        let now = self.peers.now();
        if last_check.is_some_and(|last| now.duration_since(last) < HEARTBEAT) {
            return false;
        }
        *last_check = Some(now);
        let identity = self.words.identity(number).load(Relaxed); // A hint about which end to wake.
        // An end whose state is unknown keeps the token.
        matches!(self.peers.is_alive(identity), Ok(false))
    }
}

/// Collects all sleepers first, then wakes them together.
struct Together<'a, W, P: Peers> {
    others: Others<'a, W, P>,
    tokens: P::WakeSet,
    waited: [bool; MOST_SEATS],
}

impl<W: Seats, P: Peers> Notifier for Together<'_, W, P> {
    fn arrange(&mut self, number: u16) {
        self.others.arrange(number);
    }

    fn post(&mut self, number: u16) -> bool {
        // Again, for a successor that sleeps on another semaphore. Two ends that sleep on the same one get
        // one token.
        if let Some(wake) = self.others.arrange(number) {
            self.tokens.insert(wake);
            self.waited[usize::from(number)] = true;
        }
        true
    }
}

/// Wakes each sleeper as it is found.
struct OneByOne<'a, W, P: Peers> {
    others: Others<'a, W, P>,
    waiters: &'a Waiters<'a, W>,
    last_check: &'a mut Option<Instant>,
    posted: bool,
    failure: Option<Error>,
}

impl<W: Seats, P: Peers> Notifier for OneByOne<'_, W, P> {
    fn arrange(&mut self, number: u16) {
        self.others.arrange(number);
    }

    fn post(&mut self, number: u16) -> bool {
        // Before posting: the woken end may sleep again at once. If there is no other sleeper, the token of a
        // dead end could go to no other one anyway.
        let is_last = self.waiters.mask().load(Relaxed) == 0; // A hint; a later sleeper checks the ring.
        match self.others.post(number) {
            Ok(true) => self.posted = true,
            Ok(false) => return false,
            Err(error) => {
                // It still waits, for another end to wake it.
                waiter_set::set_waiting(self.waiters, number);
                self.failure = Some(error);
                return false;
            }
        }
        is_last || !self.others.is_dead(number, self.last_check)
    }
}
