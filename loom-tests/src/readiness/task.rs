//! A task that waits for ends through a driver.

use std::rc::Rc;

use ipc_ring::platform::{Platform as _, Word as _};
use ipc_ring::readiness::protocol::{self, Ends, Lock as _};
use ipc_ring::readiness::slots::Slots;
use ipc_ring::wait::signal::{self, CLOSED};
use loom::sync::atomic::Ordering::{Acquire, Relaxed};

use super::scene::{BELL, Channel, Scene};
use super::{
    CLEARED_WITHOUT_LOCK, NO_LOOK_BEHIND_CLOSED, NO_SECOND_LOOK, NOT_COUNTED, NUMBER_LATE, OLD_WAKER,
    SET_WITHOUT_LOCK, WAKER_LATE,
};
use crate::{Loom, Semaphore, mutation, reached};

/// What a task finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    Ready,
    Closed,
    Gone,
}

/// A task with its slots, and the ends that it waits for.
pub(super) struct Task {
    scene: Rc<Scene>,
    numbers: Vec<usize>,
    slots: Vec<usize>,
    pub(super) waker: Rc<Semaphore>,
    pub(super) popped: Vec<u32>,
    pub(super) is_armed: bool,
}

impl Ends for Task {
    type Signal = Rc<Channel>;
    type News = News;
    type Error = ipc_core::Error;

    fn signal(&mut self, number: usize) -> Rc<Channel> {
        Rc::clone(self.channel(number))
    }

    fn needs_polling(&mut self, _: usize) -> bool {
        false
    }

    fn set_waiting(&mut self, number: usize) {
        if !mutation::logic(SET_WITHOUT_LOCK) {
            self.arm_end(number);
        }
    }

    fn barrier(&mut self) -> Result<(), ipc_core::Error> {
        if mutation::logic(SET_WITHOUT_LOCK) {
            (0..self.numbers.len()).for_each(|number| self.arm_end(number));
        }
        Loom::heavy(self.scene.barrier)
    }

    fn clear_waiting(&mut self, number: usize) -> bool {
        signal::clear_waiting::<Loom>(&self.channel(number).signal)
    }

    fn look(&mut self) -> Result<Option<News>, ipc_core::Error> {
        Ok(if mutation::logic(NO_SECOND_LOOK) { None } else { self.news() })
    }
}

impl Task {
    pub(super) fn new(scene: &Rc<Scene>, number: usize) -> Self {
        Self::of_many(scene, &[number])
    }

    pub(super) fn of_many(scene: &Rc<Scene>, numbers: &[usize]) -> Self {
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

    /// As `Endpoint::arm`.
    fn arm_end(&self, number: usize) {
        let channel = self.channel(number);
        if mutation::logic(NUMBER_LATE) {
            signal::set_waiting::<Loom>(&channel.signal);
            channel.wake.store(BELL, Relaxed);
        } else {
            channel.wake.store(BELL, Relaxed);
            signal::set_waiting::<Loom>(&channel.signal);
        }
    }

    /// The first end that has an element.
    fn ready(&self) -> Option<usize> {
        (0..self.numbers.len())
            .find(|number| self.channel(*number).pushed.load(Acquire) > self.popped[*number])
    }

    pub(super) fn news(&self) -> Option<News> {
        if self.ready().is_some() {
            return Some(News::Ready);
        }
        let mut numbers = 0..self.numbers.len();
        if numbers
            .clone()
            .any(|number| signal::load_state::<Loom>(&self.channel(number).ending) & CLOSED != 0)
        {
            // [C1] What was pushed before is visible now.
            let is_ready = !mutation::logic(NO_LOOK_BEHIND_CLOSED) && self.ready().is_some();
            return Some(if is_ready { News::Ready } else { News::Closed });
        }
        numbers.any(|number| self.channel(number).dead.load(Relaxed) != 0).then_some(News::Gone)
    }

    /// As `Registration::poll`, or for several ends as `PollSet`, which is disarmed for each look: `None` is
    /// `Pending`.
    pub(super) fn poll(&mut self) -> Option<News> {
        if self.numbers.len() == 1 && self.is_armed && self.stays_armed() {
            reached("stays armed");
            return None;
        }
        self.disarm();
        if let Some(news) = self.news() {
            return Some(news);
        }
        let scene = Rc::clone(&self.scene);
        let armed = if mutation::logic(WAKER_LATE) { self.arm_late() } else { self.arm(&scene) };
        self.is_armed = armed.is_none();
        match armed {
            Some(News::Closed) => reached("found closed at once"),
            Some(_) => reached("found at once"),
            None => {}
        }
        armed
    }

    /// For one end.
    fn stays_armed(&self) -> bool {
        let replace = |waker: &mut Rc<Semaphore>| {
            let new = Rc::clone(&self.waker);
            if mutation::logic(OLD_WAKER) { new } else { std::mem::replace(waker, new) }
        };
        let stored = protocol::stays_armed(&*self.scene, self.slots[0], self.channel(0), replace);
        stored.is_some()
    }

    fn arm(&mut self, scene: &Scene) -> Option<News> {
        let (slots, waker) = (self.slots.clone(), Rc::clone(&self.waker));
        protocol::arm(scene, &slots, self, || Rc::clone(&waker)).expect("no barrier of a model fails")
    }

    /// For one end.
    fn arm_late(&mut self) -> Option<News> {
        self.set_waiting(0);
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

    pub(super) fn disarm(&mut self) {
        if !std::mem::take(&mut self.is_armed) {
            return;
        }
        let scene = Rc::clone(&self.scene);
        if mutation::logic(NOT_COUNTED) {
            scene.with(|slots| {
                self.clear_waiting(0);
                slots.disarm(self.slots[0], false)
            });
        } else if mutation::logic(CLEARED_WITHOUT_LOCK) {
            let taken = self.clear_waiting(0);
            scene.with(|slots| slots.disarm(self.slots[0], taken));
        } else {
            self.take_back();
        }
    }

    /// Polls until there is a result; sleeps while it is `Pending`.
    pub(super) fn wait(&mut self) -> News {
        loop {
            if let Some(news) = self.poll() {
                return news;
            }
            reached("sleeps");
            self.waker.wait();
        }
    }

    pub(super) fn pop(&mut self) {
        assert_eq!(self.wait(), News::Ready, "the only news is an element");
        let number = self.ready().expect("an element is there");
        self.popped[number] += 1;
    }
}
