//! The words of the seats of a ring, and of the ends in them that wait for one kind of event.

use core::sync::atomic::Ordering::{Acquire, Relaxed};

use crate::platform::{Platform, Word};
use crate::wait::waiter_set::WaiterSet;

/// A word of a seat's record, by its offset. The identity of the holder's process, which belongs to the ring,
/// lies at offset 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Field {
    /// What the holder sleeps on, alone or together with other waiters; 0: nothing. Written before the
    /// waiting bit.
    Wake = 8,
    /// The holder's process number, for display.
    Pid = 12,
    /// The holder's role; 0: none. Written under the lock, before the end waits for the first time.
    Role = 16,
    /// The waiting bit.
    Signal = 20,
    /// Which mask the holder uses, by its offset; it follows eight bytes that belong to the ring. Written
    /// before the mask's bit.
    Mask = 32,
    /// Which event the holder waits for. Written before the mask's bit.
    Key = 36,
    /// The CPU the holder was last seen on, plus one; 0: unknown.
    Cpu = 40,
    /// Which looks for sleepers the holder [fences](crate::wait::fences): a bit for each role.
    Fences = 44,
}

/// The seats of a ring. A number is always below that of the seats.
pub trait Seats {
    /// The platform of these words.
    type Platform: Platform;

    /// Number of seats.
    fn seats(&self) -> u16;
    /// The seats that may be taken: at least all that have been by now.
    fn in_use(&self) -> impl Iterator<Item = u16> {
        0..self.seats()
    }
    /// Bits of a mask that are used; fewer than 64 only in models.
    fn mask_bits(&self) -> u16 {
        64
    }
    /// The holder of a seat; 0: none.
    fn identity(&self, number: u16) -> &<Self::Platform as Platform>::U64;
    /// A word of a seat's record.
    fn field(&self, number: u16, field: Field) -> &<Self::Platform as Platform>::U32;
    /// The mask at this offset.
    fn mask(&self, offset: usize) -> &<Self::Platform as Platform>::U64;
}

/// The identity in a seat.
pub(crate) fn holder<W: Seats>(words: &W, number: u16) -> u64 {
    // [M8] Acquire ← the end that gave the seat back; the role was written under the lock.
    words.identity(number).load(Acquire)
}

/// The role of the end in a seat, if the seat is taken.
pub(crate) fn role<W: Seats>(words: &W, number: u16) -> Option<u32> {
    // [M8] As above.
    (holder(words, number) != 0).then(|| words.field(number, Field::Role).load(Relaxed))
}

/// The ends of one role that wait for one kind of event.
#[derive(Clone, Copy, Debug)]
pub struct WaiterClass {
    /// The role in the records of these ends; not 0.
    pub role: u32,
    /// Offset of the mask of those that sleep.
    pub mask: usize,
    /// Of a waiter: what it waits for. Of a notifier: the waiters to be woken, all of them with [`ANY_KEY`].
    pub key: u32,
    /// Which ends look for them without a system call.
    pub notifiers: Notifiers,
}

/// The ends that look for sleepers of a class whenever they publish something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notifiers {
    /// That in the first seat.
    First,
    /// That in the last seat.
    Last,
    /// All.
    All,
    /// Not only ends in seats.
    Others,
}

impl WaiterClass {
    /// The bit of this class's role in [`Field::Fences`].
    pub(super) const fn bit(self) -> u32 {
        1 << self.index()
    }

    /// The index of this class's role.
    pub(super) const fn index(self) -> usize {
        self.role as usize % ROLES
    }
}

/// How many roles have sleepers in one ring.
pub(super) const ROLES: usize = 2;

/// The only key where all ends of a class wait for the same event.
pub const ANY_KEY: u32 = 0;

/// The ends of a class in their seats.
pub(crate) struct Waiters<'a, W> {
    pub(crate) words: &'a W,
    pub(crate) class: WaiterClass,
}

impl<W: Seats> WaiterSet for Waiters<'_, W> {
    type Platform = W::Platform;

    #[inline(always)]
    fn mask(&self) -> &<W::Platform as Platform>::U64 {
        self.words.mask(self.class.mask)
    }

    fn signal(&self, number: u16) -> &<W::Platform as Platform>::U32 {
        self.words.field(number, Field::Signal)
    }

    fn belongs(&self, number: u16) -> bool {
        let field = |field| self.words.field(number, field).load(Relaxed); // [W2] Before the mask's bit.
        field(Field::Role) == self.class.role && field(Field::Mask) == self.class.mask as u32
    }

    fn is_concerned(&self, number: u16) -> bool {
        let key = self.words.field(number, Field::Key);
        self.class.key == ANY_KEY || key.load(Relaxed) == self.class.key // [W2] Before the mask's bit.
    }

    fn seats(&self) -> u16 {
        self.words.seats()
    }

    fn bits(&self) -> u16 {
        self.words.mask_bits()
    }
}

#[cfg(test)]
#[test]
fn the_specification_has_the_same_offsets() {
    crate::documented::assert_table(
        "Seat of an mpmc ring",
        &[
            ("identity", 0),
            ("wake", Field::Wake as usize),
            ("pid", Field::Pid as usize),
            ("role", Field::Role as usize),
            ("signal", Field::Signal as usize),
            ("mask", Field::Mask as usize),
            ("key", Field::Key as usize),
            ("cpu", Field::Cpu as usize),
            ("fences", Field::Fences as usize),
        ],
    );
}
