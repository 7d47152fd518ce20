//! Tasks that wait for ends through a driver. The steps of arming and ringing and the sleep protocol are
//! production's; the rings are counters, and the kernel's part is a mock semaphore. There are no timed
//! checks: a task that is not woken is a deadlock, which the checker reports.

use std::rc::Rc;

use ipc_ring::platform::{Barrier, Platform as _, Word as _};
use ipc_ring::readiness::protocol::{self, Ends, Lock};
use ipc_ring::readiness::slots::{Slots, Which};
use ipc_ring::wait::signal::{self, WAITING};
use loom::sync::Mutex;
use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use loom::thread;

use crate::{Loom, Model, Semaphore, Word32, mutation, reached};

/// A mistake in the steps of a task.
pub const NO_SECOND_LOOK: &str = "readiness: no look behind the waiting bit";
/// See [`NO_SECOND_LOOK`].
pub const WAKER_LATE: &str = "readiness: the waker is stored behind the waiting bit";
/// A mistake of a notifier.
pub const NO_TOKEN: &str = "readiness: the bit is taken and no token posted";
/// A mistake of the driver.
pub const ODD_IGNORED: &str = "readiness: a token for no bit makes nobody look";
/// A mistake of a task that gives up.
pub const KEPT_ARMED: &str = "readiness: a task that gives up leaves its slot armed and its bit set";
/// A mistake of a task that gives up.
pub const NOT_COUNTED: &str = "readiness: a bit that was taken from a task that gives up is not counted";

/// See [`NO_SECOND_LOOK`].
pub const MARKED_WITHOUT_LOCK: &str = "readiness: the waiting bit is set without the lock";
/// See [`NOT_COUNTED`].
pub const UNMARKED_WITHOUT_LOCK: &str = "readiness: a task that gives up takes its bit back without the lock";

/// All of them.
pub const MISTAKES: [&str; 8] = [
    NO_SECOND_LOOK,
    WAKER_LATE,
    NO_TOKEN,
    ODD_IGNORED,
    KEPT_ARMED,
    NOT_COUNTED,
    MARKED_WITHOUT_LOCK,
    UNMARKED_WITHOUT_LOCK,
];

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("task_woken_fence", 1_000, || woken(Barrier::Fence)).reaches(&["sleeps", "found at once"]),
    Model::new("task_woken_asymmetric", 1_500, || woken(Barrier::Asymmetric))
        .reaches(&["sleeps", "found at once"]),
    Model::new("two_tasks_woken", 1_200, two_woken).reaches(&["sleeps"]),
    Model::new("set_of_two_woken", 1_000, set_woken).reaches(&["sleeps"]),
    Model::new("task_gives_up_and_comes_again", 600, gives_up).reaches(&["sleeps", "gave up too late"]),
    Model::new("task_told_of_a_death", 350, death).reaches(&["sleeps"]),
    Model::new("death_beside_a_wake_up", 1_000, death_beside).reaches(&["sleeps"]),
];

/// A ring with a consumer that a task waits for.
struct Channel {
    pushed: Word32,
    signal: Word32,
    /// Its producer is dead.
    dead: Word32,
}

/// A driver and the channels whose consumers it serves.
struct Scene {
    channels: Vec<Rc<Channel>>,
    bell: Semaphore,
    slots: Mutex<Slots<Rc<Channel>, Rc<Semaphore>>>,
    /// The driver has to stop at the next token.
    stop: Word32,
    barrier: Barrier,
}

impl Lock for Scene {
    type Signal = Rc<Channel>;
    type Waker = Rc<Semaphore>;

    fn with<R>(&self, f: impl FnOnce(&mut Slots<Rc<Channel>, Rc<Semaphore>>) -> R) -> R {
        f(&mut self.slots.lock().expect("no thread dies with the lock"))
    }

    fn is_set(channel: &Rc<Channel>) -> Option<bool> {
        Some(signal::is_waiting::<Loom>(&channel.signal))
    }

    fn wake(&self, waker: Rc<Semaphore>) {
        waker.post();
    }
}

impl Scene {
    fn new(channels: usize, barrier: Barrier) -> Rc<Self> {
        let channel = |_| {
            Rc::new(Channel {
                pushed: Word32::checked(0),
                signal: Word32::contended(0),
                dead: Word32::checked(0),
            })
        };
        Rc::new(Self {
            channels: (0..channels).map(channel).collect(),
            bell: Semaphore::new(),
            slots: Mutex::default(),
            stop: Word32::checked(0),
            barrier,
        })
    }

    /// The driver's thread.
    fn drive(self: &Rc<Self>) -> thread::JoinHandle<()> {
        let scene = Rc::clone(self);
        thread::spawn(move || {
            loop {
                scene.bell.wait();
                if scene.stop.load(Relaxed) != 0 {
                    return;
                }
                if mutation::logic(ODD_IGNORED) {
                    protocol::ring(&*scene, Which::Taken);
                } else {
                    protocol::token(&*scene);
                }
            }
        })
    }

