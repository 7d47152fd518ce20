//! An element that is looked at where it lies.

use core::mem::{ManuallyDrop, MaybeUninit};

use super::consumer::{Consumer, Nothing, Taken};
use super::memory::Memory;
use super::tag::State;
use crate::memory::Of;
use crate::message::Message;
use crate::platform::{Platform, Site};

impl<M: Memory> Consumer<M> {
    /// As [`pop_after`](Self::pop_after), of an element that goes to `f` in between: behind `before`, right
    /// before its slot is given back. When `f` panics the element goes to a consumer again.
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

    /// Lends the next element where it lies: at least once, as whoever dies with it in hand leaves it to
    /// another consumer.
    ///
    /// # Errors
    /// [`Nothing`].
    pub fn try_lend(&mut self) -> Result<Lent<'_, M>, Nothing> {
        let taken = self.take(State::Lent)?;
        self.held = Some(taken);
        Ok(Lent { consumer: self, taken })
    }

    /// Lends the next element to `f` and pops it when `f` returns. When `f` panics the element goes back.
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

/// An element lent by [`Consumer::try_lend`]. [`release`](Lent::release) pops it. Dropping it makes it an
/// orphan, to be delivered again with one more attempt; so does the end's next call when it was leaked.
#[derive(Debug)]
pub struct Lent<'a, M: Memory> {
    consumer: &'a mut Consumer<M>,
    taken: Taken,
}

impl<T: Message, M: Memory<Shape = Of<T>>> Lent<'_, M> {
    /// Gives the element's bytes to `f`.
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
    /// How many consumers have lost the element before: 0 the first time.
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
