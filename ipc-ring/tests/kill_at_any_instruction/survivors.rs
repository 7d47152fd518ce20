//! The survivors of the death of an end of a queue, which judge what is left.
//!
//! Messages are numbers from 0. What must hold after a death: the consumers get the numbers from some point
//! on, all in order and none twice; what was pushed before is there; and the channel serves a successor of
//! the dead.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use ipc_ring::Domain;
use nix::unistd::{Pid, gettid};

use crate::hand;
use crate::queue::{Popped, Pushed, Queue};
use crate::sweep::{Killed, Place, Survivor};

/// What is there when a producer dies.
#[derive(Clone, Copy, Debug)]
pub struct Producing {
    /// Numbers it has pushed before its operation.
    pub pushed: u64,
    /// Numbers its operation pushes; `u64::MAX` for one more than fit.
    pub adds: u64,
    /// The survivor waits for messages throughout.
    pub asleep: bool,
    pub victim_sleeps: bool,
}

impl Producing {
    pub fn survivor<Q: Queue>(self, place: &Place) -> Box<dyn Survivor> {
        let consumer = Some(Q::consumer(place));
        let place = place.clone();
        Box::new(Pops::<Q> { setup: self, place, consumer, sleeper: None, numbers: Vec::new() })
    }
}

struct Pops<Q: Queue> {
    setup: Producing,
    place: Place,
    consumer: Option<Q::Consumer>,
    sleeper: Option<JoinHandle<Drained<Q>>>,
    numbers: Vec<u64>,
}

/// A consumer, what it got, and why it ended.
type Drained<Q> = (<Q as Queue>::Consumer, Vec<u64>, Popped);

/// Pops until the producers are gone.
fn drain<Q: Queue>(mut consumer: Q::Consumer) -> Drained<Q> {
    let mut numbers = Vec::new();
    loop {
        match Q::pop(&mut consumer) {
            Popped::Number(number) => numbers.push(number),
            end => return (consumer, numbers, end),
        }
    }
}

impl<Q: Queue> Survivor for Pops<Q> {
    fn born(&mut self) {
        if self.setup.asleep {
            let consumer = self.consumer.take().unwrap();
            self.sleeper = Some(asleep(move || drain::<Q>(consumer)));
        }
    }

    fn rouse(&mut self) {
        // As many as it takes for the consumer to report the room.
        let consumer = self.consumer.as_mut().unwrap();
        while let Popped::Number(number) = Q::try_pop(consumer) {
            self.numbers.push(number);
        }
    }

    fn judge(mut self: Box<Self>, killed: Killed) {
        let over = killed.over();
        let sleeper = self.sleeper.take();
        let (consumer, more, end) = match sleeper {
            Some(sleeper) => sleeper.join().unwrap(),
            None => drain::<Q>(self.consumer.take().unwrap()),
        };
        self.numbers.extend(more);
        let Producing { pushed, adds, .. } = self.setup;
        let count = self.numbers.len() as u64;
        assert!(self.numbers.iter().copied().eq(0..count), "{:?}", self.numbers);
        if adds == u64::MAX {
            assert!(count >= 4, "{:?}", self.numbers);
        } else {
            assert!(count <= pushed + adds, "{:?}", self.numbers);
            assert!(count >= pushed + if over { adds } else { 0 }, "{:?}", self.numbers);
        }
        if end != Popped::Closed {
            serve::<Q>(Q::producer(&self.place), consumer);
        }
    }
}

/// What is there when a consumer dies.
#[derive(Clone, Copy, Debug)]
pub struct Consuming {
    /// Numbers it has popped before its operation, of the four that there are.
    pub popped: u64,
    /// Numbers its operation pops.
    pub takes: u64,
    /// The survivor waits for room throughout.
    pub asleep: bool,
    pub victim_sleeps: bool,
    pub judge: Judge,
}

/// How to determine what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judge {
    /// A successor pops what is there, and continues.
    Successor,
    /// The producer closes the stream and the successor pops to its end.
    End,
}

