//! An end that is one of many: its seat, how it waits, and how it wakes others.
//!
//! Each seat has a record: its holder, what the holder sleeps on and which event it waits for, and a signal
//! word with the waiting bit. [`wait::waiter_set`](crate::wait::waiter_set) describes how ends sleep and wake
//! each other.
//!
//! An end that wakes another one for the first time arranges that the death of its process posts a token to
//! that one too. A sleeper is therefore notified at once of the death of each end that has ever woken it,
//! including one that dies between taking the sleeper's bit and posting; it recovers, and wakes every sleeper
//! if there was something to repair. A sleeper that no living end has woken before finds out by its periodic
//! check, every tenth of a second.

mod presence;
mod waking;
mod words;

use core::sync::atomic::Ordering::Relaxed;

use ipc_core::Error;

use crate::error::Forked;
use crate::platform::{Barrier, Platform, Word};
use crate::wait::fences::{self, Fences, is_fencing};
use crate::wait::host::Host;
use crate::wait::park::Waiter;
use crate::wait::signal::{self, WAITING};
use crate::wait::{WaitStrategy, Waits, waiter_set};

pub(crate) use presence::has_holder_died;
pub(crate) use waking::Wakes;
use words::ROLES;
pub use words::{ANY_KEY, Field, Notifiers, Seats, WaiterClass};
pub(crate) use words::{Waiters, holder, role};

/// An attached end among others.
#[derive(Debug)]
pub struct Participant<W: Seats, H: Host> {
    pub(crate) words: W,
    /// This end's access to the kernel.
    pub(crate) host: H,
    class: WaiterClass,
    number: u16,
    barrier: Barrier,
    pub(crate) waits: Waits,
    /// What this end remembers of those that it wakes.
    wakes: Wakes<H>,
    /// Which of its looks for sleepers of each role follow a fence.
    fences: [Fences; ROLES],
    /// The error of the last wake, if it failed after its caller had been given success.
    untold: Option<Error>,
    /// The role this end waits for, if it is useful to know which CPUs its holders run on.
    faces: Option<u32>,
}

impl<W: Seats, H: Host> Participant<W, H> {
    /// Fills in the record of a seat that was just taken. Under the lock; `pid` is the holder's process
    /// number.
    pub fn sit_down(
        words: W,
        host: H,
        (number, pid): (u16, u32),
        class: WaiterClass,
        barrier: Barrier,
        strategy: WaitStrategy,
    ) -> Self {
        let end = Self {
            words,
            host,
            class,
            number,
            barrier,
            waits: Waits::new(strategy),
            wakes: Wakes::new(number),
            fences: [(); ROLES].map(|()| Fences::new::<W::Platform>(barrier)),
            untold: None,
            faces: None,
        };
        // A predecessor's waiting bit may cost the semaphore one or two tokens; they end one sleep early.
        end.own(Field::Signal).fetch_and(!WAITING, Relaxed); // Under the lock.
        end.own(Field::Wake).store(H::wake_to_raw(end.host.wake()), Relaxed); // Before the waiting bit.
        end.own(Field::Pid).store(pid, Relaxed); // For display.
        end.own(Field::Role).store(class.role, Relaxed); // Before the waiting bit.
        Fences::set_fencing::<W::Platform>(end.own(Field::Fences), u32::MAX);
        end.note_class();
        end.note_cpu();
        end
    }

    /// Empties the record, then gives the seat back.
    pub fn vacate(&self, give_back: impl FnOnce()) {
        self.own(Field::Wake).store(0, Relaxed); // Before the seat is free, [E1].
        self.own(Field::Role).store(0, Relaxed); // Before the seat is free, [E1].
        give_back();
    }

    /// After [`vacate`](Self::vacate): passes a token meant for this end on to another, and cancels what was
    /// arranged for the death of this process.
    pub fn hand_on(&mut self) {
        // The seat and its words are another end's: what follows is fenced without a note there.
        self.fences = [(); ROLES].map(|()| Fences::new::<W::Platform>(Barrier::Fence));
        W::Platform::light(Barrier::Fence);
        let _ = self.wake_some(self.class, 1); // Otherwise it looks by itself.
        self.wakes.forget(&self.host);
    }

