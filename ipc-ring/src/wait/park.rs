//! How an end waits: the one loop of all channels.
//!
//! ```text
//!   try                                   there: done
//!   poll for a while, trying again        once a heartbeat: is the other side alive?
//!   before a sleep, where that is due:    is the other side alive? No: try once more, then the error
//!   prepare_wait                          the waiting bit, then the heavy barrier
//!   look once more                        something is there: cancel_wait, and try
//!   commit_wait                           sleep until a token comes or a heartbeat is over, and try
//! ```
//!
//! What is tried, and what a look is, is said by an [`Attempt`]; the words and the kernel are a [`Waiter`]'s. When a wait asks whether the
//! other side is alive, [`liveness`](super::liveness) says. Why no wake-up is lost, [`signal`](super::signal) says for two ends
//! and [`waiter_set`](super::waiter_set) for many: it rests on the order of the steps here, which models run as they are, with sleeps
//! that end by tokens only.

use std::time::Instant;

use ipc_core::Error;

use super::host::Host;
use super::late::Nap;
use super::soon::Soon;
use super::strategy::{Step, Wait, Waits};
use crate::platform::{Barrier, Platform};

/// An end that can sleep, or several that are waited for together: its words in shared memory, and its part of the kernel.
///
/// To wait for several ends at once, or without a thread that sleeps, [`arm`](Self::arm) each of them for one and the same
/// [`Wake`](Host::Wake), run the heavy barrier, look at all of them, and [`disarm`](Self::disarm) them when a token came or something was
/// there. None of this blocks.
pub trait Waiter {
    /// The machine its words belong to.
    type Platform: Platform;
    /// Its part of the kernel.
    type Host: Host;

    /// Its part of the kernel.
    fn host(&self) -> &Self::Host;
    /// What it has learned about its waits.
    fn waits(&self) -> &Waits;
    /// What it has learned about its waits.
    fn waits_mut(&mut self) -> &mut Waits;
    /// How sleepers and notifiers of the ring agree.
    fn barrier(&self) -> Barrier;
    /// Says that somebody waits for this end, who is to be woken by this. The heavy barrier comes behind it, then another look.
    fn arm(&self, wake: <Self::Host as Host>::Wake);
    /// Takes that back. Gives how many notifiers were faster: so many tokens were or will be posted.
    fn disarm(&self) -> usize;
    /// Whether those that are waited for were last seen on the CPU this thread runs on, so that they cannot run while it polls.
    fn shares_cpu(&self) -> bool;
    /// Whether the death of who is waited for posts a token to this end.
    fn is_told_of_death(&self) -> bool;
    /// Whether somebody is dead who may have died before it woke this end, as far as that can be known.
    fn has_peer_died(&self) -> bool;

    /// Says that this end is about to sleep. Afterwards it must look at the ring once more, then [`cancel_wait`](Self::cancel_wait)
    /// or sleep.
    ///
    /// # Errors
    /// As [`Platform::heavy`]; then the end says so no more.
    fn prepare_wait(&self) -> Result<(), Error> {
        self.arm(self.host().wake());
        Self::Platform::heavy(self.barrier()).inspect_err(|_| self.cancel_wait())
    }

    /// Takes back what [`prepare_wait`](Self::prepare_wait) said.
    fn cancel_wait(&self) {
        // The tokens are there already or on their way; one that comes later ends the next sleep early, no more.
        (0..self.disarm()).for_each(|_| self.host().drain());
    }
}

/// Sleeps, behind [`prepare_wait`](Waiter::prepare_wait) and a look that found nothing, until a token comes or the time has come. True for a
/// token. `is_owed`: whether something is there for which the other side must have woken this end.
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
        |end, is_last| is_owed(end) && !(is_last && waiter(end).has_peer_died()),
    );
    let waiter = waiter(end);
    // The sleep has taken one of them.
    (usize::from(matches!(woken, Ok(true)))..waiter.disarm()).for_each(|_| waiter.host().drain());
    woken
}

/// What a look found that changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Nothing to be had.
    Nothing,
    /// An attempt comes to something, be it an error.
    Ready,
    /// Something is under way, and will not be announced: see [`soon`](super::soon).
    Soon,
}

/// What came of the question whether the other side is there.
#[derive(Debug)]
pub enum Presence<E> {
    /// It is, or nobody asked, or it is waited for whatever became of it.
    There,
    /// Something was cleared up after the dead: try before sleeping.
    Changed,
    /// It is not. What it did before may still be seen, so there is one more attempt; this is the error if that fails.
    Gone(E),
}

/// Why a wait ended with nothing.
#[derive(Debug)]
pub enum Stop {
    /// The deadline has passed.
    TimedOut,
    /// Somebody wants the wait to end.
    Interrupted,
    /// The kernel refused.
    System(Error),
}

/// Has an error say why a wait ended, by its variants of the same names.
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
    /// What comes of it.
    type Output;
    /// Why nothing came of it.
    type Error: From<Stop>;
    /// Whether the other side may leave what is waited for unannounced for a while. Then the first sleeps are short ones.
    const UNANNOUNCED: bool = false;

    /// The end.
    fn waiter(&self) -> &Self::Waiter;
    /// The end.
    fn waiter_mut(&mut self) -> &mut Self::Waiter;
    /// The wait begins. An end that polls may let messages gather, or slots come free.
    fn begin(&mut self) {}
    /// Tries. `None` when there is nothing yet. The end learns by `Waits::finished` from a wait that succeeds, before the attempt does what
    /// cannot be taken back.
    ///
    /// # Errors
    /// When nothing will come of it any more.
    fn attempt(&mut self, wait: &Wait) -> Result<Option<Self::Output>, Self::Error>;
    /// Whether an attempt would come to something, by a look that changes nothing that others see.
    fn look(&mut self) -> Look;
    /// Whether something is there for which the other side must have woken this end. Looked at behind a sleep without a token.
    fn is_owed(&mut self) -> bool {
        self.look() == Look::Ready
    }
    /// Passes the time between two attempts of an end that polls; may look a few times more, by a look that costs little.
    ///
    /// # Errors
    /// When nothing will come of the wait.
    fn poll(&mut self) -> Result<(), Self::Error> {
        super::pause();
        Ok(())
    }
    /// Whether the other side is there. `ask`: whether to ask the kernel; otherwise only what costs no system call.
    ///
    /// # Errors
    /// When that cannot be known.
    fn presence(&mut self, ask: bool) -> Result<Presence<Self::Error>, Self::Error>;
    /// The end has come to sleeping, until the deadline at most.
    fn sleeps(&mut self, _deadline: Option<Instant>) {}
    /// The end has slept; `is_woken` by a token.
    fn slept(&mut self, _is_woken: bool, _deadline: Option<Instant>) {}
}

/// Waits until an attempt succeeds.
///
/// # Errors
/// Those of the attempt; [`Stop`].
#[cold]
#[inline(never)]
#[track_caller]
pub fn park<A: Attempt>(attempt: &mut A, deadline: Option<Instant>) -> Result<A::Output, A::Error> {
    let waits = attempt.waiter().waits();
    let mut wait = if A::UNANNOUNCED { waits.start_with_naps(deadline) } else { waits.start(deadline) };
    let mut soon = Soon::default();
    if waits.polls() {
        attempt.begin();
    }
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

/// Sleeps, unless something is there by then.
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
