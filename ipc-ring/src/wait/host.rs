//! What the kernel does for one end of a channel, as a trait, so that the same waits run in production and in
//! a model checker.

use core::cell::Cell;
use core::fmt::Debug;
use std::time::{Duration, Instant};

use ipc_core::Error;

use super::soon::Soon;

/// A set of objects that ends sleep on.
pub trait WakeSet: Default + Debug {
    /// What an end can sleep on.
    type Wake: Copy;

    /// True if it was not there.
    fn insert(&mut self, wake: Self::Wake) -> bool;
    /// Removes it, if it is there.
    fn remove(&mut self, wake: Self::Wake);
    /// All members.
    fn iter(&self) -> impl Iterator<Item = Self::Wake>;
}

/// What the kernel does for a process that wakes ends of others: it need not sleep itself.
///
/// The rings and the sleep protocol are written over a [`Platform`](crate::platform::Platform), which is the
/// processor; the ends and their waits over this and [`Host`] as well. In production it is the domain's
/// semaphores; the `loom-tests` crate has one whose sleeps only tokens end, so that a lost wake-up is a
/// deadlock there.
pub trait Peers {
    /// What an end can sleep on, identified by a number that records in shared memory hold.
    type Wake: Copy + PartialEq + Debug;
    /// Several of these.
    type WakeSet: WakeSet<Wake = Self::Wake>;

    /// From a word of shared memory. `None` for 0, which means none, and for one that does not exist.
    fn wake_from(raw: u32) -> Option<Self::Wake>;
    /// As records hold it.
    fn wake_to_raw(wake: Self::Wake) -> u32;

    /// Posts a token to an end. Tokens are remembered.
    ///
    /// # Errors
    /// If the other end could not be woken.
    fn post(&self, wake: Self::Wake) -> Result<(), Error>;
    /// Arranges that the death of this process posts a token, too. False if it was refused, or cannot be
    /// arranged.
    fn post_at_death(&self, wake: Self::Wake) -> bool;
    /// Reverts that arrangement.
    fn no_post_at_death(&self, wake: Self::Wake);
    /// Posts a token to each of these, with as few system calls as possible: a call for each would give the
    /// CPU to the first ones before the last ones have their tokens.
    ///
    /// # Errors
    /// If one of them could not be woken. The others were.
    fn post_all(&self, wakes: &Self::WakeSet) -> Result<(), Error>;
    /// Whether the process of this identity, as records hold it, is alive.
    ///
    /// # Errors
    /// If that cannot be determined. Then it must not be treated as either.
    fn is_alive(&self, owner: u64) -> Result<bool, Error>;
    /// Whether an identity, as seats hold it, is that of a process known to be dead. 0 is that of none.
    fn is_dead(&self, owner: u64) -> bool {
        owner != 0 && matches!(self.is_alive(owner), Ok(false))
    }
    /// The current time, by which a process decides when to check whether others are alive.
    fn now(&self) -> Instant {
        Instant::now()
    }

    /// Runs `f` with a function that says whether an identity, as seats hold it, is alive. An identity whose
    /// state is unknown counts as alive, so that `f` leaves it alone.
    ///
    /// # Errors
    /// When one of the questions had no answer. What `f` did for the others stays done.
    fn asking<R>(&self, f: impl FnOnce(&dyn Fn(u64) -> bool) -> R) -> Result<R, Error> {
        let failure = Cell::new(None);
        let result = f(&|identity| {
            self.is_alive(identity).unwrap_or_else(|error| {
                failure.set(Some(error));
                true
            })
        });
        failure.take().map_or(Ok(result), Err)
    }
}

/// What an end sleeps on, and its other requests to the kernel. Each end has its own.
pub trait Host: Peers {
    /// What this end sleeps on.
    fn wake(&self) -> Self::Wake;
    /// Whether this is the process that opened the end, not a child of it made by fork.
    fn is_ours(&self) -> bool;
    /// Checks that this is the process that opened the end, for the operation named `what`.
    ///
    /// # Errors
    /// In a child of it made by fork.
    fn check_process(&self, what: &'static str) -> Result<(), Error>;
    /// As [`is_ours`](Self::is_ours), at the least cost; may say no without need.
    fn is_surely_ours(&self) -> bool {
        self.is_ours()
    }
    /// Sleeps until a token arrives or the deadline passes. True for a token, which it takes.
    ///
    /// # Errors
    /// If what the end sleeps on is gone.
    fn sleep(&self, until: Instant) -> Result<bool, Error>;
    /// Takes a token of this end's own if there is one.
    fn drain(&self);
    /// Whether a death can still be detected, for an end that polls.
    ///
    /// # Errors
    /// If it cannot.
    fn check(&self) -> Result<(), Error>;
    /// Takes an interruption of this end's waits, if there was one. `sleeps`: the caller sleeps if there was
    /// none, and may have taken any token until here.
    fn is_interrupted(&self, sleeps: bool) -> bool;
    /// Passes the time until something that is about to appear is there, but not beyond a deadline.
    fn pass(&self, soon: &mut Soon, until: Instant) {
        soon.pass(until);
    }
    /// The time in microseconds modulo 2^32, by a clock that all processes of the machine share.
    fn machine_us(&self) -> u32 {
        (crate::clock::machine_ns() / 1000) as u32
    }
    /// Does nothing for this long.
    fn rest(&self, time: Duration) {
        std::thread::sleep(time);
    }
    /// The number of the CPU this thread runs on plus one; 0 if unknown.
    fn cpu(&self) -> u32 {
        0
    }
}
