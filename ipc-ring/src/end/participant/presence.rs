//! Which other ends are attached: by their records, and by asking the kernel.

use core::sync::atomic::Ordering::Relaxed;

use ipc_core::Error;

use super::{Field, Participant, Seats, holder, role};
use crate::platform::Word;
use crate::wait::host::{Host, Peers};
use crate::wait::signal::WAITING;

impl<W: Seats, H: Host> Participant<W, H> {
    /// Whether the process of this identity, as a seat holds it, is alive. Asks the kernel.
    ///
    /// # Errors
    /// When this is unknown.
    pub(crate) fn is_alive(&self, identity: u64) -> Result<bool, Error> {
        self.host.is_alive(identity)
    }

    /// Whether a seat belongs to a dead process, which may have died before it woke another one. Asks the
    /// kernel about each seat that is taken.
    pub(crate) fn has_holder_died(&self) -> bool {
        has_holder_died(&self.words, &self.host)
    }

    /// As [`Peers::asking`](crate::wait::host::Peers::asking).
    ///
    /// # Errors
    /// When one of the questions had no answer. What `f` did for the others stays done.
    pub(crate) fn asking<R>(&self, f: impl FnOnce(&dyn Fn(u64) -> bool) -> R) -> Result<R, Error> {
        self.host.asking(f)
    }

    /// Whether at least one end of a role is attached, and all that are sleep or are about to: their
    /// waiting bits are set.
    pub(crate) fn do_all_wait(&self, of: u32) -> bool {
        let words = &self.words;
        let mut ends = words.in_use().filter(|number| role(words, *number) == Some(of)).peekable();
        ends.peek().is_some()
            && ends.all(|number| words.field(number, Field::Signal).load(Relaxed) & WAITING != 0)
    }

    /// Whether a seat of a role is taken. Does not check whether its process is alive.
    pub(crate) fn is_taken(&self, of: u32) -> bool {
        self.words.in_use().any(|number| role(&self.words, number) == Some(of))
    }

    /// The process number of a seat, for display.
    pub(crate) fn pid(&self, number: u16) -> u32 {
        if number < self.words.seats() { self.words.field(number, Field::Pid).load(Relaxed) } else { 0 }
    }

    /// Whether all ends of a role were last seen on the CPU this thread runs on, so that none of them can run
    /// while this one polls. Records this thread's CPU for the others.
    pub(super) fn shares_cpu_with(&self, of: u32) -> bool {
        let (mine, words) = (self.note_cpu(), &self.words);
        let mut others = words
            .in_use()
            .filter(|number| role(words, *number) == Some(of))
            .map(|number| words.field(number, Field::Cpu).load(Relaxed)) // A hint.
            .peekable();
        mine != 0 && others.peek().is_some() && others.all(|cpu| cpu == mine)
    }
}

/// Whether a seat belongs to a dead process.
pub(crate) fn has_holder_died<W: Seats>(words: &W, peers: &impl Peers) -> bool {
    words.in_use().any(|number| peers.is_dead(holder(words, number)))
}
