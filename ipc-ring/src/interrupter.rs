//! The handle by which a wait is interrupted from outside.

use std::fmt;
use std::sync::Arc;

use ipc_core::ProcessMark;
use ipc_core::sem::SemaphoreSet;

use crate::domain::{Member, WakeSemaphore, ring};
use crate::wait::Parker;
use crate::wait::interrupt::{Flag, Interrupts};

/// Ends the wait of an end, a set, a listener or a watch from another thread of its process, or from a signal handler. Clones are
/// the same handle.
///
/// The wait that is under way ends with `Interrupted`; if none is, the next one does that would wait. Several interruptions
/// before that are one. A wait that finds something at that moment gives it, and the next one is interrupted. So a call that
/// says `Interrupted` has taken and given nothing, and the end can go on to be used.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ipc_ring::{Domain, PopError, spsc};
///
/// let domain = Domain::open("doc-example-interrupter")?;
/// let mut consumer = spsc::Builder::<u64>::new("numbers").domain(&domain).create_consumer()?;
/// let interrupter = consumer.interrupter();
/// let waiting = std::thread::spawn(move || matches!(consumer.pop(), Err(PopError::Interrupted)));
/// interrupter.interrupt()?;
/// assert!(waiting.join().expect("no panic"));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Interrupter {
    flag: Arc<Flag>,
    target: Target,
    process: ProcessMark,
}

/// Where what the end sleeps on lies.
#[derive(Clone)]
enum Target {
    Semaphore(SemaphoreSet),
    /// The word lies in the domain's memory, which must stay.
    Word(Arc<Member>),
}

impl Interrupter {
    pub(crate) fn new(member: &Arc<Member>, wake: WakeSemaphore, interrupts: &Interrupts) -> Self {
        let target = match wake.parker() {
            Parker::Semaphore => Target::Semaphore(member.semaphores()),
            Parker::Futex => Target::Word(Arc::clone(member)),
        };
        Self { flag: interrupts.flag(wake.as_raw()), target, process: member.process() }
    }

    /// Ends the wait that is under way, or the next one. Nothing happens when the end is gone, and in a child of fork.
    ///
    /// One system call. Safe in a signal handler: it takes no lock, and allocates only when the kernel refuses.
    ///
    /// # Errors
    /// When the kernel refuses to wake the thread that waits, for instance since this process has changed its user. It finds that
    /// it was interrupted at its next look, a tenth of a second later at most.
    pub fn interrupt(&self) -> Result<(), ipc_core::Error> {
        if !self.process.is_current() {
            return Ok(());
        }
        let Some(wake) = self.flag.raise().and_then(WakeSemaphore::from_raw) else { return Ok(()) };
        match &self.target {
            Target::Semaphore(semaphores) => ring(*semaphores, wake),
            Target::Word(member) => member.wake(wake),
        }
    }
}

impl fmt::Debug for Interrupter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interrupter").field("flag", &self.flag).finish_non_exhaustive()
    }
}

/// The two methods by which the waits of an end become interruptible. `$seat` has methods of these names.
macro_rules! interruptible {
    ($seat:tt $(. $more:tt)*) => {
        /// A handle by which another thread, or a signal handler, ends the waits of this one with `Interrupted`.
        #[must_use]
        pub fn interrupter(&self) -> crate::Interrupter {
            self.$seat $(. $more)* .interrupter()
        }

        /// Whether a signal, when a handler has run in the thread that waits, ends the wait with `Interrupted`. By default it
        /// goes on, whatever `SA_RESTART` says.
        ///
        /// A signal that comes while the thread polls, or just before it goes to sleep, is not noticed: have the handler call
        /// [`Interrupter::interrupt`](crate::Interrupter::interrupt) for signals that must not be missed, and for ends that only poll.
        pub fn set_interruptible(&mut self, by_signals: bool) {
            self.$seat $(. $more)* .set_interruptible(by_signals);
        }
    };
}

pub(crate) use interruptible;
