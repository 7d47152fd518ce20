//! A mock of the kernel, as the ends of a model use it: semaphores, and which processes are dead.
//!
//! A sleep ends by a token and never by itself: there is no periodic liveness check. So a lost wake-up is a
//! deadlock, which the checker reports. Any amount of time may have passed between two liveness checks, so an
//! end that is allowed to check always does.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use ipc_ring::platform::Word as _;
use ipc_ring::wait::host::{self, Host, Peers};
use ipc_ring::wait::interrupt;
use ipc_ring::wait::soon::Soon;
use loom::sync::atomic::{AtomicU64, Ordering};

use crate::{Futex, Loom, Semaphore, Word32, mutation, reached};

/// A mistake: the notifier takes the waiting bit and posts no token.
pub const NO_TOKEN: &str = "the notifier takes the waiting bit and posts no token";
/// A mistake: nothing is arranged for the death of a process that wakes others.
pub const DEATH_IS_SILENT: &str =
    "a death posts no token, though it was arranged before the waiting bit was taken";

/// A mistake: an interrupter posts its token before the flag is set.
pub const TOKEN_FIRST: &str = "interrupt: the token comes before the flag";
/// A mistake: an interrupter posts no token.
pub const INTERRUPT_WITHOUT_TOKEN: &str = "interrupt: no token";
/// A mistake: the waiter has no fence before its check of the flag.
pub const NO_FENCE_BEFORE_LOOK: &str = "interrupt: no fence before the look at the flag";
/// A mistake: the interrupter loads what the end sleeps on before it sets the flag.
pub const NUMBER_FIRST: &str = "interrupt: what the end sleeps on is loaded before the flag is up";
/// A mistake: an end that sleeps on another semaphore does not publish that.
pub const NUMBER_NOT_SAID: &str = "interrupt: an end that sleeps elsewhere does not say so";

/// Those of interruptions.
pub const INTERRUPT_MISTAKES: [&str; 5] =
    [TOKEN_FIRST, INTERRUPT_WITHOUT_TOKEN, NO_FENCE_BEFORE_LOOK, NUMBER_FIRST, NUMBER_NOT_SAID];

/// What interrupts the waits of one end, as `wait::interrupt::Flag` and `Interrupter`.
#[derive(Debug)]
pub struct Handle {
    domain: Rc<Domain>,
    flag: Word32,
    wake: Word32,
}

impl Handle {
    /// As `Interrupter::interrupt`.
    pub fn interrupt(&self) {
        let early = if mutation::logic(NUMBER_FIRST) { self.wake.load(Ordering::Relaxed) } else { 0 };
        if mutation::logic(TOKEN_FIRST) {
            self.domain.ring(self.wake.load(Ordering::Relaxed));
            interrupt::raise::<Loom>(&self.flag);
            return;
        }
        let [wake] = interrupt::raise_for::<Loom, _, _, 1>(&self.flag, [&self.wake]);
        if !mutation::logic(INTERRUPT_WITHOUT_TOKEN) {
            self.domain.ring(if mutation::logic(NUMBER_FIRST) { early } else { wake });
        }
    }
}

/// What one end sleeps on.
#[derive(Debug)]
enum Sleep {
    On(Semaphore),
    OnWord(Futex),
}

impl Sleep {
    fn post(&self) {
        match self {
            Self::On(semaphore) => semaphore.post(),
            Self::OnWord(word) => word.post(),
        }
    }

    fn ring(&self) {
        match self {
            Self::On(semaphore) => semaphore.ring(),
            Self::OnWord(word) => word.post(),
        }
    }

    fn wait(&self) {
        match self {
            Self::On(semaphore) => semaphore.wait(),
            Self::OnWord(word) => word.wait(),
        }
    }

    fn try_wait(&self) -> bool {
        match self {
            Self::On(semaphore) => semaphore.try_wait(),
            Self::OnWord(word) => word.try_wait(),
        }
    }
}

/// What the ends of a model share.
#[derive(Debug)]
pub struct Domain {
    semaphores: Vec<Sleep>,
    /// Which process's death posts to which semaphore.
    arranged: RefCell<Vec<(u64, u32)>>,
    /// A bit for each dead process. The kernel's report orders what the dead process did before everything
    /// done because of the report.
    dead: AtomicU64,
    /// No process dies in this model.
    is_immortal: bool,
    /// Posted by ends whose sleep the model waits for.
    asleep: Semaphore,
    /// While this is set, no token is posted: a mistake of the model.
    is_mute: Cell<bool>,
}

