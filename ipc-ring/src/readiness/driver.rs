//! The thread that sleeps on behalf of tasks and descriptors.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ipc_core::{Error, PerProcess};
use nix::sys::signal::{SigSet, SigmaskHow};

use super::protocol::{self, Lock};
use super::slots::{Slots, Which};
use crate::channel::waitable::{Bell, Waiting};
use crate::domain::{Domain, Member};
use crate::error::AttachError;
use crate::wait::HEARTBEAT;
use crate::wait::interrupt::Interrupts;

/// The thread that waits for the armed ends of this process in one domain. All clones refer to the same
/// thread.
///
/// It exists as long as a driver, a [`Registration`](super::Registration) or a [`PollSet`](super::PollSet)
/// does. It blocks all signals, is named `ipc-ring driver`, and calls wakers without holding a lock. In a
/// forked child there is none, and every operation returns `Forked`.
#[derive(Clone)]
pub struct Driver(pub(super) Arc<Handle>);

/// Each process slot of the domain with its generation, and whether its process is alive.
type Census = Vec<(u64, bool)>;

/// The state that the clones of a driver share; the thread holds [`Shared`] alone, and so keeps no driver
/// alive.
pub(super) struct Handle {
    pub(super) member: Arc<Member>,
    pub(super) shared: Arc<Shared>,
    /// Present until the handle is dropped.
    thread: Option<JoinHandle<()>>,
}

pub(super) struct Shared {
    pub(super) bell: Bell,
    /// Whether deaths post to the semaphore.
    is_bell: bool,
    state: Mutex<State>,
}

/// The state that the lock protects. No operation that waits is done while it is held.
#[derive(Default)]
pub(super) struct State {
    pub(super) slots: Slots<Option<Waiting>, Waker>,
    /// The thread's membership, which it borrows for a sleep or a look only: while it calls wakers it keeps
    /// none, so that the domain can be left then. `None` when the thread shall end.
    member: Option<Arc<Member>>,
    /// The thread is calling wakers.
    calling: bool,
    /// The kernel refused to let the thread sleep, and it has ended.
    pub(super) failed: bool,
    /// The thread will look by itself before long; otherwise it sleeps until there is a token.
    will_look: bool,
    counts: Counts,
}

/// What the thread of a [`Driver`] has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// The number of times it woke up, for a token or to look.
    pub wakeups: u64,
    /// Tasks and descriptors woken because their waiting bit was taken, or, where there is no bit, because a
    /// token came.
    pub rung: u64,
    /// Tasks and descriptors woken to look for themselves: after a death, or because what they wait for may
    /// come without a token.
    pub asked_to_look: u64,
}

impl Driver {
    /// The driver of this process in a domain, which is started if there is none.
    ///
    /// # Errors
    /// [`DomainFull`](crate::error::AttachErrorKind::DomainFull) when the domain has no wake semaphore left;
    /// [`Forked`](crate::error::AttachErrorKind::Forked); [`System`](crate::error::AttachErrorKind::System)
    /// when the kernel refuses.
    ///
    /// # Panics
    /// When the system has no thread left, as [`std::thread::spawn`].
    ///
    /// # Blocking
    /// Waits for the domain's lock, held by others for microseconds.
    pub fn of(domain: &Domain) -> Result<Self, AttachError> {
        Self::of_member(domain.member(), domain.until())
    }

    /// What the thread has done so far; in a forked child, which has no such thread, nothing.
    #[must_use]
    pub fn counts(&self) -> Counts {
        if !self.0.member.is_ours() {
            return Counts::default(); // Another thread may have held the lock at the fork.
        }
        self.0.shared.lock().counts
    }

    /// As [`of`](Self::of), for the domain of a membership.
    pub(super) fn of_member(member: &Arc<Member>, until: Instant) -> Result<Self, AttachError> {
        member.check_process()?;
        if let Some(driver) = known(member) {
            return Ok(driver);
        }
        // Not under the list's lock, since this waits for other processes. Another thread may do the same;
        // then one of the two is given up again.
        let bell = member.locked(until, |locked| locked.claim_bell())?;
        let shared = Arc::new(Shared {
            bell: Bell(bell),
            is_bell: member.is_bell(bell),
            state: Mutex::new(State { member: Some(Arc::clone(member)), ..State::default() }),
        });
        let mut handle = Handle { member: Arc::clone(member), shared, thread: None };
        handle.thread = Some(start(Arc::clone(&handle.shared), member.census()?));
        let driver = Self(Arc::new(handle));
        locked(|list| {
            list.retain(|other| other.strong_count() > 0);
            list.push(Arc::downgrade(&driver.0));
        });
        // The oldest one in the list, so that all threads that added one get the same.
        Ok(known(member).unwrap_or(driver))
    }
}

/// The drivers of this process; a child made by `fork` has none.
static DRIVERS: PerProcess<Mutex<Vec<Weak<Handle>>>> = PerProcess::new();

fn known(member: &Arc<Member>) -> Option<Driver> {
    // Dropped when the list is unlocked again: dropping the last one ends a thread.
    let drivers: Vec<Arc<Handle>> = locked(|list| list.iter().filter_map(Weak::upgrade).collect());
    drivers.into_iter().find(|driver| Arc::ptr_eq(&driver.member, member)).map(Driver)
}

fn locked<R>(f: impl FnOnce(&mut Vec<Weak<Handle>>) -> R) -> R {
    f(&mut DRIVERS.get().lock().unwrap_or_else(PoisonError::into_inner))
}

impl Lock for Shared {
    type Signal = Option<Waiting>;
    type Waker = Waker;

    fn with<R>(&self, f: impl FnOnce(&mut Slots<Option<Waiting>, Waker>) -> R) -> R {
        f(&mut self.lock().slots)
    }

