//! Interrupting a wait, from another thread or by a signal.
//!
//! An end has its own flag, in private memory. An interrupter sets the flag, then posts a token to what the
//! end sleeps on. A waiter checks the flag whenever it reads the clock, and so after each sleep:
//! ```text
//!   waiter                                   interrupter
//!   --------------------------------------   --------------------------------------
//!   fence                                    flag = 1
//!   flag ?                                   fence
//!   set the waiting bit, check the ring      post a token
//!   nothing: sleep until a token is posted
//!   again
//! ```
//!
//! Tokens are remembered, so one that is posted between the check of the flag and the sleep ends the sleep. A
//! token that the waiter mistakes for a notifier's does no harm: a waiter that takes a token checks the flag
//! before it sleeps again. The sleep protocol is unchanged, and a push is not affected.
//!
//! An end may sleep on another semaphore later, when it follows its channel to a new ring. The number of the
//! semaphore is stored next to the flag: stored by the waiter before the fence of its check of the flag,
//! loaded by the interrupter after the fence that follows setting the flag. So either the waiter sees the
//! flag or the interrupter sees where it sleeps.
//!
//! **A late token.** The number is removed with the end, and with the call that a handle was given to. An
//! interrupter that has loaded it before may still post when another end has the semaphore. No ordering can
//! rule that out without a lock, which a signal handler cannot take. It is harmless: every token is taken by
//! a sleep, or by a waiter that knows of one that it is owed. A surplus token ends a sleep early, and after
//! each sleep a waiter tries, checks and sleeps again. No token is taken from another sleep, since a waiter
//! that takes a stray token leaves the one that it was owed.
//!
//! A signal sets the same flag, when it ends a sleep.

use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::time::Instant;

use ipc_core::{Error, ErrorKind, futex};

use crate::platform::{Barrier, Native, Platform, Word};

/// Sets the flag. Post a token afterwards.
pub fn raise<P: Platform>(flag: &P::U32) {
    flag.fetch_or(1, Relaxed); // The fence orders it before the token.
    P::light(Barrier::Fence);
}

/// As [`raise`]; returns what the waits with this flag sleep on, to post a token there.
pub fn raise_for<P: Platform, W: Word<T>, T, const N: usize>(flag: &P::U32, sleepers: [&W; N]) -> [T; N] {
    raise::<P>(flag);
    // After the fence: either a waiter sleeps on this by now, or it sees the flag before it sleeps.
    sleepers.map(|sleeper| sleeper.load(Relaxed))
}

/// A wait sleeps on this from now on.
pub fn sleeps_on<W: Word<T>, T>(sleeper: &W, wake: T) {
    sleeper.store(wake, Relaxed); // Before the fence of `take`, which precedes each sleep.
}

/// Clears the flag. True if it was set. `sleeps`: the caller will sleep if it was not, and may have taken any
/// token until here.
pub fn take<P: Platform>(flag: &P::U32, sleeps: bool) -> bool {
    if sleeps {
        P::light(Barrier::Fence); // A wait that took an interrupter's token sees its flag.
    }
    flag.load(Relaxed) != 0 && flag.fetch_and(0, Relaxed) != 0 // See the fence.
}

/// An end's flag, shared with its interrupters.
#[derive(Debug, Default)]
pub(crate) struct Flag {
    word: AtomicU32,
    /// The raw number of the wake semaphore that the end sleeps on.
    wake: AtomicU32,
    /// The end is gone; another end may sleep on what it slept on.
    over: AtomicBool,
    /// For a flag that belongs to no single end: what its waits sleep on, a set of semaphores and the raw
    /// number of a wake semaphore in it; 0: nothing.
    sleepers: [AtomicU64; SLEEPERS],
}

/// The ends of a connection.
const SLEEPERS: usize = 2;

impl Flag {
    /// Sets the flag and returns the raw number of the wake semaphore to post a token to; `None` if the end
    /// is gone.
    pub(crate) fn raise(&self) -> Option<u32> {
        // A hint: a late token only ends another end's sleep early.
        let is_there = !self.over.load(Relaxed);
        if !is_there {
            return None;
        }
        let [wake] = raise_for::<Native, _, _, 1>(&self.word, [&self.wake]);
        Some(wake)
    }

