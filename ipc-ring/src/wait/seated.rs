//! An end that can be waited for together with others: in a set, behind a descriptor, or by a task.
//!
//! The end says what is ready and what it owes other ends; its seat sets the waiting bit.

use ipc_core::Error;

use super::news::News;
use super::park::Waiter;

/// An end with a seat, through which it waits.
pub trait Seated {
    /// Its seat.
    type Seat: Waiter;

    /// Its seat.
    fn seat(&self) -> &Self::Seat;
    /// Its seat.
    fn seat_mut(&mut self) -> &mut Self::Seat;
    /// What the end has to report, by a check that changes nothing but the memory of what was reported.
    /// `probe`: whether to ask the kernel if the other side is alive, too.
    ///
    /// # Errors
    /// When this is unknown.
    fn news(&mut self, probe: bool) -> Result<Option<News>, Error>;
    /// A wait begins that polls first: waits for a batch of messages, or of free slots if `is_worth_it`.
    fn begin_wait(&mut self, _is_worth_it: bool) {}
    /// The end is about to be waited for together with others.
    fn is_armed(&mut self) {}
    /// Clears the waiting bit. True when a notifier was faster: then there was, or will be, a token.
    fn clear_waiting(&mut self) -> bool {
        self.seat().disarm() > 0
    }
    /// Another end is used instead. An end woken for something that other ends could take too wakes the next
    /// of them.
    fn is_passed_over(&mut self) {}
    /// What the end was woken for is done. An end woken for one of several items wakes the next end.
    fn is_served(&mut self) {}
    /// A number that each operation of the end raises by one, if the end keeps one.
    #[inline(always)]
    fn passed(&self) -> Option<u64> {
        None
    }
    /// Whether what the end waits for may come without a token, so that it must check again now and then.
    fn needs_polling(&self) -> bool {
        false
    }
    /// Whether what the end waits for is about to come, without another token.
    fn is_soon(&mut self) -> bool {
        false
    }
}
