//! An end for which an async task waits.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::driver::{Driver, State};
use super::protocol;
use crate::channel::waitable::{Bell, Home, Waiting};
use crate::channel::{News, WaitSetError, Waitable};
use crate::domain::LOCK_PATIENCE;
use crate::error::AttachError;
use crate::platform::{Barrier, Native, Platform as _};
use crate::wait::{Step, Wait, WaitStrategy, Waits};

/// How long a task that finds nothing yields to others before it arms, at most.
const BUDGET: Duration = Duration::from_micros(20);
/// Looks at the ring before a task yields.
const LOOKS: u32 = 16;
/// How often a task yields for something that is about to come; after that it looks ten times a second.
const SOON: u32 = 64;

/// The registration of one end in a [`Driver`], for a task that waits for it.
///
/// Futures of ends are built on this; the crate `ipc-async` has them. Each end has its own registration,
/// which is [cancelled](Self::cancel) before either is dropped:
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::task::{Context, Poll, Waker};
/// use ipc_ring::readiness::Registration;
/// use ipc_ring::{Domain, News, PopError, spsc};
///
/// let domain = Domain::open("doc-example-readiness")?;
/// let numbers = spsc::Builder::<u64>::new("numbers").domain(&domain);
/// let (mut producer, mut consumer) = (numbers.create_sender()?, numbers.open_receiver()?);
///
/// let mut registration = Registration::new(&consumer)?;
/// let mut context = Context::from_waker(Waker::noop()); // An executor's, as a rule.
/// assert!(matches!(consumer.try_pop(), Err(PopError::Empty)));
/// assert!(registration.poll(&mut consumer, &mut context).is_pending());
/// producer.push(7)?;
/// assert!(matches!(registration.poll(&mut consumer, &mut context), Poll::Ready(Ok(News::Ready))));
/// assert_eq!(consumer.try_pop()?, 7);
/// registration.cancel(&mut consumer);
/// # Ok(()) }
/// ```
pub struct Registration {
    driver: Driver,
    slot: usize,
    is_armed: bool,
    /// Neither armed nor in a wait: there is nothing to take back.
    is_idle: bool,
    waits: Waits,
    /// The wait in progress.
    wait: Option<Wait>,
    soon: u32,
    /// Whether the last wait went as far as arming.
    was_long: bool,
}

impl Registration {
    /// Registers this end in the driver of its domain, which is started if there is none.
    ///
    /// # Errors
    /// As [`Driver::of`].
    ///
    /// # Panics
    /// As [`Driver::of`].
    ///
    /// # Blocking
    /// The first one of a domain waits for the domain's lock, held by others for microseconds.
    pub fn new(end: &dyn Waitable) -> Result<Self, AttachError> {
        let driver = Driver::of_member(end.home().0, crate::clock::after(LOCK_PATIENCE))?;
        let slot = driver.0.shared.lock().slots.insert();
        let waits = Waits::new(WaitStrategy::SpinSleep { spin: BUDGET });
        Ok(Self { driver, slot, is_armed: false, is_idle: true, waits, wait: None, soon: 0, was_long: false })
    }

    /// For how long a task that finds nothing yields to others before it arms; 20 µs by default. Zero: it
    /// arms at once, which takes one or two system calls each time.
    pub fn set_budget(&mut self, budget: Duration) {
        self.waits = Waits::new(match budget {
            Duration::ZERO => WaitStrategy::Sleep,
            spin => WaitStrategy::SpinSleep { spin },
        });
    }