    fn is_set(signal: &Option<Waiting>) -> Option<bool> {
        signal.as_ref().map(Waiting::is_set)
    }

    fn take(&self, from: usize, which: Which) -> Option<(usize, Waker)> {
        let mut state = self.lock();
        state.member.as_ref()?; // Otherwise the thread shall end.
        let rung = state.slots.ring(from, which, Self::is_set);
        state.calling = rung.is_some();
        let count = u64::from(state.calling);
        match which {
            Which::Taken => state.counts.rung += count,
            Which::Polled | Which::All => state.counts.asked_to_look += count,
        }
        rung
    }

    fn wake(&self, waker: Waker) {
        // A waker that panics has printed its message; the other tasks are still woken.
        let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
    }
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread's membership; `None` when the thread shall end.
    fn member(&self) -> Option<Arc<Member>> {
        self.lock().member.clone()
    }

    /// Runs the thread. `known`: which processes were alive before anything was armed.
    fn run(&self, mut known: Census) {
        let interrupts = Interrupts::default();
        // When to check which processes are alive, without a token.
        let mut look: Option<Instant> = None;
        loop {
            let until = look.unwrap_or_else(|| crate::clock::after(Duration::MAX));
            let Some(member) = self.member() else { return };
            let slept = member.sleep(self.bell.0, until, &interrupts);
            drop(member);
            let Ok(token) = slept else {
                // The semaphores are gone. Every task looks, and gets the error.
                self.lock().failed = true;
                protocol::ring(self, Which::All);
                return;
            };
            self.lock().counts.wakeups += 1;
            if token {
                protocol::token(self);
            }
            let is_due = look.is_some_and(|look| look <= Instant::now());
            if is_due {
                let Some(member) = self.member() else { return };
                self.with(Slots::forget);
                let has_gone = has_process_gone(&member, &mut known);
                drop(member);
                protocol::ring(self, if has_gone { Which::All } else { Which::Polled });
            }
            look = self.next_look(token, look.filter(|_| !is_due));
        }
    }

    /// When to look next; `still` is a look that is already scheduled.
    fn next_look(&self, token: bool, still: Option<Instant>) -> Option<Instant> {
        let mut state = self.lock();
        let has_to = token || self.has_to_look(&state.slots);
        let look = still.or_else(|| has_to.then(|| crate::clock::after(HEARTBEAT)));
        state.will_look = look.is_some();
        look
    }

    /// Whether what an armed slot waits for may come without a token.
    fn has_to_look(&self, slots: &Slots<Option<Waiting>, Waker>) -> bool {
        slots.is_any_armed() && (!self.is_bell || slots.is_any_polled())
    }

    /// Whether the thread, after a slot was armed, has to be told that it looks by itself from now on.
    fn has_to_be_told(&self, needs_polling: bool) -> bool {
        if self.is_bell && !needs_polling {
            return false;
        }
        let mut state = self.lock();
        let was_told = std::mem::replace(&mut state.will_look, true);
        if !was_told {
            state.slots.expect();
        }
        !was_told
    }
}

impl Handle {
    /// Ensures that the thread looks by itself, after a slot was armed. Costs a system call if it would
    /// otherwise not look.
    pub(super) fn armed(&self, needs_polling: bool) {
        if self.shared.has_to_be_told(needs_polling) {
            let _ = self.member.ring(self.shared.bell.0); // If refused, it has ended and woken all tasks.
        }
    }

    /// The error that made the thread end.
    pub(super) fn failure(&self) -> Error {
        // Asks the kernel for the error again; with a deadline that has passed, this does not sleep.
        let interrupts = Interrupts::default();
        let again = self.member.sleep(self.shared.bell.0, Instant::now(), &interrupts).map(drop);
        match again.and_then(|()| self.member.check_semaphores()) {
            Err(error) => error,
            Ok(()) => Error::interrupted("the driver's wait"),
        }
    }
}

/// Whether any process has gone since the last check. True also when that cannot be determined: every
/// task then looks and gets the error.
fn has_process_gone(member: &Member, known: &mut Census) -> bool {
    let Ok(now) = member.census() else { return true };
    let before = std::mem::replace(known, now);
    // Each generation is used by one process. A generation one higher is a process that came, unless it
    // is gone again.
    before.iter().zip(&*known).any(|(before, now)| match (now.0.wrapping_sub(before.0), before.1, now.1) {
        (0, before, now) => before && !now,
        (1, before, now) => before || !now,
        _ => true,
    })
}

/// Starts the thread with all signals blocked: signals sent to the process go to threads that expect them.
fn start(shared: Arc<Shared>, known: Census) -> JoinHandle<()> {
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK);
    let thread = thread::Builder::new().name("ipc-ring driver".to_owned()).spawn(move || shared.run(known));
    if let Ok(before) = before {
        let _ = before.thread_set_mask(); // Restoring a mask that was valid does not fail.
    }
    thread.expect("the system has a thread left")
}

impl Drop for Handle {
    fn drop(&mut self) {
        let thread = self.thread.take();
        if !self.member.is_ours() {
            std::mem::forget(thread); // There is no such thread in this process.
            return;
        }
        let mut state = self.shared.lock();
        let lent = state.member.take();
        let is_calling = state.calling;
        drop(state);
        // While the driver's thread calls wakers, it may be the thread that drops this, or wait for that
        // thread. Then it ends by itself, and has no part in the domain any more.
        if let Some(thread) = thread
            && !is_calling
        {
            let _ = self.member.ring(self.shared.bell.0); // If refused, the thread has ended.
            let _ = thread.join(); // It can panic only in a waker.
        }
        drop(lent);
        self.member.free_wake(self.shared.bell.0);
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("domain", &self.0.member).finish_non_exhaustive()
    }
}