    /// Whether all that look for this end fence their looks.
    fn do_notifiers_fence(&self) -> bool {
        let does_fence = |number| {
            number == self.number
                || holder(&self.words, number) == 0
                || is_fencing::<W::Platform>(self.words.field(number, Field::Fences), self.class.bit())
        };
        match self.class.notifiers {
            Notifiers::First => does_fence(0),
            Notifiers::Last => does_fence(self.words.seats() - 1),
            Notifiers::All => self.words.in_use().all(does_fence),
            Notifiers::Others => false,
        }
    }

    fn own(&self, field: Field) -> &<W::Platform as Platform>::U32 {
        self.words.field(self.number, field)
    }

    fn waiters(&self, class: WaiterClass) -> Waiters<'_, W> {
        Waiters { words: &self.words, class }
    }

    /// The words of all seats.
    pub fn words(&self) -> &W {
        &self.words
    }

    /// The seat's number.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// What this end is.
    pub(crate) fn role(&self) -> u32 {
        self.class.role
    }

    /// An end that waits for ends of this role.
    pub(crate) fn facing(mut self, role: u32) -> Self {
        self.faces = Some(role);
        self
    }

    /// What this end waits for from now on.
    pub(crate) fn wait_for(&mut self, class: WaiterClass) {
        self.class = class;
        self.note_class();
    }

    fn note_class(&self) {
        self.own(Field::Mask).store(self.class.mask as u32, Relaxed); // Before the mask's bit.
        self.own(Field::Key).store(self.class.key, Relaxed); // Before the mask's bit.
    }

    /// Records the CPU this thread runs on, when it attaches and when it waits; 0 when it is unknown.
    fn note_cpu(&self) -> u32 {
        let mine = self.host.cpu();
        let noted = self.own(Field::Cpu);
        if noted.load(Relaxed) != mine {
            noted.store(mine, Relaxed); // A hint for the others.
        }
        mine
    }

    /// Clears the waiting bit of this end. True when a notifier was faster.
    pub(crate) fn clear_waiting(&self) -> bool {
        signal::clear_waiting::<W::Platform>(self.own(Field::Signal))
    }

    /// Whether this is the process that attached, not a forked child.
    pub(crate) fn is_ours(&self) -> bool {
        self.host.is_ours()
    }

    /// Checks that this end was opened by the calling process. Runs at the start of each operation: a load
    /// and a comparison.
    #[inline(always)]
    pub(crate) fn ours(&self) -> Result<(), Forked> {
        if self.host.is_ours() { Ok(()) } else { Err(Forked) }
    }
}

impl<W: Seats, H: Host> Waiter for Participant<W, H> {
    type Platform = W::Platform;
    type Host = H;

    fn host(&self) -> &H {
        &self.host
    }

    fn waits(&self) -> &Waits {
        &self.waits
    }

    fn waits_mut(&mut self) -> &mut Waits {
        &mut self.waits
    }

    /// A fence, if all that look for this end run one too.
    fn barrier(&self) -> Barrier {
        fences::required::<W::Platform>(self.barrier, || self.do_notifiers_fence())
    }

    fn arm(&self, wake: H::Wake) {
        self.own(Field::Wake).store(H::wake_to_raw(wake), Relaxed); // Before the waiting bit.
        waiter_set::set_waiting(&self.waiters(self.class), self.number);
    }

    fn disarm(&self) -> usize {
        usize::from(self.clear_waiting())
    }

    fn shares_cpu(&self) -> bool {
        self.faces.is_some_and(|role| self.shares_cpu_with(role))
    }

    /// There may be a notification of one death, but not of the death of every end that this one waits for.
    fn is_told_of_death(&self) -> bool {
        false
    }

    fn has_peer_died(&self) -> bool {
        self.has_holder_died()
    }
}
