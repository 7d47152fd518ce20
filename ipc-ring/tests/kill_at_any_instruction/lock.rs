//! The domain's lock: a process is killed at any instruction of taking it, holding it and releasing it, while
//! others request it. Each of those must get it, again and again, and nothing may be left behind.
//!
//! The others are processes that start to request the lock when the victim has reached the place where it
//! dies. So the victim takes the same path each time, and at the kill the others are asleep on the lock,
//! about to check whether its holder is alive, or taking it over.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ipc_core::Key;
use ipc_core::shm::{Attachment, Options, SharedMemory};
use ipc_ring::platform::Site;
use ipc_ring::{Domain, fault};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};

use crate::common::{kernel_objects, say, unique};
use crate::stepping::{Step, Victim};
use crate::sweep::{Effort, Random};

/// How many want the lock.
const OTHERS: usize = 3;
/// The number of times that each of them must get it after the kill.
const TIMES: u64 = 3;
/// Longer than anything takes; the watchdog fires first.
const PATIENCE: Duration = Duration::from_secs(1000);

/// The holder of the lock when the victim requests it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Free,
    /// One that was killed while it had it.
    TheDead,
    /// One that is stopped.
    TheStopped,
}

/// What the victim does.
#[derive(Clone, Copy, Debug)]
enum Deed {
    /// A call that takes the lock for a moment.
    Use,
    JoinAndLeave,
}

/// This number of system calls of the deed, plus this number of instructions.
type Point = (usize, usize);

fn open(name: &str) -> Domain {
    let until = Instant::now() + PATIENCE;
    Domain::open_deadline(name, until).unwrap().with_patience(PATIENCE)
}

/// The call that does least under the lock.
fn take_for_a_moment(domain: &Domain) {
    assert!(!domain.remove_channel("none").unwrap());
}

/// What the others read and write.
struct Board {
    memory: Attachment,
}

impl Board {
    fn new() -> Self {
        let segment = SharedMemory::create_new(Key::PRIVATE, 4096, &Options::default()).unwrap();
        let memory = segment.attach();
        segment.remove().unwrap();
        Self { memory: memory.unwrap() }
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        self.memory.atomic_u64(index * 8).unwrap()
    }

    /// 0: wait, 1: use the lock, 2: leave.
    fn phase(&self) -> &AtomicU64 {
        self.word(0)
    }

    /// The number of times this one had the lock, joining included.
    fn times(&self, other: usize) -> u64 {
        self.word(1 + other).load(Ordering::SeqCst)
    }

    fn count(&self, other: usize) {
        self.word(1 + other).fetch_add(1, Ordering::SeqCst);
    }
}

/// Runs `life` in a child, which ends with this process.
fn child(life: impl FnOnce()) -> Pid {
    // SAFETY: this thread is the only one of this process that forks or holds a lock; the child never
    // returns.
    match unsafe { fork() }.unwrap() {
        ForkResult::Parent { child } => child,
        ForkResult::Child => {
            nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).unwrap();
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(life));
            // SAFETY: ends the process at once.
            unsafe { nix::libc::_exit(i32::from(outcome.is_err())) }
        }
    }
}

fn await_all(mut done: impl FnMut() -> bool) {
    while !done() {
        std::thread::sleep(Duration::from_micros(100));
    }
}

/// A process that has the lock and goes no further.
fn holder(name: &str, before: Before) -> Option<Pid> {
    let arm = match before {
        Before::Free => return None,
        Before::TheDead => fault::arm,
        Before::TheStopped => fault::arm_stop,
    };
    let pid = child(|| {
        let domain = open(name);
        arm(Site::DomainLocked, 0);
        take_for_a_moment(&domain);
    });
    match waitpid(pid, Some(WaitPidFlag::WUNTRACED)).unwrap() {
        WaitStatus::Signaled(_, Signal::SIGKILL, _) if before == Before::TheDead => None,
        WaitStatus::Stopped(_, Signal::SIGSTOP) if before == Before::TheStopped => Some(pid),
        other => panic!("it has the lock: {other:?}"),
    }
}

/// What happened to the victim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Killed {
    Within,
    Asleep,
    Over,
}

/// Brings the victim to a point.
fn advance(victim: &Victim, (calls, steps): Point, before: Before) -> Killed {
    let may_sleep = before == Before::TheStopped;
    for _ in 0..calls {
        match victim.call(may_sleep) {
            Step::Done => {}
            Step::Over => return Killed::Over,
            Step::Asleep => return Killed::Asleep,
        }
    }
    for _ in 0..steps {
        if victim.step(false) == Step::Over {
            return Killed::Over;
        }
    }
    Killed::Within
}

/// A domain with the others in it, which wait for their turn.
struct Scene {
    home: Domain,
    board: Board,
    others: Vec<Pid>,
}

