//! How a task is armed and rung, independent of the words, the lock and the kernel: the driver of a process
//! runs these steps, and so does a model checker.

use super::slots::{Slots, Which};

/// The lock around a driver's [`Slots`].
pub trait Lock {
    /// Shows whether an end's waiting bit is set.
    type Signal;
    /// Wakes a task.
    type Waker;

    /// Runs `f` with the lock held.
    fn with<R>(&self, f: impl FnOnce(&mut Slots<Self::Signal, Self::Waker>) -> R) -> R;
    /// Whether the bit is set; `None` where there is none.
    fn is_set(signal: &Self::Signal) -> Option<bool>;
    /// Wakes a task. Called without the lock.
    fn wake(&self, waker: Self::Waker);
    /// As [`Slots::ring`]. May return `None` to end the round early.
    fn take(&self, from: usize, which: Which) -> Option<(usize, Self::Waker)> {
        self.with(|slots| slots.ring(from, which, Self::is_set))
    }
}

/// The ends of channels that a task waits for together; usually one.
pub trait Ends {
    /// As [`Lock::Signal`].
    type Signal;
    /// What may be ready.
    type News;
    /// Why that cannot be determined.
    type Error;

    /// The location of an end's waiting bit.
    fn signal(&mut self, number: usize) -> Self::Signal;
    /// Whether what the end waits for may come without a token.
    fn needs_polling(&mut self, number: usize) -> bool;
    /// Sets the end's waiting bit, with the driver's semaphore. The lock is held; no system call.
    fn set_waiting(&mut self, number: usize);
    /// Runs the heavy barriers that must follow.
    ///
    /// # Errors
    /// When one was refused.
    fn barrier(&mut self) -> Result<(), Self::Error>;
    /// Takes the end's bit back. True when a notifier was faster: then it has posted a token, or will. The
    /// lock is held; no system call.
    fn clear_waiting(&mut self, number: usize) -> bool;
    /// Checks what is ready, and which processes are alive.
    ///
    /// # Errors
    /// When that cannot be determined.
    fn look(&mut self) -> Result<Option<Self::News>, Self::Error>;
}

/// Arms a slot for each of the ends, none of which was ready. If it returns an answer or an error, none is
/// armed. `waker` makes a waker for a slot.
///
/// # Errors
/// Those of the ends.
pub fn arm<L: Lock, E: Ends<Signal = L::Signal>>(
    lock: &L,
    slots: &[usize],
    ends: &mut E,
    mut waker: impl FnMut() -> L::Waker,
) -> Result<Option<E::News>, E::Error> {
    for (number, slot) in slots.iter().enumerate() {
        let (signal, waker, needs_polling) = (ends.signal(number), waker(), ends.needs_polling(number));
        // Under the lock: the driver would mistake a bit that is not yet set for one that a notifier took.
        lock.with(|slots| {
            slots.arm(*slot, signal, waker, needs_polling);
            ends.set_waiting(number);
        });
    }
    let found = ends.barrier().and_then(|()| ends.look());
    if !matches!(found, Ok(None)) {
        disarm(lock, slots, ends, drop);
    }
    found
}

/// Disarms a slot for each of the ends. `uncalled` receives the wakers that were not called, without the
/// lock.
pub fn disarm<L: Lock, E: Ends<Signal = L::Signal>>(
    lock: &L,
    slots: &[usize],
    ends: &mut E,
    mut uncalled: impl FnMut(L::Waker),
) {
    for (number, slot) in slots.iter().enumerate() {
        // Under the lock: the driver would mistake a bit that is taken back for one that a notifier took, and
        // a death's token for that notifier's.
        let waker = lock.with(|slots| {
            let taken = ends.clear_waiting(number);
            slots.disarm(*slot, taken)
        });
        waker.into_iter().for_each(&mut uncalled);
    }
}

/// Stores another waker in a slot that is armed already. `replace` does so, and returns what is to be dropped
/// without the lock. `None`, and nothing stored, when the end's bit was taken, or the slot's waker was
/// called: then the task has to look for itself.
pub fn stays_armed<L: Lock, R>(
    lock: &L,
    slot: usize,
    signal: &L::Signal,
    replace: impl FnOnce(&mut L::Waker) -> R,
) -> Option<R> {
    lock.with(|slots| slots.waker(slot).filter(|_| L::is_set(signal) == Some(true)).map(replace))
}

/// Rings armed slots.
pub fn ring<L: Lock>(lock: &L, which: Which) {
    let mut from = 0;
    while let Some((slot, waker)) = lock.take(from, which) {
        from = slot + 1;
        lock.wake(waker);
    }
}

/// What the driver does after each token that it took. Returns whether the token came from a death, or from a
/// process that rang a bell: then all were rung to look.
pub fn token<L: Lock>(lock: &L) -> bool {
    ring(lock, Which::Taken);
    let is_odd = lock.with(|slots| slots.settle());
    if is_odd {
        ring(lock, Which::All);
    }
    is_odd
}