    /// As [`raise`](Self::raise), for a flag that belongs to no single end: returns what its waits sleep on.
    pub(crate) fn raise_shared(&self) -> [u64; SLEEPERS] {
        raise_for::<Native, _, _, SLEEPERS>(&self.word, self.sleepers.each_ref())
    }

    /// No wait with this flag sleeps on this any more, unless another one has the place by now.
    fn take_away(&self, place: usize, sleeper: u64) {
        // Too late for an interrupter that has loaded it: a surplus token, which is harmless.
        let _ = self.sleepers[place].compare_exchange(sleeper, 0, Relaxed, Relaxed);
    }

    /// The word itself, which is 0 while the flag is clear: for pauses without anything else to sleep on.
    pub(crate) fn word(&self) -> &AtomicU32 {
        &self.word
    }
}

/// Whether and by what the waits of an end can be interrupted.
#[derive(Debug, Default)]
pub(crate) struct Interrupts {
    flag: Arc<Flag>,
    by_signals: bool,
    flag_is: FlagIs,
}

/// The owner of the flag.
#[derive(Clone, Copy, Debug, Default)]
enum FlagIs {
    /// This end's, and it goes with the end.
    #[default]
    Own,
    /// Shared, for calls.
    OfCalls,
    /// Shared, for waits that sleep on what is stored at this place: the value was this.
    OfWaits(usize, u64),
}

impl Interrupts {
    /// With a flag that belongs to no single end.
    pub(crate) fn shared(flag: &Arc<Flag>, by_signals: bool) -> Self {
        Self { flag: Arc::clone(flag), by_signals, flag_is: FlagIs::OfCalls }
    }

    /// As [`shared`](Self::shared), for waits that sleep on this.
    pub(crate) fn shared_at(flag: &Arc<Flag>, by_signals: bool, place: usize, sleeper: u64) -> Self {
        sleeps_on(&flag.sleepers[place], sleeper);
        Self { flag: Arc::clone(flag), by_signals, flag_is: FlagIs::OfWaits(place, sleeper) }
    }

    /// Checks that the wait has not been interrupted.
    ///
    /// # Errors
    /// [`ErrorKind::Interrupted`], once for each interruption, or once for several at the same time.
    pub(crate) fn check(&self, what: &'static str) -> Result<(), Error> {
        if self.take(true) { Err(Error::interrupted(what)) } else { Ok(()) }
    }

    /// Sleeps for a while, without an event to wait for.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub(crate) fn pause(&self, until: Instant, what: &'static str) -> Result<(), Error> {
        let wait = if self.by_signals { futex::wait_deadline_interruptible } else { futex::wait_deadline };
        match wait(self.flag.word(), 0, until) {
            Err(error) if error.kind() == ErrorKind::Interrupted => Err(Error::interrupted(what)),
            // If a sandbox forbids futexes the pause cannot be interrupted.
            Err(_) => {
                std::thread::sleep(until.saturating_duration_since(Instant::now()));
                self.check(what)
            }
            Ok(_) => self.check(what),
        }
    }

    /// For an interrupter of an end that sleeps on the wake semaphore with this raw number.
    pub(crate) fn flag(&self, wake: u32) -> Arc<Flag> {
        self.sleeps_on(wake);
        Arc::clone(&self.flag)
    }

    /// The end sleeps on the wake semaphore with this raw number from now on.
    pub(crate) fn sleeps_on(&self, wake: u32) {
        sleeps_on(&self.flag.wake, wake);
    }

    /// Sets whether signals interrupt the waits, too.
    pub(crate) fn set_by_signals(&mut self, by_signals: bool) {
        self.by_signals = by_signals;
    }

    pub(crate) fn by_signals(&self) -> bool {
        self.by_signals
    }

    /// A signal has been handled: the wait must end.
    pub(crate) fn raise(&self) {
        self.flag.raise();
    }

    /// Whether the wait must end. True once for each interruption, or once for several at the same time.
    pub(crate) fn take(&self, sleeps: bool) -> bool {
        take::<Native>(&self.flag.word, sleeps)
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        match self.flag_is {
            FlagIs::Own => self.flag.over.store(true, Relaxed), // A hint.
            FlagIs::OfCalls => {}
            FlagIs::OfWaits(place, sleeper) => self.flag.take_away(place, sleeper),
        }
    }
}