    /// Ends the driver's thread, which may have tokens left.
    fn end(&self, driver: thread::JoinHandle<()>) {
        self.stop.store(1, Relaxed); // The token orders it.
        self.bell.post();
        driver.join().unwrap();
    }

    /// Publishes one more element, and wakes.
    fn push(&self, number: usize, count: u32) {
        let channel = &self.channels[number];
        channel.pushed.store(count, Release);
        if self.takes(channel) && !mutation::logic(NO_TOKEN) {
            self.bell.post();
        }
    }

    fn takes(&self, channel: &Channel) -> bool {
        signal::look::<Loom>(&channel.signal, self.barrier) & WAITING != 0
            && signal::take::<Loom>(&channel.signal)
    }

    /// A process dies holding these producers: the kernel posts.
    fn die(&self, channels: &[usize]) {
        for number in channels {
            self.channels[*number].dead.store(1, Relaxed); // The token orders it.
        }
        self.bell.post();
    }
}

/// What a task finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    Ready,
    Gone,
}

/// A task with its slots, and the ends that it waits for.
struct Task {
    scene: Rc<Scene>,
    numbers: Vec<usize>,
    slots: Vec<usize>,
    waker: Rc<Semaphore>,
    popped: Vec<u32>,
    is_armed: bool,
}

impl Ends for Task {
    type Signal = Rc<Channel>;
    type News = News;
    type Error = ipc_core::Error;

    fn signal(&mut self, number: usize) -> Rc<Channel> {
        Rc::clone(self.channel(number))
    }

    fn is_unannounced(&mut self, _: usize) -> bool {
        false
    }

    fn mark(&mut self, number: usize) {
        if !mutation::logic(MARKED_WITHOUT_LOCK) {
            signal::mark::<Loom>(&self.channel(number).signal);
        }
    }

    fn barrier(&mut self) -> Result<(), ipc_core::Error> {
        if mutation::logic(MARKED_WITHOUT_LOCK) {
            (0..self.numbers.len()).for_each(|number| signal::mark::<Loom>(&self.channel(number).signal));
        }
        Loom::heavy(self.scene.barrier)
    }

    fn unmark(&mut self, number: usize) -> bool {
        signal::withdraw::<Loom>(&self.channel(number).signal)
    }

    fn look(&mut self) -> Result<Option<News>, ipc_core::Error> {
        Ok(if mutation::logic(NO_SECOND_LOOK) { None } else { self.news() })
    }
}

impl Task {
    fn new(scene: &Rc<Scene>, number: usize) -> Self {
        Self::of_many(scene, &[number])
    }

    fn of_many(scene: &Rc<Scene>, numbers: &[usize]) -> Self {
        Self {
            scene: Rc::clone(scene),
            numbers: numbers.to_vec(),
            slots: numbers.iter().map(|_| scene.with(Slots::insert)).collect(),
            waker: Rc::new(Semaphore::new()),
            popped: vec![0; numbers.len()],
            is_armed: false,
        }
    }

    fn channel(&self, number: usize) -> &Rc<Channel> {
        &self.scene.channels[self.numbers[number]]
    }

    /// The first end that has an element.
    fn ready(&self) -> Option<usize> {
        (0..self.numbers.len())
            .find(|number| self.channel(*number).pushed.load(Acquire) > self.popped[*number])
    }

    fn news(&self) -> Option<News> {
        if self.ready().is_some() {
            return Some(News::Ready);
        }
        let mut numbers = 0..self.numbers.len();
        numbers.any(|number| self.channel(number).dead.load(Relaxed) != 0).then_some(News::Gone)
    }

    /// As `Registration::poll`: `None` is `Pending`.
    fn poll(&mut self) -> Option<News> {
        self.disarm();
        if let Some(news) = self.news() {
            return Some(news);
        }
        let scene = Rc::clone(&self.scene);
        let armed = if mutation::logic(WAKER_LATE) { self.arm_late() } else { self.arm(&scene) };
        self.is_armed = armed.is_none();
        if armed.is_some() {
            reached("found at once");
        }
        armed
    }

    fn arm(&mut self, scene: &Scene) -> Option<News> {
        let (slots, waker) = (self.slots.clone(), Rc::clone(&self.waker));
        protocol::arm(scene, &slots, self, || Rc::clone(&waker)).expect("no barrier of a model fails")
    }

    /// For one end.
    fn arm_late(&mut self) -> Option<News> {
        self.mark(0);
        self.barrier().expect("no barrier of a model fails");
        let (scene, channel) = (Rc::clone(&self.scene), self.signal(0));
        scene.with(|slots| slots.arm(self.slots[0], channel, Rc::clone(&self.waker), false));
        let news = self.news();
        if news.is_some() {
            self.take_back();
        }
        news
    }