impl Scene {
    fn new() -> Self {
        let (home, board) = (open(&unique("lock")), Board::new());
        let others = (0..OTHERS).map(|other| child(|| ask(home.name(), &board, other))).collect();
        await_all(|| (0..OTHERS).all(|other| board.times(other) == 1));
        Self { home, board, others }
    }

    fn victim(&self, deed: Deed) -> Victim {
        let name = self.home.name();
        let live = |mark: &dyn Fn()| match deed {
            Deed::Use => {
                let domain = open(name);
                mark();
                take_for_a_moment(&domain);
                mark();
            }
            Deed::JoinAndLeave => {
                mark();
                drop(open(name));
                mark();
            }
        };
        Victim::start(live, || {})
    }

    /// All of the others have the lock some more times, and leave.
    fn judge(self) {
        let before: Vec<u64> = (0..OTHERS).map(|other| self.board.times(other)).collect();
        await_all(|| (0..OTHERS).all(|other| self.board.times(other) >= before[other] + TIMES));
        self.board.phase().store(2, Ordering::SeqCst);
        for other in self.others {
            assert_eq!(waitpid(other, None), Ok(WaitStatus::Exited(other, 0)));
        }
        // Free, by one that does not wait.
        take_for_a_moment(&self.home.with_patience(Duration::ZERO));
    }
}

fn ask(name: &str, board: &Board, other: usize) {
    let domain = open(name);
    board.count(other);
    await_all(|| board.phase().load(Ordering::SeqCst) > 0);
    while board.phase().load(Ordering::SeqCst) < 2 {
        take_for_a_moment(&domain);
        board.count(other);
    }
}

/// Kills once.
fn trial(deed: Deed, before: Before, point: Point, wait: Duration) -> Killed {
    let objects = kernel_objects();
    let on_failure = Tell(deed, before, point);
    let scene = Scene::new();
    let victim = scene.victim(deed);
    let holder = holder(scene.home.name(), before);
    let killed = advance(&victim, point, before);
    scene.board.phase().store(1, Ordering::SeqCst);
    std::thread::sleep(wait);
    victim.kill();
    if let Some(holder) = holder {
        kill(holder, Signal::SIGCONT).unwrap();
        assert_eq!(waitpid(holder, None), Ok(WaitStatus::Exited(holder, 0)));
    }
    scene.judge();
    assert_eq!(kernel_objects(), objects, "nothing is left");
    std::mem::forget(on_failure);
    killed
}

/// How many system calls there are.
fn calls(deed: Deed, before: Before) -> usize {
    let scene = Scene::new();
    let victim = scene.victim(deed);
    assert_eq!(holder(scene.home.name(), before), None);
    let calls = (0..).take_while(|_| victim.call(false) != Step::Over).count();
    victim.kill();
    scene.board.phase().store(1, Ordering::SeqCst);
    scene.judge();
    calls
}

/// Kills after each system call, and then at random instructions until the time is up; or at each instruction
/// after each call.
pub fn sweep(effort: Effort) {
    say(&format!("lock: KILL_SEED={}", effort.seed));
    let mut random = Random(effort.seed);
    for (deed, before) in [Deed::Use, Deed::JoinAndLeave]
        .into_iter()
        .flat_map(|deed| [Before::Free, Before::TheDead].map(|before| (deed, before)))
    {
        let (calls, began) = (calls(deed, before), Instant::now());
        let kills = Cell::new(0);
        let kill = |random: &mut Random, point| {
            // The others have just begun, are asleep, or have checked the holder.
            let wait = Duration::from_micros([0, 500, 3000][random.below(3)]);
            let killed = trial(deed, before, point, wait);
            assert_ne!(killed, Killed::Asleep, "no process is in its way");
            kills.set(kills.get() + 1);
        };
        for calls in 0..=calls {
            if matches!(deed, Deed::Use) || effort.every_up_to > 0 {
                (0..=effort.every_up_to).for_each(|steps| kill(&mut random, (calls, steps)));
            }
        }
        while kills.get() == 0 || began.elapsed() < effort.time / 4 {
            // Mostly near the call: its results are used there.
            let scale = random.below(13);
            let point = (random.below(calls + 1), random.below(1 << scale));
            kill(&mut random, point);
        }
        say(&format!("lock, {deed:?} after {before:?}: {calls} system calls; killed {} times", kills.get()));
    }
    for deed in [Deed::Use, Deed::JoinAndLeave] {
        let killed = trial(deed, Before::TheStopped, (usize::MAX, 0), Duration::from_millis(1));
        assert_eq!(killed, Killed::Asleep, "it waits for the one that is stopped");
    }
}

/// Reports where it was when something fails.
struct Tell(Deed, Before, Point);

impl Drop for Tell {
    fn drop(&mut self) {
        eprintln!("while killing in: {:?} after {:?}, at {:?}", self.0, self.1, self.2);
    }
}
