//! The ring of one publisher and many subscribers, in the mode in which the slowest subscriber holds the publisher up: with
//! one subscriber it is a queue, as far as the publisher's death goes. A subscriber's death must hold nobody up.

use std::ops::Range;

use ipc_ring::broadcast::{Builder, PopError, Publisher, PushError, Subscriber};
use ipc_ring::{Domain, WaitStrategy};

use crate::queue::{Popped, Pushed, Queue};
use crate::spsc_common::{check, payload};
use crate::sweep::{Case, Place, Survivor};

type Item = [u8; 41];

#[derive(Debug)]
pub struct Broadcast;

fn builder(place: &Place) -> Builder<Item> {
    Builder::new("queue")
        .domain(&Domain::open(&place.domain).unwrap())
        .capacity(4)
        .gated()
        .wait(WaitStrategy::Sleep)
}

fn number(item: &Item) -> u64 {
    let number = u64::from_le_bytes(*item.first_chunk().unwrap());
    check(item, number);
    number
}

fn popped(answer: Result<Item, PopError>) -> Popped {
    match answer {
        Ok(item) => Popped::Number(number(&item)),
        Err(PopError::Empty) => Popped::Empty,
        Err(PopError::PeerGone(_)) => Popped::Gone,
        Err(PopError::Closed) => Popped::Closed,
        Err(other) => panic!("{other}"),
    }
}

fn pushed(answer: Result<(), PushError<Item>>) -> Pushed {
    match answer {
        Ok(()) => Pushed::Yes,
        Err(PushError::Full(_)) => Pushed::Full,
        Err(other) => panic!("{other}"),
    }
}

impl Queue for Broadcast {
    type Producer = Publisher<Item>;
    type Consumer = Subscriber<Item>;

    fn producer(place: &Place) -> Self::Producer {
        builder(place).create_publisher().unwrap()
    }

    fn consumer(place: &Place) -> Self::Consumer {
        builder(place).create_subscriber().unwrap()
    }

    fn try_push(producer: &mut Self::Producer, number: u64) -> Pushed {
        pushed(producer.try_publish(payload(number)))
    }

    fn push(producer: &mut Self::Producer, number: u64) -> Pushed {
        pushed(producer.publish(payload(number)))
    }

    fn push_batch(producer: &mut Self::Producer, numbers: Range<u64>) {
        producer.publish_slice(&numbers.map(payload).collect::<Vec<Item>>()).unwrap();
    }

    const CLAIM: Option<fn(&mut Self::Producer, u64, bool)> = Some(|producer, number, commit| {
        let mut claim = producer.try_claim().unwrap();
        claim.write(&payload(number));
        if commit {
            claim.commit();
        }
    });

    fn try_pop(consumer: &mut Self::Consumer) -> Popped {
        popped(consumer.try_pop())
    }

    fn pop(consumer: &mut Self::Consumer) -> Popped {
        popped(consumer.pop())
    }

    fn pop_batch(consumer: &mut Self::Consumer, most: usize) -> Vec<u64> {
        let mut items = vec![[0; 41]; most];
        let count = consumer.try_pop_slice(&mut items).unwrap();
        items[..count].iter().map(number).collect()
    }

    fn view(consumer: &mut Self::Consumer) {
        let view = consumer.try_view().unwrap();
        number(&view.read());
        view.release();
    }

    const GIVE_BACK: Option<fn(&mut Self::Consumer)> = Some(|consumer| {
        number(&consumer.try_view().unwrap().read());
    });

    fn close_producer(producer: Self::Producer) {
        producer.close();
    }

    fn close_consumer(consumer: Self::Consumer) {
        consumer.detach();
    }

    fn detach_producer(producer: Self::Producer) {
        producer.detach();
    }

    fn detach_consumer(consumer: Self::Consumer) {
        consumer.detach();
    }
}

/// A subscriber dies beside another one.
pub fn subscribers() -> Vec<Case> {
    let case = |name: &str, is_long: bool, live: fn(&Place, &dyn Fn())| Case {
        name: name.to_owned(),
        sleeps: false,
        is_long,
        prepare: Box::new(|place| {
            let mut publisher = Broadcast::producer(place);
            let subscriber = Broadcast::consumer(place);
            // There is something for those who come now.
            assert_eq!(Broadcast::try_push(&mut publisher, 0), Pushed::Yes);
            Box::new(Others { publisher, subscriber })
        }),
        live: Box::new(live),
    };
    vec![
        case("subscribe", true, |place, mark| {
            mark();
            let subscriber = Broadcast::consumer(place);
            mark();
            drop(subscriber);
        }),
        case("pop as a subscriber", false, |place, mark| {
            let mut subscriber =
                builder(place).start(ipc_ring::broadcast::Start::Oldest).create_subscriber().unwrap();
            mark();
            assert_eq!(Broadcast::try_pop(&mut subscriber), Popped::Number(0));
            mark();
        }),
        case("detach a subscriber", true, |place, mark| {
            let subscriber = Broadcast::consumer(place);
            mark();
            Broadcast::detach_consumer(subscriber);
            mark();
        }),
    ]
}

struct Others {
    publisher: Publisher<Item>,
    subscriber: Subscriber<Item>,
}

impl Survivor for Others {
    fn judge(self: Box<Self>, _: bool) {
        let Others { mut publisher, mut subscriber } = *self;
        // Some laps: the dead holds nobody up, the living gets everything.
        for number in 1..14 {
            assert_eq!(Broadcast::push(&mut publisher, number), Pushed::Yes);
            assert_eq!(Broadcast::pop(&mut subscriber), Popped::Number(number - 1));
        }
        publisher.close();
        assert_eq!(Broadcast::pop(&mut subscriber), Popped::Number(13));
        assert_eq!(Broadcast::pop(&mut subscriber), Popped::Closed);
    }
}
