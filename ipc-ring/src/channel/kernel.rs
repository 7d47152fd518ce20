//! An end's access to its domain: what it sleeps on, and how it checks whether others are alive.

use std::sync::Arc;
use std::time::Instant;

use ipc_core::ProcessMark;

use super::waitable::Home;
use crate::domain::{Member, Owner, WakeSemaphore, WakeSet};
use crate::error::{AttachError, AttachErrorKind};
use crate::interrupter::Interrupter;
use crate::wait::Parker;
use crate::wait::cpu;
use crate::wait::host::{Host, Peers};
use crate::wait::interrupt::Interrupts;

/// The domain's semaphores, as one end uses them.
#[derive(Debug)]
pub struct Kernel {
    /// The process that opened the end: a copy of the membership's mark that is faster to reach.
    process: ProcessMark,
    pub(super) member: Arc<Member>,
    wake: WakeSemaphore,
    interrupts: Interrupts,
}

impl Kernel {
    pub(super) fn new(member: Arc<Member>, wake: WakeSemaphore) -> Self {
        Self { process: member.process(), member, wake, interrupts: Interrupts::default() }
    }

    /// Uses this parker from now on.
    pub(super) fn sleep_by(&mut self, parker: Parker) {
        self.wake = self.wake.by(parker);
    }

    /// See `interruptible!`.
    pub(super) fn interrupter(&self) -> Interrupter {
        Interrupter::of_end(&self.member, self.wake, &self.interrupts)
    }

    /// See `interruptible!`.
    pub(super) fn set_interruptible(&mut self, by_signals: bool) {
        self.interrupts.set_by_signals(by_signals);
    }

    /// This flag interrupts this end's waits from now on, and so do signals if they did before; `None`: a
    /// flag of its own.
    pub(super) fn share_interrupts(&mut self, with: Option<(&Interrupter, usize)>) {
        let by_signals = self.interrupts.by_signals();
        // First, since it takes away what it sleeps on.
        drop(std::mem::take(&mut self.interrupts));
        self.interrupts = with.map_or_else(Interrupts::default, |(interrupter, place)| {
            interrupter.of_waits(&self.member, self.wake, place)
        });
        self.interrupts.set_by_signals(by_signals);
    }

    /// What interrupts this end's waits interrupts those of `new` from now on.
    pub(super) fn hand_over(&mut self, new: &mut Self) {
        std::mem::swap(&mut self.interrupts, &mut new.interrupts);
        new.interrupts.sleeps_on(new.wake.as_raw());
    }

    /// Kills the process of this identity, which holds another end, unless it is this one. True when that end
    /// has no holder any more; 0 is the identity of none.
    ///
    /// # Errors
    /// As [`Domain::evict`](crate::Domain::evict).
    pub(super) fn evict(&self, holder: u64, deadline: Instant) -> Result<bool, AttachError> {
        let member = &self.member;
        member.check_process()?;
        let owner = Owner::from_raw(holder);
        if !owner.is_some() {
            return Ok(true);
        }
        if owner == member.me() {
            return Err(member.explain(AttachErrorKind::SelfEviction));
        }
        member.evict(owner, deadline, None).map_err(|error| member.explain(error))
    }

    /// The domain that the end belongs to, for a set that waits for it.
    pub(super) fn home(&self) -> Home<'_> {
        Home(&self.member)
    }
}

/// The domain's semaphores, as a process uses them that wakes ends and does not sleep.
impl Peers for Arc<Member> {
    type Wake = WakeSemaphore;
    type WakeSet = WakeSet;

    fn wake_from(raw: u32) -> Option<WakeSemaphore> {
        WakeSemaphore::from_raw(raw)
    }

    fn wake_to_raw(wake: WakeSemaphore) -> u32 {
        wake.as_raw()
    }

    fn post(&self, wake: WakeSemaphore) -> Result<(), ipc_core::Error> {
        (**self).wake(wake)
    }

    fn post_all(&self, wakes: &WakeSet) -> Result<(), ipc_core::Error> {
        (**self).wake_all(wakes)
    }

    fn post_at_death(&self, wake: WakeSemaphore) -> bool {
        (**self).wake_at_my_death(wake)
    }

    fn no_post_at_death(&self, wake: WakeSemaphore) {
        (**self).no_wake_at_my_death(wake);
    }

    fn is_alive(&self, owner: u64) -> Result<bool, ipc_core::Error> {
        (**self).is_alive(Owner::from_raw(owner))
    }
}

impl Peers for Kernel {
    type Wake = WakeSemaphore;
    type WakeSet = WakeSet;

    fn wake_from(raw: u32) -> Option<WakeSemaphore> {
        Arc::<Member>::wake_from(raw)
    }

    fn wake_to_raw(wake: WakeSemaphore) -> u32 {
        Arc::<Member>::wake_to_raw(wake)
    }

    fn post(&self, wake: WakeSemaphore) -> Result<(), ipc_core::Error> {
        Peers::post(&self.member, wake)
    }

    fn post_all(&self, wakes: &WakeSet) -> Result<(), ipc_core::Error> {
        Peers::post_all(&self.member, wakes)
    }

    fn post_at_death(&self, wake: WakeSemaphore) -> bool {
        Peers::post_at_death(&self.member, wake)
    }

    fn no_post_at_death(&self, wake: WakeSemaphore) {
        Peers::no_post_at_death(&self.member, wake);
    }

    fn is_alive(&self, owner: u64) -> Result<bool, ipc_core::Error> {
        Peers::is_alive(&self.member, owner)
    }
}

impl Host for Kernel {
    fn wake(&self) -> WakeSemaphore {
        self.wake
    }

    #[inline(always)]
    fn is_ours(&self) -> bool {
        self.process.is_current()
    }

    fn check_process(&self, what: &'static str) -> Result<(), ipc_core::Error> {
        self.process.check(what)
    }

    #[inline(always)]
    fn is_surely_ours(&self) -> bool {
        self.process.is_surely_current()
    }

    fn sleep(&self, until: Instant) -> Result<bool, ipc_core::Error> {
        self.member.sleep(self.wake, until, &self.interrupts)
    }

    fn drain(&self) {
        self.member.drain(self.wake);
    }

    fn check(&self) -> Result<(), ipc_core::Error> {
        self.member.check_semaphores()
    }

    fn is_interrupted(&self, sleeps: bool) -> bool {
        self.interrupts.take(sleeps)
    }

    fn cpu(&self) -> u32 {
        cpu::current()
    }
}
