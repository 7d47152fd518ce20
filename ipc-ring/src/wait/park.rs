//! How an end waits: the one loop for all channels.
//!
//! ```text
//!   poll, try                             there: done; not where the last wait found a shared CPU
//!   try                                   there: done
//!   poll for a while, trying again        once a heartbeat: is the other side alive?
//!   before a sleep, where that is due:    is the other side alive? No: try once more, then the error
//!   prepare_wait                          the waiting bit, then the heavy barrier
//!   look once more                        something is there: cancel_wait, and try
//!   commit_wait                           sleep until a token comes or a heartbeat is over, and try
//! ```
//!
//! An [`Attempt`] defines what is tried and what is checked; a [`Waiter`] has the words and the kernel's
//! part. [`liveness`](super::liveness) determines when a wait checks whether the other side is alive.
//! [`signal`](super::signal) explains for two ends, and [`waiter_set`](super::waiter_set) for many, why no
//! wake-up is lost: it depends on the order of the steps here, which models run unchanged, with sleeps that
//! only tokens end.

use std::time::Instant;

use ipc_core::Error;

use super::host::{Host, Peers};
use super::late::Nap;
use super::soon::Soon;
use super::strategy::{Step, Wait, Waits};
use crate::platform::{Barrier, Platform};

/// An end that can sleep, or several that are waited for together: its words in shared memory, and its part
/// of the kernel.
///
/// To wait for several ends at once, or without a thread that sleeps, [`arm`](Self::arm) each of them for the
/// same [`Wake`](Peers::Wake), run the heavy barrier, check all of them, and [`disarm`](Self::disarm) them
/// when a token arrived or a check succeeded. None of this blocks.
pub trait Waiter {
    /// The platform of its words.
    type Platform: Platform;
    /// Its part of the kernel.
    type Host: Host;

    /// Its part of the kernel.
    fn host(&self) -> &Self::Host;
    /// Its record of its waits.
    fn waits(&self) -> &Waits;
    /// Its record of its waits.
    fn waits_mut(&mut self) -> &mut Waits;
    /// Sets the waiting bit of this end, to be woken through `wake`. The [heavy](Platform::heavy) half of
    /// [`barrier`](Self::barrier) must follow, then another check.
    fn arm(&self, wake: <Self::Host as Peers>::Wake);
    /// The barrier that must follow the waiting bit, as this end's notifiers [require](super::fences) it now.
    fn barrier(&self) -> Barrier;
    /// Clears the waiting bit. Returns the number of notifiers that were faster: this number of tokens were
    /// or will be posted.
    fn disarm(&self) -> usize;
    /// Whether the peers waited for were last seen on the CPU this thread runs on, so that they cannot run
    /// while it polls.
    fn shares_cpu(&self) -> bool;
    /// Whether the death of a peer waited for posts a token to this end.
    fn is_told_of_death(&self) -> bool;
    /// Whether a peer is dead that may have died before it woke this end, as far as can be determined.
    fn has_peer_died(&self) -> bool;

    /// Sets the waiting bit and runs the heavy barrier. Afterwards this end must check the ring once more,
    /// then call [`cancel_wait`](Self::cancel_wait) or sleep.
    ///
    /// # Errors
    /// As [`Platform::heavy`]; then the wait is cancelled.
    fn prepare_wait(&self) -> Result<(), Error> {
        self.arm(self.host().wake());
        Self::Platform::heavy(self.barrier()).inspect_err(|_| self.cancel_wait())
    }

    /// Reverts [`prepare_wait`](Self::prepare_wait), and takes the tokens of notifiers that were faster.
    fn cancel_wait(&self) {
        // The tokens have been posted or will be; a later one only ends the next sleep early.
        (0..self.disarm()).for_each(|_| self.host().drain());
    }
}