/// Numbers that are there before a consumer joins.
const THERE: u64 = 4;

impl Consuming {
    pub fn survivor<Q: Queue>(self, place: &Place) -> Box<dyn Survivor> {
        let mut producer = Q::producer(place);
        for number in 0..THERE {
            assert_eq!(Q::try_push(&mut producer, number), Pushed::Yes);
        }
        let place = place.clone();
        Box::new(Pushes::<Q> {
            setup: self,
            place,
            producer: Some(producer),
            sleeper: None,
            succeeded: Arc::default(),
            pushed: THERE,
        })
    }
}

struct Pushes<Q: Queue> {
    setup: Consuming,
    place: Place,
    producer: Option<Q::Producer>,
    /// Gives the producer, and how many numbers it has pushed.
    sleeper: Option<JoinHandle<(Q::Producer, u64)>>,
    /// The victim has a successor.
    succeeded: Arc<AtomicBool>,
    pushed: u64,
}

impl<Q: Queue> Survivor for Pushes<Q> {
    fn born(&mut self) {
        if self.setup.asleep {
            let mut producer = self.producer.take().unwrap();
            let mut number = self.pushed;
            let succeeded = Arc::clone(&self.succeeded);
            self.sleeper = Some(asleep(move || {
                while Q::try_push(&mut producer, number) == Pushed::Yes {
                    number += 1;
                }
                loop {
                    match Q::push(&mut producer, number) {
                        Pushed::Yes => return (producer, number + 1),
                        // The victim has left, or is dead; the successor joins shortly.
                        Pushed::Gone => {
                            while !succeeded.load(Ordering::SeqCst) {
                                std::thread::sleep(Duration::from_millis(1));
                            }
                        }
                        other => panic!("{other:?}"),
                    }
                }
            }));
        }
    }

    fn rouse(&mut self) {
        if Q::try_push(self.producer.as_mut().unwrap(), self.pushed) == Pushed::Yes {
            self.pushed += 1;
        }
    }

    fn judge(mut self: Box<Self>, killed: Killed) {
        let mut consumer = Q::consumer(&self.place);
        self.succeeded.store(true, Ordering::SeqCst);
        let mut numbers = Vec::new();
        let mut producer = match self.sleeper.take() {
            None => self.producer.take().unwrap(),
            Some(sleeper) => {
                while !sleeper.is_finished() {
                    match Q::try_pop(&mut consumer) {
                        Popped::Number(number) => numbers.push(number),
                        _ => std::thread::yield_now(),
                    }
                }
                let (producer, pushed) = sleeper.join().unwrap();
                self.pushed = pushed;
                producer
            }
        };
        // A last number or the end of the stream, so that everything before can be waited for.
        if self.setup.judge == Judge::End {
            Q::close_producer(producer);
            let (mut consumer, more, end) = drain::<Q>(consumer);
            assert_eq!(end, Popped::Closed);
            Q::recover(&mut consumer);
            assert_eq!(Q::try_pop(&mut consumer), Popped::Closed, "the end is the end");
            numbers.extend(more);
            return self.check(numbers, killed);
        }
        loop {
            match Q::try_push(&mut producer, self.pushed) {
                Pushed::Yes => break self.pushed += 1,
                Pushed::Full => match Q::pop(&mut consumer) {
                    Popped::Number(number) => numbers.push(number),
                    other => panic!("{other:?} after {numbers:?}"),
                },
                // The victim got as far as closing: the channel is over, its name goes to a new one.
                Pushed::Closed => {
                    drop((producer, consumer));
                    return serve::<Q>(Q::producer(&self.place), Q::consumer(&self.place));
                }
                other @ Pushed::Gone => panic!("{other:?}"),
            }
        }
        // The last one need not arrive last: one that is delivered again arrives late.
        while numbers.iter().max().is_none_or(|last| *last + 1 < self.pushed) || self.has_gap(&numbers) {
            match Q::pop(&mut consumer) {
                Popped::Number(number) => numbers.push(number),
                other => panic!("{other:?} after {numbers:?}"),
            }
        }
        // The victim may have died holding the first of them.
        Q::recover(&mut consumer);
        while let Popped::Number(number) = Q::try_pop(&mut consumer) {
            numbers.push(number);
        }
        self.check(numbers, killed);
        serve::<Q>(producer, consumer);
    }
}