impl Domain {
    /// A domain with this number of wake semaphores, numbered from 1.
    #[must_use]
    pub fn new(semaphores: u32) -> Rc<Self> {
        Self::of(semaphores, false, || Sleep::On(Semaphore::new()))
    }

    /// A domain whose ends sleep on this number of words.
    #[must_use]
    pub fn of_words(words: u32) -> Rc<Self> {
        Self::of(words, false, || Sleep::OnWord(Futex::new()))
    }

    /// A domain in which no process dies, so the checker need not explore liveness checks.
    #[must_use]
    pub fn immortal(semaphores: u32) -> Rc<Self> {
        Self::of(semaphores, true, || Sleep::On(Semaphore::new()))
    }

    fn of(semaphores: u32, is_immortal: bool, sleep: fn() -> Sleep) -> Rc<Self> {
        Rc::new(Self {
            semaphores: (0..semaphores).map(|_| sleep()).collect(),
            arranged: RefCell::default(),
            dead: AtomicU64::new(0),
            is_immortal,
            asleep: Semaphore::new(),
            is_mute: Cell::new(false),
        })
    }

    fn semaphore(&self, wake: u32) -> &Sleep {
        &self.semaphores[wake as usize - 1]
    }

    /// A process is dead: the kernel does what was arranged.
    pub fn die(&self, owner: u64) {
        assert!(!self.is_immortal, "no process dies in this model");
        self.dead.fetch_or(1 << owner, Ordering::Release);
        let arranged: Vec<u32> = self
            .arranged
            .borrow()
            .iter()
            .filter(|(whose, _)| *whose == owner)
            .map(|(_, wake)| *wake)
            .collect();
        if !mutation::logic(DEATH_IS_SILENT) {
            arranged.into_iter().for_each(|wake| self.semaphore(wake).post());
        }
    }

    /// The end with this wake semaphore rechecks once without a token.
    pub fn heartbeat(&self, wake: u32) {
        self.semaphore(wake).post();
    }

    /// Posts a token unless there is one, as `domain::ring`.
    pub fn ring(&self, wake: u32) {
        self.semaphore(wake).ring();
    }

    /// Continues when the next end that [reports it](Kernel::say_when_asleep) sleeps.
    pub fn wait_for_sleeper(&self) {
        self.asleep.wait();
    }

    /// Runs `f`; if this mistake is in place, without posting a token.
    pub fn unless<R>(&self, mistake: &'static str, f: impl FnOnce() -> R) -> R {
        self.is_mute.set(mutation::logic(mistake));
        let result = f();
        self.is_mute.set(false);
        result
    }
}

/// Some wake semaphores.
#[derive(Debug, Default)]
pub struct WakeSet(Vec<u32>);

impl host::WakeSet for WakeSet {
    type Wake = u32;

    fn insert(&mut self, wake: u32) -> bool {
        let is_new = !self.0.contains(&wake);
        if is_new {
            self.0.push(wake);
        }
        is_new
    }

    fn remove(&mut self, wake: u32) {
        self.0.retain(|other| *other != wake);
    }

    fn iter(&self) -> impl Iterator<Item = u32> {
        self.0.iter().copied()
    }
}

/// One end's part of the domain.
#[derive(Debug)]
pub struct Kernel {
    domain: Rc<Domain>,
    owner: u64,
    wake: Cell<u32>,
    interrupts: RefCell<Option<Rc<Handle>>>,
    /// The states that the end reaches, for the runner: it sleeps.
    sleeps: &'static str,
    /// The next sleep ends at once, as by its timeout.
    gives_up: Cell<bool>,
    /// The next sleep is waited for.
    is_awaited: Cell<bool>,
    began: Instant,
    now: Cell<Instant>,
}

impl Kernel {
    /// For the end with this identity, which sleeps on this semaphore. `sleeps`: the state that a model
    /// reaches when it does.
    #[must_use]
    pub fn new(domain: &Rc<Domain>, owner: u64, wake: u32, sleeps: &'static str) -> Self {
        let (domain, wake, began) = (Rc::clone(domain), Cell::new(wake), Instant::now());
        let (interrupts, gives_up, now) = (RefCell::default(), Cell::new(false), Cell::new(began));
        let is_awaited = Cell::new(false);
        Self { domain, owner, wake, interrupts, sleeps, gives_up, is_awaited, began, now }
    }