/// Sleeps, after [`prepare_wait`](Waiter::prepare_wait) and a check that found nothing, until a token arrives
/// or the deadline passes. True for a token. `is_owed`: whether there is something for which the other side
/// must have woken this end.
///
/// # Errors
/// As [`Host::sleep`].
#[track_caller]
pub(crate) fn commit_wait<T: ?Sized, W: Waiter>(
    end: &mut T,
    waiter: impl Fn(&T) -> &W,
    nap: Nap,
    mut is_owed: impl FnMut(&mut T) -> bool,
) -> Result<bool, Error> {
    let woken = nap.take(
        end,
        |end, until| waiter(end).host().sleep(until),
        |end| is_owed(end) && !waiter(end).has_peer_died(),
    );
    let waiter = waiter(end);
    // The sleep has taken one of them.
    (usize::from(matches!(woken, Ok(true)))..waiter.disarm()).for_each(|_| waiter.host().drain());
    woken
}

/// The result of a check, which changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// An attempt would find nothing.
    Nothing,
    /// An attempt would succeed or fail.
    Ready,
    /// Something is about to appear, without a notification: see [`soon`](super::soon).
    Soon,
}

/// The result of checking whether the other side is there.
#[derive(Debug)]
pub enum Presence<E> {
    /// It is there, or was not checked, or is waited for in any case.
    There,
    /// Something was cleaned up after a dead process: try before sleeping.
    Changed,
    /// It is gone. What it did before may still be visible, so there is one more attempt; this is the error
    /// if that fails.
    Gone(E),
}

/// Why a wait ended without success.
#[derive(Debug)]
pub enum Stop {
    /// The deadline has passed.
    TimedOut,
    /// The wait was interrupted.
    Interrupted,
    /// The kernel refused.
    System(Error),
}

/// Converts [`Stop`] into an error, through its variants of the same names.
macro_rules! from_stop {
    ($error:ty $(, $value:expr)?) => {
        impl From<$crate::wait::park::Stop> for $error {
            fn from(stop: $crate::wait::park::Stop) -> Self {
                use $crate::wait::park::Stop;
                match stop {
                    Stop::TimedOut => Self::TimedOut $(($value))?,
                    Stop::Interrupted => Self::Interrupted $(($value))?,
                    Stop::System(error) => Self::System($($value,)? error),
                }
            }
        }
    };
}

pub(crate) use from_stop;

/// What an end waits for.
pub trait Attempt {
    /// The end.
    type Waiter: Waiter;
    /// The result of success.
    type Output;
    /// The error of failure.
    type Error: From<Stop>;
    /// Whether the other side may make something available without a notification for a while. Then the first
    /// sleeps are short.
    const NEEDS_POLLING: bool = false;

    /// The end.
    fn waiter(&self) -> &Self::Waiter;
    /// The end.
    fn waiter_mut(&mut self) -> &mut Self::Waiter;
    /// The wait begins. An end that polls may let messages accumulate, or slots become free.
    fn begin(&mut self) {}
    /// Tries. `None` if there is nothing yet. If a wait succeeds, the end records that through
    /// `Waits::finished`, before the attempt takes an irrevocable step.
    ///
    /// # Errors
    /// If no later attempt can succeed.
    fn attempt(&mut self, wait: &Wait) -> Result<Option<Self::Output>, Self::Error>;
    /// Whether an attempt would have a result, by a check that changes nothing visible to others.
    fn look(&mut self) -> Look;
    /// Whether there is something for which the other side must have woken this end. Checked after a sleep
    /// without a token.
    fn is_owed(&mut self) -> bool {
        self.look() == Look::Ready
    }
    /// Passes the time between two attempts of an end that polls; may make some further cheap checks, the
    /// first of them at once.
    ///
    /// # Errors
    /// If the wait cannot succeed.
    fn poll(&mut self) -> Result<(), Self::Error> {
        super::pause();
        Ok(())
    }
    /// Whether the other side is there. `ask`: whether to use system calls to find out.
    ///
    /// # Errors
    /// If it cannot be determined.
    fn presence(&mut self, ask: bool) -> Result<Presence<Self::Error>, Self::Error>;
    /// The end is about to sleep, until the deadline at most.
    fn sleeps(&mut self, _deadline: Option<Instant>) {}
    /// The end has slept; `is_woken` by a token.
    fn slept(&mut self, _is_woken: bool, _deadline: Option<Instant>) {}
}

