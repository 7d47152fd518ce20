//! What a consumer does for other ends when it pops, all of it before the slot is given back: a process
//! killed in one of these system calls takes no element with it.

use super::end::{End, Role};
use crate::end::participant::Seats;
use crate::ring::mpmc::{self as ring, Memory};
use crate::wait::host::Host;

/// What a consumer owes other ends, and which ends these are.
pub(super) struct Duties<'a, M: Memory, W: Seats, H: Host> {
    pub(super) end: &'a mut End<M, W, H>,
    pub(super) popped: &'a mut u64,
    pub(super) quarter: u64,
    pub(super) woken_in_set: &'a mut bool,
}

impl<M, W, H> Duties<'_, M, W, H>
where
    M: Memory,
    W: Seats<Platform = M::Platform>,
    H: Host,
{
    /// This number of slots is about to be freed at once: is there a producer to wake?
    #[inline(always)]
    pub(super) fn before_freeing(&mut self, ring: &mut ring::Consumer<M>, count: u64) {
        *self.popped += count;
        if *self.popped >= self.quarter {
            // Pass the parts, not the whole: it would have to be assembled for each pop.
            look_at_producers(self.end, self.popped, self.woken_in_set, ring);
        }
    }

    pub(super) fn look_at_producers(&mut self, ring: &mut ring::Consumer<M>) {
        look_at_producers(self.end, self.popped, self.woken_in_set, ring);
    }

    pub(super) fn pass_on(&mut self, ring: &mut ring::Consumer<M>) {
        pass_on(self.end, ring);
    }
}

/// A quarter of the ring is being freed: is there a producer to wake?
#[cold]
#[inline(never)]
fn look_at_producers<M, W, H>(
    end: &mut End<M, W, H>,
    popped: &mut u64,
    woken_in_set: &mut bool,
    ring: &mut ring::Consumer<M>,
) where
    M: Memory,
    W: Seats<Platform = M::Platform>,
    H: Host,
{
    *popped = 0;
    end.wake_one(Role::Producer);
    if std::mem::take(woken_in_set) {
        pass_on(end, ring);
    }
}

/// A consumer that was woken and took an element wakes the next one if there are more: producers wake one
/// consumer for a whole run of elements.
#[cold]
fn pass_on<M, W, H>(end: &mut End<M, W, H>, ring: &mut ring::Consumer<M>)
where
    M: Memory,
    W: Seats<Platform = M::Platform>,
    H: Host,
{
    if ring.look_behind().is_ok() {
        end.wake_one(Role::Consumer);
    }
}
