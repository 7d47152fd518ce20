//! Interrupting a wait, from another thread or by a signal.
//!
//! An end has a flag of its own, in private memory. Who interrupts raises it, then leaves a token on what the
//! end sleeps on. A waiter looks at the flag whenever it looks at the clock, and so behind each sleep:
//!
//! ```text
//!   waiter                                   interrupter
//!   --------------------------------------   --------------------------------------
//!   fence                                    flag = 1
//!   flag ?                                   fence
//!   announce, look at the ring               post a token
//!   nothing: sleep until a token is posted
//!   again
//! ```
//!
//! Tokens are remembered, so one that is posted between the look at the flag and the sleep ends the sleep.
//! One that goes astray, since the waiter takes it for a notifier's, does no harm: whoever takes a token
//! looks at the flag before it sleeps again. The protocol of announcing is not touched, and a push knows
//! nothing of it.
//!
//! An end may sleep on another semaphore later, when it follows its channel to a new ring. The number of the
//! semaphore stands beside the flag: stored by the waiter before the fence of its look at the flag, loaded by
//! the interrupter behind the fence of its raise. So either the waiter sees the flag or the interrupter sees
//! where it sleeps.
//!
//! **A token too late.** The number is taken away with the end, and with the call that a handle was given to.
//! An interrupter that has loaded it before may still post when another end has the semaphore; no order can
//! rule that out without a lock, which a signal handler cannot take. It is harmless: every token is taken by
//! a sleep, or by a waiter that knows of one that it is owed. One more than is owed ends a sleep early, and
//! behind each sleep a waiter tries, looks and sleeps again. None is taken from another sleep, since a waiter
//! that takes a stray token leaves the one that it was owed.
//!
//! A signal raises the same flag, when it ends a sleep.

use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::time::Instant;

use ipc_core::{Error, ErrorKind, futex};

use crate::platform::{Barrier, Native, Platform, Word};

/// Raises the flag. Leave a token then.
pub fn raise<P: Platform>(flag: &P::U32) {
    flag.fetch_or(1, Relaxed); // The fence orders it before the token.
    P::light(Barrier::Fence);
}

/// As [`raise`]; gives what the waits by this flag sleep on, to leave a token there.
pub fn raise_for<P: Platform, W: Word<T>, T, const N: usize>(flag: &P::U32, sleepers: [&W; N]) -> [T; N] {
    raise::<P>(flag);
    // Behind the fence: either a waiter sleeps on this by now, or it sees the flag before it sleeps.
    sleepers.map(|sleeper| sleeper.load(Relaxed))
}

/// A wait sleeps on this from now on.
pub fn sleeps_on<W: Word<T>, T>(sleeper: &W, wake: T) {
    sleeper.store(wake, Relaxed); // Before the fence of `take`, which precedes each sleep.
}

/// Takes the flag down. True when it was up. `sleeps`: the caller will sleep if it was not, and may have
/// taken any token until here.
pub fn take<P: Platform>(flag: &P::U32, sleeps: bool) -> bool {
    if sleeps {
        P::light(Barrier::Fence); // Who took the token of an interrupter, in whatever wait, sees its flag.
    }
    flag.load(Relaxed) != 0 && flag.fetch_and(0, Relaxed) != 0 // See the fence.
}

/// An end's flag, which its interrupters share.
#[derive(Debug, Default)]
pub(crate) struct Flag {
    word: AtomicU32,
    /// The raw number of the wake semaphore that the end sleeps on.
    wake: AtomicU32,
    /// The end is gone; somebody else may sleep on what it slept on.
    over: AtomicBool,
    /// Of a flag that belongs to no single end: what its waits sleep on, a set of semaphores and the raw
    /// number of a wake semaphore in it; 0: nothing.
    sleepers: [AtomicU64; SLEEPERS],
}

/// The ends of a connection.
const SLEEPERS: usize = 2;

impl Flag {
    /// Raises the flag and gives the raw number of the wake semaphore to post a token to; `None` when the end
    /// is gone.
    pub(crate) fn raise(&self) -> Option<u32> {
        // A hint: a token that comes too late ends somebody's sleep early, no more.
        let is_there = !self.over.load(Relaxed);
        if !is_there {
            return None;
        }
        let [wake] = raise_for::<Native, _, _, 1>(&self.word, [&self.wake]);
        Some(wake)
    }

    /// As [`raise`](Self::raise), of a flag that belongs to no single end: what its waits sleep on.
    pub(crate) fn raise_shared(&self) -> [u64; SLEEPERS] {
        raise_for::<Native, _, _, SLEEPERS>(&self.word, self.sleepers.each_ref())
    }

    /// No wait by this flag sleeps on this any more, unless another one has the place by now.
    fn take_away(&self, place: usize, sleeper: u64) {
        // Too late for an interrupter that has loaded it: a token too many, which is harmless.
        let _ = self.sleepers[place].compare_exchange(sleeper, 0, Relaxed, Relaxed);
    }

    /// The word itself, which is 0 while the flag is down: for pauses in which there is nothing else to sleep
    /// on.
    pub(crate) fn word(&self) -> &AtomicU32 {
        &self.word
    }
}

/// Whether and by what the waits of an end are interrupted.
#[derive(Debug, Default)]
pub(crate) struct Interrupts {
    flag: Arc<Flag>,
    by_signals: bool,
    flag_is: FlagIs,
}

/// Whose flag it is.
#[derive(Clone, Copy, Debug, Default)]
enum FlagIs {
    /// This end's, with which it goes.
    #[default]
    Own,
    /// Somebody else's, for calls.
    OfCalls,
    /// Somebody else's, for waits that sleep on what stands at this place: it was this.
    OfWaits(usize, u64),
}

impl Interrupts {
    /// By a flag that belongs to no single end.
    pub(crate) fn shared(flag: &Arc<Flag>, by_signals: bool) -> Self {
        Self { flag: Arc::clone(flag), by_signals, flag_is: FlagIs::OfCalls }
    }

    /// As [`shared`](Self::shared), of waits that sleep on this.
    pub(crate) fn shared_at(flag: &Arc<Flag>, by_signals: bool, place: usize, sleeper: u64) -> Self {
        sleeps_on(&flag.sleepers[place], sleeper);
        Self { flag: Arc::clone(flag), by_signals, flag_is: FlagIs::OfWaits(place, sleeper) }
    }

    /// That the wait is not to end.
    ///
    /// # Errors
    /// [`ErrorKind::Interrupted`], once for each time, or for several at once.
    pub(crate) fn check(&self, what: &'static str) -> Result<(), Error> {
        if self.take(true) { Err(Error::interrupted(what)) } else { Ok(()) }
    }

    /// Sleeps for a while, with nothing to wait for.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub(crate) fn pause(&self, until: Instant, what: &'static str) -> Result<(), Error> {
        let wait = if self.by_signals { futex::wait_deadline_interruptible } else { futex::wait_deadline };
        match wait(self.flag.word(), 0, until) {
            Err(error) if error.kind() == ErrorKind::Interrupted => Err(Error::interrupted(what)),
            // Where a sandbox forbids it the pause cannot be ended.
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

    /// From now on a signal does it, too, or does not.
    pub(crate) fn set_by_signals(&mut self, by_signals: bool) {
        self.by_signals = by_signals;
    }

    pub(crate) fn by_signals(&self) -> bool {
        self.by_signals
    }

    /// The wait is to end: a signal has been handled.
    pub(crate) fn raise(&self) {
        self.flag.raise();
    }

    /// Whether the wait is to end. Once for each time, or for several at once.
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