/// Waits until an attempt succeeds. To be called from a cold function.
///
/// # Errors
/// Those of the attempt; [`Stop`].
#[inline(always)]
#[track_caller]
pub fn park<A: Attempt>(attempt: &mut A, deadline: Option<Instant>) -> Result<A::Output, A::Error> {
    let waits = attempt.waiter().waits();
    let (polls, polls_first) = (waits.polls(), waits.polls_first());
    let wait = if A::NEEDS_POLLING { waits.start_with_naps(deadline) } else { waits.start(deadline) };
    if polls {
        attempt.begin();
    }
    if polls_first {
        // What an end that polls waits for mostly comes now. Inlined, and without the rest of the loop: the
        // shorter the path behind the check that finds it, the sooner it is there.
        attempt.poll()?;
        if let Some(output) = attempt.attempt(&wait)? {
            return Ok(output);
        }
    }
    park_on(attempt, wait, deadline)
}

/// As [`park`], after its first polls.
#[cold]
#[inline(never)]
#[track_caller]
fn park_on<A: Attempt>(
    attempt: &mut A,
    mut wait: Wait,
    deadline: Option<Instant>,
) -> Result<A::Output, A::Error> {
    let mut soon = Soon::default();
    loop {
        if let Some(output) = attempt.attempt(&wait)? {
            return Ok(output);
        }
        let in_vain = wait.has_slept();
        let waiter = attempt.waiter();
        let step =
            wait.next(waiter.waits(), |sleeps| waiter.host().is_interrupted(sleeps), || waiter.shares_cpu());
        let nap = match step {
            Step::Poll => {
                attempt.poll()?;
                continue;
            }
            Step::TimedOut => return Err(Stop::TimedOut.into()),
            Step::Interrupted => return Err(Stop::Interrupted.into()),
            Step::Probe => {
                waiter.host().check().map_err(Stop::System)?;
                None
            }
            Step::Sleep(nap) => Some(nap),
        };
        let (ask, nap) = match nap {
            None => (true, None),
            Some(nap) => {
                attempt.sleeps(deadline);
                let waiter = attempt.waiter();
                let (now, is_told) = (waiter.host().now(), waiter.is_told_of_death());
                let waits = attempt.waiter_mut().waits_mut();
                let (ask, nap) = waits.before_sleep(now, nap, in_vain, is_told);
                (ask, Some(nap))
            }
        };
        match attempt.presence(ask)? {
            Presence::There => {}
            Presence::Changed => continue,
            Presence::Gone(error) => return attempt.attempt(&wait)?.ok_or(error),
        }
        if let Some(nap) = nap {
            sleep(attempt, nap, &mut soon, deadline).map_err(Stop::System)?;
        }
    }
}

/// Sleeps, unless a check succeeds before that.
#[track_caller]
fn sleep<A: Attempt>(
    attempt: &mut A,
    nap: Nap,
    soon: &mut Soon,
    deadline: Option<Instant>,
) -> Result<(), Error> {
    attempt.waiter().prepare_wait()?;
    match attempt.look() {
        Look::Ready => attempt.waiter().cancel_wait(),
        Look::Soon => {
            attempt.waiter().cancel_wait();
            attempt.waiter().host().pass(soon, nap.until);
        }
        Look::Nothing => {
            let is_woken = commit_wait(attempt, A::waiter, nap, A::is_owed)?;
            attempt.slept(is_woken, deadline);
        }
    }
    Ok(())
}