    /// A handle that interrupts the waits of this end. One for each.
    pub fn interrupter(&self) -> Rc<Handle> {
        let (flag, wake) = (Word32::contended(0), Word32::checked(self.wake.get()));
        let handle = Rc::new(Handle { domain: Rc::clone(&self.domain), flag, wake });
        *self.interrupts.borrow_mut() = Some(Rc::clone(&handle));
        handle
    }

    /// From now on the end sleeps on this semaphore.
    pub fn sleeps_on(&self, wake: u32) {
        self.wake.set(wake);
        if let Some(handle) = &*self.interrupts.borrow()
            && !mutation::logic(NUMBER_NOT_SAID)
        {
            interrupt::sleeps_on(&handle.wake, wake);
        }
    }

    /// The model waits for the next sleep.
    pub fn say_when_asleep(&self) {
        self.is_awaited.set(true);
    }

    /// The next sleep ends at once.
    pub fn give_up_next(&self) {
        self.gives_up.set(true);
    }
}

impl Peers for Kernel {
    type Wake = u32;
    type WakeSet = WakeSet;

    fn wake_from(raw: u32) -> Option<u32> {
        (raw != 0).then_some(raw)
    }

    fn wake_to_raw(wake: u32) -> u32 {
        wake
    }

    fn post(&self, wake: u32) -> Result<(), ipc_core::Error> {
        if !self.domain.is_mute.get() && !mutation::logic(NO_TOKEN) {
            self.domain.semaphore(wake).post();
        }
        Ok(())
    }

    fn post_all(&self, wakes: &WakeSet) -> Result<(), ipc_core::Error> {
        wakes.0.iter().try_for_each(|wake| self.post(*wake))
    }

    fn post_at_death(&self, wake: u32) -> bool {
        self.domain.arranged.borrow_mut().push((self.owner, wake));
        true
    }

    fn no_post_at_death(&self, wake: u32) {
        self.domain.arranged.borrow_mut().retain(|arranged| *arranged != (self.owner, wake));
    }

    fn is_alive(&self, owner: u64) -> Result<bool, ipc_core::Error> {
        Ok(self.domain.is_immortal || self.domain.dead.load(Ordering::Acquire) & 1 << owner == 0)
    }

    fn now(&self) -> Instant {
        self.now.set(self.now.get() + Duration::from_secs(1));
        self.now.get()
    }
}

impl Host for Kernel {
    fn wake(&self) -> u32 {
        self.wake.get()
    }

    fn is_ours(&self) -> bool {
        true
    }

    fn check_process(&self, _what: &'static str) -> Result<(), ipc_core::Error> {
        Ok(())
    }

    fn sleep(&self, _until: Instant) -> Result<bool, ipc_core::Error> {
        if self.gives_up.take() {
            reached("gives up");
            return Ok(false);
        }
        reached(self.sleeps);
        if self.is_awaited.take() {
            self.domain.asleep.post();
        }
        self.domain.semaphore(self.wake.get()).wait();
        Ok(true)
    }

    fn drain(&self) {
        reached("withdrawn while a token is under way");
        let _ = self.domain.semaphore(self.wake.get()).try_wait();
    }

    fn check(&self) -> Result<(), ipc_core::Error> {
        Ok(())
    }

    fn is_interrupted(&self, sleeps: bool) -> bool {
        let handle = self.interrupts.borrow().clone();
        let sleeps = sleeps && !mutation::logic(NO_FENCE_BEFORE_LOOK);
        handle.is_some_and(|handle| interrupt::take::<Loom>(&handle.flag, sleeps))
    }

    fn pass(&self, _soon: &mut Soon, _until: Instant) {
        reached("room is coming");
        loom::thread::yield_now();
    }

    fn machine_us(&self) -> u32 {
        // Each check is long after the previous one.
        self.now.set(self.now.get() + Duration::from_secs(1));
        (self.now.get() - self.began).as_micros() as u32
    }

    fn rest(&self, _time: Duration) {
        loom::thread::yield_now();
    }
}
