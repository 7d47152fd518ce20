//! The victims in channels that deliver each message to one consumer, for any ring: one table for all of
//! them.

use std::ops::Range;
use std::time::Duration;

use crate::hand;
use crate::survivors::{Both, Consuming, Judge, Producing};
use crate::sweep::{Case, Place, Survivor};

/// What a pop came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Popped {
    Number(u64),
    Empty,
    /// No producer is there any more.
    Gone,
    Closed,
}

/// What a push came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    Yes,
    Full,
    /// No consumer is there any more.
    Gone,
    Closed,
}

/// A channel of numbers, small, with room for four of them at least. Its ends sleep at once when they wait.
pub trait Queue: 'static {
    type Producer: Send + 'static;
    type Consumer: Send + 'static;

    /// Makes the channel, or finds it.
    fn producer(place: &Place) -> Self::Producer;
    /// The same for the other end.
    fn consumer(place: &Place) -> Self::Consumer;

    fn try_push(producer: &mut Self::Producer, number: u64) -> Pushed;
    fn push(producer: &mut Self::Producer, number: u64) -> Pushed;
    fn push_batch(producer: &mut Self::Producer, numbers: Range<u64>);
    /// Writes in place; then commits, or aborts. `None` where a ring has no claims.
    const CLAIM: Option<fn(&mut Self::Producer, u64, bool)>;

    fn try_pop(consumer: &mut Self::Consumer) -> Popped;
    fn pop(consumer: &mut Self::Consumer) -> Popped;
    /// Pops this number of messages, books them, and returns the count.
    fn pop_batch(consumer: &mut Self::Consumer, most: usize) -> u64;
    /// Looks in place, books it, then pops.
    fn view(consumer: &mut Self::Consumer);
    /// Looks in place, then leaves it there. `None` where that takes a panic.
    const GIVE_BACK: Option<fn(&mut Self::Consumer)>;

    /// Cleans up after the dead, where that is a separate call.
    fn recover(_consumer: &mut Self::Consumer) {}

    /// Ends the stream.
    fn close_producer(producer: Self::Producer);
    fn close_consumer(consumer: Self::Consumer);
    /// Leaves the stream to a successor.
    fn detach_producer(producer: Self::Producer);
    fn detach_consumer(consumer: Self::Consumer);
}

/// Everything that a queue does.
pub fn cases<Q: Queue>() -> Vec<Case> {
    let mut cases = producers::<Q>();
    cases.extend(consumers::<Q>());
    cases.extend(arrivals::<Q>());
    cases
}

/// The time that a survivor has to fall asleep again.
pub const NAP: Duration = Duration::from_millis(2);

/// A producer dies; a consumer lives on, in some cases asleep.
pub fn producers<Q: Queue>() -> Vec<Case> {
    let case = |name: &str, setup: Producing, live: fn(Q::Producer, u64, &dyn Fn())| Case {
        name: name.to_owned(),
        sleeps: setup.victim_sleeps,
        is_long: name.contains("close") || name.contains("detach"),
        prepare: Box::new(move |place| setup.survivor::<Q>(place)),
        live: Box::new(move |place, mark| {
            let mut producer = Q::producer(place);
            for number in 0..setup.pushed {
                assert_eq!(Q::try_push(&mut producer, number), Pushed::Yes);
            }
            if setup.asleep {
                std::thread::sleep(NAP);
            }
            live(producer, setup.pushed, mark);
        }),
    };
    let setup = |pushed, adds| Producing { pushed, adds, asleep: false, victim_sleeps: false };
    let asleep = |pushed, adds| Producing { asleep: true, ..setup(pushed, adds) };
    let push: fn(Q::Producer, u64, &dyn Fn()) = |mut producer, number, mark| {
        mark();
        assert_eq!(Q::try_push(&mut producer, number), Pushed::Yes);
        mark();
    };
    let batch: fn(Q::Producer, u64, &dyn Fn()) = |mut producer, number, mark| {
        mark();
        Q::push_batch(&mut producer, number..number + 3);
        mark();
    };
    let close: fn(Q::Producer, u64, &dyn Fn()) = |producer, _, mark| {
        mark();
        Q::close_producer(producer);
        mark();
    };
    let detach: fn(Q::Producer, u64, &dyn Fn()) = |producer, _, mark| {
        mark();
        Q::detach_producer(producer);
        mark();
    };
    let mut cases = vec![
        case("push", setup(2, 1), push),
        case("push to a sleeper for the first time", asleep(0, 1), push),
        case("push to a sleeper again", asleep(1, 1), push),
        case("publish a batch", setup(1, 3), batch),
        case("publish a batch to a sleeper", asleep(0, 3), batch),
        case("close", setup(2, 0), close),
        case("close beside a sleeper", asleep(1, 0), close),
        case("detach a producer", setup(2, 0), detach),
        case("detach a producer beside a sleeper", asleep(1, 0), detach),
        case(
            "wait for room and push",
            Producing { victim_sleeps: true, ..setup(0, u64::MAX) },
            |mut producer, mut number, mark| {
                while Q::try_push(&mut producer, number) == Pushed::Yes {
                    number += 1;
                }
                mark();
                assert_eq!(Q::push(&mut producer, number), Pushed::Yes);
                mark();
            },
        ),
    ];
    if Q::CLAIM.is_some() {
        cases.push(case("claim and commit", setup(2, 1), |mut producer, number, mark| {
            let claim = Q::CLAIM.unwrap();
            mark();
            claim(&mut producer, number, true);
            mark();
        }));
        cases.push(case("claim and abort", setup(2, 0), |mut producer, number, mark| {
            let claim = Q::CLAIM.unwrap();
            mark();
            claim(&mut producer, number, false);
            mark();
        }));
    }
    cases
}

