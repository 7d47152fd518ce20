//! An element that is accessed in place.

use core::mem::{ManuallyDrop, MaybeUninit};

use super::consumer::{Consumer, Nothing, Taken};
use super::memory::Memory;
use super::tag::State;
use crate::memory::Of;
use crate::message::Message;
use crate::platform::{Platform, Site};

impl<M: Memory> Consumer<M> {
    /// As [`pop_after`](Self::pop_after), but passes the element to `f` in between: after `before`, right
    /// before its slot is released. When `f` panics, the element is delivered to a consumer again.
    ///
    /// # Errors
    /// [`Nothing`].
    pub fn pop_with_after<R>(
        &mut self,
        f: impl FnOnce(&Lent<'_, M>) -> R,
        before: impl FnOnce(&mut Self),
    ) -> Result<R, Nothing> {
        let taken = self.take(State::Reading)?;
        before(self);
        self.held = Some(taken);
        let lent = Lent { consumer: self, taken };
        let result = f(&lent);
        lent.release();
        Ok(result)
    }

    /// Lends the next element in place: at-least-once delivery, because a process that dies holding it leaves
    /// it to another consumer.
    ///
    /// # Errors
    /// [`Nothing`].
    pub fn try_lend(&mut self) -> Result<Lent<'_, M>, Nothing> {
        let taken = self.take(State::Lent)?;
        self.held = Some(taken);
        Ok(Lent { consumer: self, taken })
    }

    /// Lends the next element to `f` and pops it when `f` returns. When `f` panics, the element is returned
    /// to the ring.
    ///
    /// # Errors
    /// [`Nothing`].
    pub fn try_pop_with<R>(&mut self, f: impl FnOnce(&Lent<'_, M>) -> R) -> Result<R, Nothing> {
        let lent = self.try_lend()?;
        let result = f(&lent);
        lent.release();
        Ok(result)
    }
}

/// An element lent by [`Consumer::try_lend`]. [`release`](Lent::release) pops it. Dropping it makes the
/// element an orphan, to be delivered again with one more attempt; so does the end's next call if it was
/// leaked.
#[derive(Debug)]
pub struct Lent<'a, M: Memory> {
    consumer: &'a mut Consumer<M>,
    taken: Taken,
}

impl<T: Message, M: Memory<Shape = Of<T>>> Lent<'_, M> {
    /// Passes the element's bytes to `f`.
    pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        self.consumer.memory.with_slot(self.consumer.shape.index(self.taken.position), |slot| f(slot.cast()))
    }

    /// Copies the element out.
    #[must_use]
    pub fn read(&self) -> T {
        let mut item = MaybeUninit::uninit();
        self.consumer.copy(self.taken, &mut item);
        // SAFETY: `copy` has filled it.
        unsafe { item.assume_init() }
    }
}

impl<M: Memory> Lent<'_, M> {
    /// How many consumers have failed to process the element before: 0 the first time.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.taken.tag.attempt()
    }

    /// The element's position.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.taken.position
    }

    /// Pops it.
    pub fn release(self) {
        let mut this = ManuallyDrop::new(self);
        let taken = this.taken;
        this.consumer.held = None;
        M::Platform::crash_point(Site::MpmcCopied);
        this.consumer.release(taken);
        this.consumer.hint();
    }
}

impl<M: Memory> Drop for Lent<'_, M> {
    fn drop(&mut self) {
        self.consumer.settle();
    }
}