impl<Q: Queue> Pushes<Q> {
    /// A number that is delivered again arrives late.
    fn has_gap(&self, numbers: &[u64]) -> bool {
        let first = numbers.iter().copied().min().unwrap_or(0);
        (numbers.len() as u64) < self.pushed - first
    }

    fn check(&self, mut numbers: Vec<u64>, killed: Killed) {
        numbers.sort_unstable();
        let first = self.pushed - numbers.len() as u64;
        assert!(numbers.iter().copied().eq(first..self.pushed), "{numbers:?} of {}", self.pushed);
        let Consuming { popped, takes, .. } = self.setup;
        assert!((popped..=popped + takes).contains(&first), "{numbers:?} of {}", self.pushed);
        let taken = first - popped;
        match killed {
            Killed::Over => assert_eq!(taken, takes, "{numbers:?} of {}", self.pushed),
            // What is neither there nor in its hands was lost inside a call.
            Killed::AtCall => {
                assert!(taken <= hand::booked(), "lost in a call: {numbers:?} of {}", self.pushed)
            }
            Killed::Within => {}
        }
    }
}

/// What is there when an end dies that has just joined.
#[derive(Clone, Copy, Debug)]
pub enum Both {
    Nothing,
    Domain,
    Consumer,
    Producer,
}

impl Both {
    pub fn survivor<Q: Queue>(self, place: &Place) -> Box<dyn Survivor> {
        let mut there = Arrivals::<Q> { place: place.clone(), domain: None, producer: None, consumer: None };
        match self {
            Both::Nothing => {}
            Both::Domain => there.domain = Some(Domain::open(&place.domain).unwrap()),
            Both::Consumer => there.consumer = Some(Q::consumer(place)),
            Both::Producer => there.producer = Some(Q::producer(place)),
        }
        Box::new(there)
    }
}

struct Arrivals<Q: Queue> {
    place: Place,
    domain: Option<Domain>,
    producer: Option<Q::Producer>,
    consumer: Option<Q::Consumer>,
}

impl<Q: Queue> Survivor for Arrivals<Q> {
    fn judge(mut self: Box<Self>, _: Killed) {
        let producer = self.producer.take().unwrap_or_else(|| Q::producer(&self.place));
        let consumer = self.consumer.take().unwrap_or_else(|| Q::consumer(&self.place));
        serve::<Q>(producer, consumer);
        drop(self.domain);
    }
}

/// Both ends work: laps, exactly full and exactly empty; then the end.
pub fn serve<Q: Queue>(mut producer: Q::Producer, mut consumer: Q::Consumer) {
    let mut number = 1000;
    for _ in 0..3 {
        assert_eq!(Q::try_pop(&mut consumer), Popped::Empty);
        let first = number;
        while Q::try_push(&mut producer, number) == Pushed::Yes {
            number += 1;
        }
        assert!(number - first >= THERE, "room for {} only", number - first);
        for expected in first..number {
            assert_eq!(Q::try_pop(&mut consumer), Popped::Number(expected));
        }
    }
    Q::close_producer(producer);
    assert_eq!(Q::pop(&mut consumer), Popped::Closed);
}

/// Starts a thread and waits until it sleeps.
pub fn asleep<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> JoinHandle<R> {
    let (tell, told) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        tell.send(gettid()).unwrap();
        work()
    });
    await_sleep(told.recv().unwrap());
    thread
}

/// Waits until a thread of this process sleeps, or has ended because there was nothing to wait for.
fn await_sleep(thread: Pid) {
    while let Ok(stat) = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat")) {
        if stat.rsplit_once(')').unwrap().1.trim_start().starts_with('S') {
            return;
        }
        std::thread::sleep(Duration::from_micros(100));
    }
}