/// A consumer dies; a producer lives on, in some cases asleep.
fn consumers<Q: Queue>() -> Vec<Case> {
    let case = |name: &str, setup: Consuming, live: fn(Q::Consumer, &dyn Fn())| Case {
        name: name.to_owned(),
        sleeps: setup.victim_sleeps,
        is_long: name.contains("close") || name.contains("detach"),
        prepare: Box::new(move |place| setup.survivor::<Q>(place)),
        live: Box::new(move |place, mark| {
            let mut consumer = Q::consumer(place);
            for number in 0..setup.popped {
                assert_eq!(Q::try_pop(&mut consumer), Popped::Number(number));
            }
            if setup.asleep {
                std::thread::sleep(NAP);
            }
            live(consumer, mark);
        }),
    };
    let setup = |popped, takes| Consuming {
        popped,
        takes,
        asleep: false,
        victim_sleeps: false,
        judge: Judge::Successor,
    };
    let asleep = |popped, takes| Consuming { asleep: true, ..setup(popped, takes) };
    let pop: fn(Q::Consumer, &dyn Fn()) = |mut consumer, mark| {
        mark();
        assert!(matches!(Q::try_pop(&mut consumer), Popped::Number(_)));
        hand::book(1);
        mark();
    };
    let batch: fn(Q::Consumer, &dyn Fn()) = |mut consumer, mark| {
        mark();
        assert_eq!(Q::pop_batch(&mut consumer, 3), 3);
        mark();
    };
    let detach: fn(Q::Consumer, &dyn Fn()) = |consumer, mark| {
        mark();
        Q::detach_consumer(consumer);
        mark();
    };
    let mut cases = vec![
        case("pop", setup(1, 1), pop),
        case("pop before the end of the stream", Consuming { judge: Judge::End, ..setup(1, 1) }, pop),
        case("pop beside a sleeper", asleep(0, 1), pop),
        case("pop beside a sleeper again", asleep(1, 1), pop),
        case("pop a batch", setup(1, 3), batch),
        case("pop a batch beside a sleeper", asleep(0, 3), batch),
        case("view and release", setup(1, 1), |mut consumer, mark| {
            mark();
            Q::view(&mut consumer);
            mark();
        }),
        case("detach a consumer", setup(1, 0), detach),
        case("detach a consumer beside a sleeper", asleep(0, 0), detach),
        case("close from the consumer's side", setup(1, 0), |consumer, mark| {
            mark();
            Q::close_consumer(consumer);
            mark();
        }),
        case(
            "sleep, be woken and pop",
            Consuming { victim_sleeps: true, ..setup(4, 1) },
            |mut consumer, mark| {
                mark();
                assert!(matches!(Q::pop(&mut consumer), Popped::Number(_)));
                hand::book(1);
                mark();
            },
        ),
    ];
    if Q::GIVE_BACK.is_some() {
        cases.push(case("view and give back", setup(1, 0), |mut consumer, mark| {
            let give_back = Q::GIVE_BACK.unwrap();
            mark();
            give_back(&mut consumer);
            mark();
        }));
    }
    cases
}

/// An end dies that has just joined.
pub fn arrivals<Q: Queue>() -> Vec<Case> {
    let case = |name: &str, setup: Both, live: fn(&Place, &dyn Fn())| Case {
        name: name.to_owned(),
        sleeps: false,
        is_long: true,
        prepare: Box::new(move |place| -> Box<dyn Survivor> { setup.survivor::<Q>(place) }),
        live: Box::new(live),
    };
    let produce: fn(&Place, &dyn Fn()) = |place, mark| {
        mark();
        let producer = Q::producer(place);
        mark();
        drop(producer);
    };
    let consume: fn(&Place, &dyn Fn()) = |place, mark| {
        mark();
        let consumer = Q::consumer(place);
        mark();
        drop(consumer);
    };
    vec![
        case("make the domain and the channel", Both::Nothing, produce),
        case("make the channel in a domain", Both::Domain, consume),
        case("open a producer", Both::Consumer, produce),
        case("open a consumer", Both::Producer, consume),
    ]
}
