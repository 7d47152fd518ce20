//! How a task is armed and rung, whatever the words, the lock and the kernel: the driver of a process runs
//! these steps, and so does a model checker.

use super::slots::{Slots, Which};

/// The lock around a driver's [`Slots`].
pub trait Lock {
    /// What tells whether an end's waiting bit is set.
    type Signal;
    /// What wakes a task.
    type Waker;

    /// Runs `f` with the lock held.
    fn with<R>(&self, f: impl FnOnce(&mut Slots<Self::Signal, Self::Waker>) -> R) -> R;
    /// Whether the bit is set; `None` where there is none.
    fn is_set(signal: &Self::Signal) -> Option<bool>;
    /// Wakes a task. The lock is free.
    fn wake(&self, waker: Self::Waker);
    /// As [`Slots::ring`]. May answer `None` to end the round early.
    fn take(&self, from: usize, which: Which) -> Option<(usize, Self::Waker)> {
        self.with(|slots| slots.ring(from, which, Self::is_set))
    }
}

/// An end of a channel, as far as a task that waits for it goes.
pub trait End {
    /// As [`Lock::Signal`].
    type Signal;
    /// What there may be to do.
    type News;
    /// Why that cannot be known.
    type Error;

    /// Where the waiting bit lies.
    fn signal(&mut self) -> Self::Signal;
    /// Whether what the end waits for may come without a token.
    fn is_unannounced(&mut self) -> bool;
    /// Sets the waiting bit, with the driver's semaphore. The lock is held; no system call.
    fn mark(&mut self);
    /// Runs the heavy barrier that must follow.
    ///
    /// # Errors
    /// When it was refused.
    fn barrier(&mut self) -> Result<(), Self::Error>;
    /// Takes the bit back. True when a notifier was faster: then a token is there, or under way. The lock is
    /// held; no system call.
    fn unmark(&mut self) -> bool;
    /// Looks what there is to do, and asks who is alive.
    ///
    /// # Errors
    /// When that cannot be known.
    fn look(&mut self) -> Result<Option<Self::News>, Self::Error>;
}

/// Arms a slot for an end that was found to have nothing to do. With an answer, and with an error, it is not
/// armed.
///
/// # Errors
/// Those of the end.
pub fn arm<L: Lock, E: End<Signal = L::Signal>>(
    lock: &L,
    slot: usize,
    end: &mut E,
    waker: L::Waker,
) -> Result<Option<E::News>, E::Error> {
    let (signal, is_unannounced) = (end.signal(), end.is_unannounced());
    // Under the lock: the driver would take a bit that is not yet set for one that a notifier took.
    lock.with(|slots| {
        slots.arm(slot, signal, waker, is_unannounced);
        end.mark();
    });
    let found = end.barrier().and_then(|()| end.look());
    if !matches!(found, Ok(None)) {
        drop(disarm(lock, slot, end));
    }
    found
}

/// Disarms a slot. Gives the waker if it was not called; drop it without the lock.
pub fn disarm<L: Lock, E: End<Signal = L::Signal>>(lock: &L, slot: usize, end: &mut E) -> Option<L::Waker> {
    // Under the lock: the driver would take a bit that is taken back for one that a notifier took, and a
    // death's token for that notifier's.
    lock.with(|slots| {
        let taken = end.unmark();
        slots.disarm(slot, taken)
    })
}

/// Rings armed slots.
pub fn ring<L: Lock>(lock: &L, which: Which) {
    let mut from = 0;
    while let Some((slot, waker)) = lock.take(from, which) {
        from = slot + 1;
        lock.wake(waker);
    }
}

/// What the driver does behind each token that it took. Gives whether the token was a death's, or somebody's
/// who rang a bell: then all were rung to look.
pub fn token<L: Lock>(lock: &L) -> bool {
    ring(lock, Which::Taken);
    let is_odd = lock.with(|slots| slots.settle());
    if is_odd {
        ring(lock, Which::All);
    }
    is_odd
}