    fn take_back(&mut self) {
        let (scene, slots) = (Rc::clone(&self.scene), self.slots.clone());
        protocol::disarm(&*scene, &slots, self, drop);
    }

    fn disarm(&mut self) {
        if !std::mem::take(&mut self.is_armed) {
            return;
        }
        let scene = Rc::clone(&self.scene);
        if mutation::logic(NOT_COUNTED) {
            scene.with(|slots| {
                self.unmark(0);
                slots.disarm(self.slots[0], false)
            });
        } else if mutation::logic(UNMARKED_WITHOUT_LOCK) {
            let taken = self.unmark(0);
            scene.with(|slots| slots.disarm(self.slots[0], taken));
        } else {
            self.take_back();
        }
    }

    /// Polls until there is a result; sleeps while it is `Pending`.
    fn wait(&mut self) -> News {
        loop {
            if let Some(news) = self.poll() {
                return news;
            }
            reached("sleeps");
            self.waker.wait();
        }
    }

    fn pop(&mut self) {
        assert_eq!(self.wait(), News::Ready, "nobody died");
        let number = self.ready().expect("an element is there");
        self.popped[number] += 1;
    }
}

/// Two elements for one task.
fn woken(barrier: Barrier) {
    let scene = Scene::new(1, barrier);
    let mut task = Task::new(&scene, 0);
    let driver = scene.drive();
    let pushing = Rc::clone(&scene);
    let notifier = thread::spawn(move || {
        pushing.push(0, 1);
        pushing.push(0, 2);
    });
    task.pop();
    task.pop();
    notifier.join().unwrap();
    scene.end(driver);
}

/// An element in each of two channels, with a task each.
fn two_woken() {
    let scene = Scene::new(2, Barrier::Fence);
    let mut tasks = [0, 1].map(|number| Task::new(&scene, number));
    let driver = scene.drive();
    let pushing = Rc::clone(&scene);
    let notifier = thread::spawn(move || {
        pushing.push(0, 1);
        pushing.push(1, 1);
    });
    // One thread runs both, as an executor does.
    assert_eq!(tasks[0].poll().is_some(), tasks[0].news().is_some() && !tasks[0].is_armed);
    tasks[1].pop();
    tasks[0].pop();
    notifier.join().unwrap();
    scene.end(driver);
}

/// An element in each of two channels, and one task for both: a set behind a descriptor.
fn set_woken() {
    let scene = Scene::new(2, Barrier::Fence);
    let mut task = Task::of_many(&scene, &[0, 1]);
    let driver = scene.drive();
    let pushing = Rc::clone(&scene);
    let notifier = thread::spawn(move || {
        pushing.push(1, 1);
        pushing.push(0, 1);
    });
    task.pop();
    task.pop();
    assert_eq!(task.popped, [1, 1]);
    notifier.join().unwrap();
    scene.end(driver);
}

/// A task arms, gives up (perhaps too late), and waits again.
fn gives_up() {
    let scene = Scene::new(1, Barrier::Fence);
    let mut task = Task::new(&scene, 0);
    let driver = scene.drive();
    let pushing = Rc::clone(&scene);
    let notifier = thread::spawn(move || pushing.push(0, 1));
    if task.poll().is_none() {
        if !mutation::logic(KEPT_ARMED) {
            if task.news().is_some() {
                reached("gave up too late");
            }
            task.disarm();
        }
        // Another task, with another waker, has the end.
        task.is_armed = false;
        task.waker = Rc::new(Semaphore::new());
    }
    task.pop();
    notifier.join().unwrap();
    let slots = scene.with(|slots| slots.is_any_armed());
    assert!(!slots, "a slot of a task that has gone");
    scene.end(driver);
}

/// The producer dies.
fn death() {
    let scene = Scene::new(1, Barrier::Fence);
    let mut task = Task::new(&scene, 0);
    let driver = scene.drive();
    let dying = Rc::clone(&scene);
    let process = thread::spawn(move || dying.die(&[0]));
    assert_eq!(task.wait(), News::Gone);
    process.join().unwrap();
    scene.end(driver);
}

/// An element in one channel, and the death of the other's producer: both tasks are notified, and one of them
/// gave up once before.
fn death_beside() {
    let scene = Scene::new(2, Barrier::Fence);
    let mut tasks = [0, 1].map(|number| Task::new(&scene, number));
    let driver = scene.drive();
    let living = Rc::clone(&scene);
    let notifier = thread::spawn(move || {
        living.push(0, 1);
        living.die(&[1]);
    });
    // One thread runs both, as an executor does.
    let is_asleep = tasks[1].poll().is_none();
    let _ = tasks[0].poll();
    tasks[0].disarm();
    if is_asleep {
        reached("sleeps");
        tasks[1].waker.wait();
    }
    assert_eq!(tasks[1].wait(), News::Gone);
    tasks[0].pop();
    notifier.join().unwrap();
    scene.end(driver);
}
