//! What the models do.

use std::rc::Rc;

use ipc_ring::platform::Barrier;
use ipc_ring::readiness::protocol::Lock as _;
use loom::thread;

use super::KEPT_ARMED;
use super::scene::Scene;
use super::task::{News, Task};
use crate::{Semaphore, mutation, reached};

/// Two elements for one task.
pub(super) fn woken(barrier: Barrier) {
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
pub(super) fn two_woken() {
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

/// An element in each of two channels, with a task each, in two threads.
pub(super) fn two_arm() {
    let scene = Scene::new(2, Barrier::Fence);
    let driver = scene.drive();
    let threads = [0, 1].map(|number| {
        let scene = Rc::clone(&scene);
        thread::spawn(move || Task::new(&scene, number).pop())
    });
    scene.push(0, 1);
    scene.push(1, 1);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    scene.end(driver);
}

/// A task is polled again while it is armed, with another waker, as when it moves between executors.
pub(super) fn other_waker() {
    let scene = Scene::new(1, Barrier::Fence);
    let mut task = Task::new(&scene, 0);
    let driver = scene.drive();
    let pushing = Rc::clone(&scene);
    let notifier = thread::spawn(move || pushing.push(0, 1));
    if task.poll().is_none() {
        task.waker = Rc::new(Semaphore::new());
        if task.poll().is_some() {
            reached("is not armed any more");
        }
    }
    task.pop();
    notifier.join().unwrap();
    scene.end(driver);
}

/// An element in each of two channels, in this order, and one task for both: a set behind a descriptor.
pub(super) fn set_woken(order: [usize; 2]) {
    let scene = Scene::new(2, Barrier::Fence);
    let mut task = Task::of_many(&scene, &[0, 1]);
    let driver = scene.drive();
    let pushing = Rc::clone(&scene);
    let notifier = thread::spawn(move || {
        order.into_iter().for_each(|number| pushing.push(number, 1));
    });
    task.pop();
    task.pop();
    assert_eq!(task.popped, [1, 1]);
    notifier.join().unwrap();
    scene.end(driver);
}

/// A task arms, gives up (perhaps too late), and waits again.
pub(super) fn gives_up() {
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

/// An element, and the end of the stream. With this barrier the notifier has no fence of its own, which would
/// order the element before the end, too.
pub(super) fn close() {
    let scene = Scene::new(1, Barrier::Asymmetric);
    let mut task = Task::new(&scene, 0);
    let driver = scene.drive();
    let closing = Rc::clone(&scene);
    let notifier = thread::spawn(move || {
        closing.push(0, 1);
        closing.close(0);
    });
    loop {
        match task.wait() {
            News::Ready => task.popped[0] += 1,
            News::Closed => break,
            News::Gone => unreachable!("no process dies in this model"),
        }
    }
    assert_eq!(task.popped[0], 1, "what was pushed before the end");
    notifier.join().unwrap();
    scene.end(driver);
}

/// The producer dies.
pub(super) fn death() {
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
pub(super) fn death_beside() {
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
