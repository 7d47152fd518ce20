//! A subscriber of a broadcast channel dies next to another one, which must get everything and must not be
//! held up.

use crate::queue::{Popped, Pushed, Queue};
use crate::sweep::{Case, Killed, Place, Survivor};

/// A gated broadcast channel: with one subscriber it is a queue.
pub trait Subscribing: Queue {
    /// A subscriber that begins with what there is.
    fn subscriber_from_the_oldest(place: &Place) -> Self::Consumer;
}

/// Every operation during which a subscriber can be killed.
pub fn subscribers<Q: Subscribing>() -> Vec<Case> {
    let case = |name: &str, is_long: bool, live: fn(&Place, &dyn Fn())| Case {
        name: name.to_owned(),
        sleeps: name.contains("sleep"),
        is_long,
        prepare: Box::new(|place| {
            let mut publisher = Q::producer(place);
            let subscriber = Q::consumer(place);
            // There is something for new subscribers.
            assert_eq!(Q::try_push(&mut publisher, 0), Pushed::Yes);
            Box::new(Others::<Q> { publisher, subscriber, published: 1 })
        }),
        live: Box::new(live),
    };
    vec![
        case("subscribe", true, |place, mark| {
            mark();
            let subscriber = Q::consumer(place);
            mark();
            drop(subscriber);
        }),
        case("pop as a subscriber", false, |place, mark| {
            let mut subscriber = Q::subscriber_from_the_oldest(place);
            mark();
            assert_eq!(Q::try_pop(&mut subscriber), Popped::Number(0));
            mark();
        }),
        case("look in place as a subscriber", false, |place, mark| {
            let mut subscriber = Q::subscriber_from_the_oldest(place);
            mark();
            Q::view(&mut subscriber);
            mark();
        }),
        case("sleep, be woken and pop as a subscriber", false, |place, mark| {
            let mut subscriber = Q::subscriber_from_the_oldest(place);
            assert_eq!(Q::try_pop(&mut subscriber), Popped::Number(0));
            mark();
            assert!(matches!(Q::pop(&mut subscriber), Popped::Number(_)));
            mark();
        }),
        case("detach a subscriber", true, |place, mark| {
            let subscriber = Q::consumer(place);
            mark();
            Q::detach_consumer(subscriber);
            mark();
        }),
    ]
}

struct Others<Q: Queue> {
    publisher: Q::Producer,
    subscriber: Q::Consumer,
    published: u64,
}

impl<Q: Queue> Survivor for Others<Q> {
    fn rouse(&mut self) {
        // May be called too often.
        if self.published < 3 {
            assert_eq!(Q::try_push(&mut self.publisher, self.published), Pushed::Yes);
            self.published += 1;
        }
    }

    fn judge(self: Box<Self>, _: Killed) {
        let Others { mut publisher, mut subscriber, published } = *self;
        // Some laps: the dead one holds up no one, the live one gets everything.
        let mut read = 0;
        for number in published..published + 13 {
            assert_eq!(Q::push(&mut publisher, number), Pushed::Yes);
            assert_eq!(Q::pop(&mut subscriber), Popped::Number(read));
            read += 1;
        }
        Q::close_producer(publisher);
        while read < published + 13 {
            assert_eq!(Q::pop(&mut subscriber), Popped::Number(read));
            read += 1;
        }
        assert_eq!(Q::pop(&mut subscriber), Popped::Closed);
    }
}
