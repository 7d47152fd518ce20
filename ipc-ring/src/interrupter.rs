//! The handle that interrupts a wait from outside.

use std::fmt;
use std::sync::Arc;

use ipc_core::ProcessMark;
use ipc_core::futex;
use ipc_core::sem::{SemId, SemaphoreSet};

use crate::domain::{Member, WakeSemaphore, ring};
use crate::wait::Parker;
use crate::wait::interrupt::{Flag, Interrupts};

/// Ends the wait of an end, a set, a listener, a watch or a connection from another thread of its process, or
/// from a signal handler; if made by [`new`](Self::new), the waits of the calls that it was passed to. Clones
/// are the same handle.
///
/// The wait in progress ends with `Interrupted`; if there is none, the next call that would wait does.
/// Several interruptions before that count as one. A wait that succeeds at that moment returns its result,
/// and the next one is interrupted. So a call that returns `Interrupted` has taken and delivered nothing, and
/// the end can still be used.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ipc_ring::{Domain, PopError, spsc};
///
/// let domain = Domain::open("doc-example-interrupter")?;
/// let mut consumer = spsc::Builder::<u64>::new("numbers").domain(&domain).create_receiver()?;
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
    /// For calls.
    by_signals: bool,
}

/// Where the object that the end sleeps on is.
#[derive(Clone)]
enum Target {
    Semaphore(SemaphoreSet),
    /// The word is in the domain's memory, which must stay.
    Word(Arc<Member>),
    /// Stored next to the flag, for calls and connections.
    Registered,
}

impl Default for Interrupter {
    fn default() -> Self {
        Self::new()
    }
}

impl Interrupter {
    pub(crate) fn of_end(member: &Arc<Member>, wake: WakeSemaphore, interrupts: &Interrupts) -> Self {
        let target = match wake.parker() {
            Parker::Semaphore => Target::Semaphore(member.semaphores()),
            Parker::Futex => Target::Word(Arc::clone(member)),
        };
        Self { flag: interrupts.flag(wake.as_raw()), target, process: member.process(), by_signals: false }
    }

    /// A handle for calls of the control layer: of a [`Domain`](crate::Domain::with_interrupter) and the ends
    /// that are opened in it, and of [`control::Builder`](crate::control::Builder::interrupter). It ends the
    /// call in progress or, if there is none, the next one that would wait. Calls in several threads need one
    /// handle each.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use ipc_ring::{AttachErrorKind, Domain, Interrupter};
    ///
    /// let interrupter = Interrupter::new();
    /// let domain = Domain::open("doc-example-calls")?.with_interrupter(&interrupter);
    /// let waiting = std::thread::spawn(move || domain.wait_for("no-such-channel", Duration::MAX));
    /// interrupter.interrupt()?;
    /// let told = waiting.join().expect("no panic").unwrap_err();
    /// assert!(matches!(told.kind(), AttachErrorKind::Interrupted));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn new() -> Self {
        let (flag, process) = (Arc::default(), ProcessMark::current());
        Self { flag, target: Target::Registered, process, by_signals: false }
    }

    /// Lets a signal end the calls that are passed this handle from now on, too, when a handler has run in
    /// the thread that waits. By default they continue.
    ///
    /// A signal that arrives just before the thread goes to sleep is not noticed: for signals that must not
    /// be missed, let the handler call [`interrupt`](Self::interrupt).
    #[must_use]
    pub fn and_by_signals(mut self) -> Self {
        self.by_signals = true;
        self
    }

    /// What interrupts a call.
    pub(crate) fn of_calls(&self) -> Interrupts {
        Interrupts::shared(&self.flag, self.by_signals)
    }

    /// What interrupts the waits on this semaphore, which use this handle from now on.
    pub(crate) fn of_waits(&self, member: &Member, wake: WakeSemaphore, place: usize) -> Interrupts {
        let set = u64::from(member.semaphores().id().as_raw().cast_unsigned());
        Interrupts::shared_at(&self.flag, self.by_signals, place, set << 32 | u64::from(wake.as_raw()))
    }

    /// Ends the wait in progress, or the next one. Does nothing if the end is gone, and in a child of fork.
    ///
    /// One system call. Safe in a signal handler: it takes no lock, and allocates only if the kernel refuses.
    ///
    /// # Errors
    /// If the kernel refuses to wake the thread that waits, for instance because this process has changed its
    /// user. The thread finds that it was interrupted at its next check, within a tenth of a second.
    pub fn interrupt(&self) -> Result<(), ipc_core::Error> {
        if !self.process.is_current() {
            return Ok(());
        }
        if matches!(self.target, Target::Registered) {
            return self.interrupt_calls();
        }
        let Some(wake) = self.flag.raise().and_then(WakeSemaphore::from_raw) else { return Ok(()) };
        match &self.target {
            Target::Semaphore(semaphores) => ring(*semaphores, wake),
            Target::Word(member) => member.wake(wake),
            Target::Registered => Ok(()),
        }
    }

    fn interrupt_calls(&self) -> Result<(), ipc_core::Error> {
        let mut woken = Ok(());
        for sleeper in self.flag.raise_shared() {
            let set = SemaphoreSet::from_id(SemId::from_raw(((sleeper >> 32) as u32).cast_signed()));
            if let Some(wake) = WakeSemaphore::from_raw(sleeper as u32) {
                woken = woken.and(ring(set, wake));
            }
        }
        // For pauses. If a sandbox forbids futexes, the pauses run to their end.
        let _ = futex::wake(self.flag.word(), i32::MAX as u32);
        woken
    }
}

impl fmt::Debug for Interrupter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interrupter").field("flag", &self.flag).finish_non_exhaustive()
    }
}

/// The two methods that make the waits of an end interruptible. `$seat` has methods of these names.
macro_rules! interruptible {
    ($seat:tt $(. $more:tt)*) => {
        /// A handle with which another thread, or a signal handler, ends the waits of this one with
        /// `Interrupted`.
        #[must_use]
        pub fn interrupter(&self) -> crate::Interrupter {
            self.$seat $(. $more)* .interrupter()
        }

        /// Sets whether a signal ends the wait with `Interrupted`, when a handler has run in the thread that
        /// waits. By default it continues, whatever `SA_RESTART` says.
        ///
        /// A signal that arrives while the thread polls, or just before it goes to sleep, is not noticed: for
        /// signals that must not be missed, and for ends that only poll, let the handler call
        /// [`Interrupter::interrupt`](crate::Interrupter::interrupt).
        pub fn set_interruptible(&mut self, by_signals: bool) {
            self.$seat $(. $more)* .set_interruptible(by_signals);
        }
    };
}

pub(crate) use interruptible;