    /// Checks what is ready at the end, after an operation found nothing. `Pending`: the task is woken when
    /// something may be ready.
    ///
    /// A task that finds nothing is not armed at once. Its first poll lets messages gather for a few
    /// microseconds where that has helped recently, as a waiting [`pop`](crate::spsc::Consumer::pop) does.
    /// Then it is woken immediately a few times, so that other tasks run and it looks again, for 20 µs at
    /// most; less if that has not helped recently.
    ///
    /// # Errors
    /// [`WaitSetError::Forked`], [`WaitSetError::Foreign`] for an end of another domain,
    /// [`WaitSetError::System`].
    pub fn poll(
        &mut self,
        end: &mut dyn Waitable,
        context: &mut Context<'_>,
    ) -> Poll<Result<News, WaitSetError>> {
        if !self.driver.0.member.is_ours() {
            return Poll::Ready(Err(WaitSetError::Forked));
        }
        if !end.is_at(&Home(&self.driver.0.member)) {
            return Poll::Ready(Err(WaitSetError::Foreign { index: 0 }));
        }
        self.is_idle = false;
        let was_armed = self.is_armed;
        if was_armed && self.stays_armed(end, context.waker()) {
            return Poll::Pending;
        }
        self.disarm(end);
        if self.wait.is_none() && self.waits.polls() {
            end.begin_wait(!self.was_long);
        }
        // The task may have been woken by a death.
        match end.news(was_armed) {
            Ok(None) => {}
            // The wait goes on; the death was reported once, and will not be found again.
            Ok(Some(News::PeerGone)) if end.awaits_successors() => {}
            found => return Poll::Ready(self.found(found)),
        }
        let wait = self.wait.get_or_insert_with(|| self.waits.start(None));
        match wait.next(&self.waits, |_| false, || false) {
            Step::Sleep(_) => self.arm(end, context.waker()),
            _ => {
                for _ in 0..LOOKS {
                    std::hint::spin_loop();
                    match end.news(false) {
                        Ok(None) => {}
                        found => return Poll::Ready(self.found(found)),
                    }
                }
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    /// Whether the end is still armed and its bit not taken: if so, stores this waker.
    fn stays_armed(&self, end: &dyn Waitable, waker: &Waker) -> bool {
        let replace =
            |stored: &mut Waker| (!stored.will_wake(waker)).then(|| std::mem::replace(stored, waker.clone()));
        protocol::stays_armed(&*self.driver.0.shared, self.slot, &end.waiting(), replace).is_some()
    }

    fn arm(&mut self, end: &mut dyn Waitable, waker: &Waker) -> Poll<Result<News, WaitSetError>> {
        let shared = Arc::clone(&self.driver.0.shared);
        let mut waited = Waited { end, bell: shared.bell, barrier: None };
        match protocol::arm(&*shared, &[self.slot], &mut waited, || waker.clone()) {
            Ok(None) => {}
            found => return Poll::Ready(self.found(found)),
        }
        self.is_armed = true;
        // After the arming: a driver that fails later calls the waker.
        if shared.lock().failed {
            drop(self.disarm(end));
            return Poll::Ready(Err(WaitSetError::System(self.driver.0.failure())));
        }
        self.driver.0.armed(end.needs_polling());
        if end.is_soon() && self.soon < SOON {
            // No further notification of the event will come.
            self.soon += 1;
            if let Some(waker) = self.disarm(end) {
                waker.wake();
            }
        }
        Poll::Pending
    }

    /// Ends the wait with what was found.
    fn found(&mut self, found: Result<Option<News>, ipc_core::Error>) -> Result<News, WaitSetError> {
        (self.soon, self.is_idle) = (0, true);
        if let Some(wait) = self.wait.take() {
            self.was_long = wait.has_slept();
            self.waits.finished(&wait);
        }
        found.map(|news| news.unwrap_or(News::Ready)).map_err(WaitSetError::System)
    }

    /// Takes the end's waiting bit back. Returns the waker if it was not called.
    fn disarm(&mut self, end: &mut dyn Waitable) -> Option<Waker> {
        if !std::mem::take(&mut self.is_armed) {
            return None;
        }
        let (shared, mut uncalled) = (&self.driver.0.shared, None);
        let mut waited = Waited { end, bell: shared.bell, barrier: None };
        protocol::disarm(&**shared, &[self.slot], &mut waited, |waker| uncalled = Some(waker));
        uncalled
    }

    /// Whether there is no wait to take back.
    #[doc(hidden)]
    #[inline(always)]
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.is_idle
    }

    /// The task stops waiting, and has not popped: a wake-up that it has received, or that is under way, is
    /// passed on to another end that could use it. Costs a comparison if nothing was waited for.
    #[inline(always)]
    pub fn cancel(&mut self, end: &mut dyn Waitable) {
        if !self.is_idle {
            self.cancel_wait(end);
        }
    }

    #[cold]
    #[inline(never)]
    fn cancel_wait(&mut self, end: &mut dyn Waitable) {
        self.wait = None;
        (self.soon, self.is_idle) = (0, true);
        if self.is_armed && self.driver.0.member.is_ours() {
            self.disarm(end);
            end.is_passed_over();
        }
    }

    /// The task has popped without polling this registration: clears the waiting bit that the last
    /// [`poll`](Self::poll) set. Costs a comparison if it set none.
    #[inline(always)]
    pub fn popped<E: Waitable>(&mut self, end: &mut E) {
        if !self.is_idle {
            self.popped_from_wait(end);
        }
        end.is_served();
    }

    #[cold]
    #[inline(never)]
    fn popped_from_wait(&mut self, end: &mut dyn Waitable) {
        if self.is_armed && self.driver.0.member.is_ours() {
            self.disarm(end);
        }
        let _ = self.found(Ok(None));
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.driver.0.shared.lock()
    }
}

/// An end and the driver's semaphore.
struct Waited<'a> {
    end: &'a mut dyn Waitable,
    bell: Bell,
    /// The barrier that must follow the waiting bit.
    barrier: Option<Barrier>,
}

impl protocol::Ends for Waited<'_> {
    type Signal = Option<Waiting>;
    type News = News;
    type Error = ipc_core::Error;

    fn signal(&mut self, _: usize) -> Option<Waiting> {
        self.end.waiting()
    }

    fn needs_polling(&mut self, _: usize) -> bool {
        self.end.needs_polling() || self.end.is_soon()
    }

    fn set_waiting(&mut self, _: usize) {
        self.barrier = Some(self.end.set_waiting(self.bell));
    }

    fn barrier(&mut self) -> Result<(), ipc_core::Error> {
        self.barrier.take().map_or(Ok(()), Native::heavy)
    }

    fn clear_waiting(&mut self, _: usize) -> bool {
        self.end.clear_waiting()
    }

    fn look(&mut self) -> Result<Option<News>, ipc_core::Error> {
        self.end.news(true)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if self.driver.0.member.is_ours() {
            let mut state = self.state();
            let waker = state.slots.disarm(self.slot, false);
            state.slots.remove(self.slot);
            drop(state); // Before the waker, whose drop may reenter here.
            drop(waker);
        }
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = Arc::strong_count(&self.driver.0);
        f.debug_struct("Registration")
            .field("slot", &self.slot)
            .field("is_armed", &self.is_armed)
            .field("registrations", &count)
            .finish_non_exhaustive()
    }
}
