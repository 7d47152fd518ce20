//! The ring of one publisher and many subscribers, with frames of any length, gated: as
//! [`broadcast`](crate::broadcast).

use std::ops::Range;

use ipc_ring::broadcast::frames::{Builder, Publisher, Subscriber};
use ipc_ring::broadcast::{PopError, PushError, Start};
use ipc_ring::{Domain, WaitStrategy};

use crate::bytes::{read, write};
use crate::queue::{Popped, Pushed, Queue};
use crate::subscribers::Subscribing;
use crate::sweep::Place;

#[derive(Debug)]
pub struct Frames;

/// Room for a few frames only, so that they wrap in some cases.
const CAPACITY: u64 = 512;

fn builder(place: &Place) -> Builder {
    Builder::new("queue")
        .domain(&Domain::open(&place.domain).unwrap())
        .capacity(CAPACITY)
        .gated()
        .wait(WaitStrategy::Sleep)
}

fn popped(answer: Result<Vec<u8>, PopError>) -> Popped {
    match answer {
        Ok(whole) => Popped::Number(read(&whole)),
        Err(PopError::Empty) => Popped::Empty,
        Err(PopError::PeerGone(_)) => Popped::Gone,
        Err(PopError::Closed) => Popped::Closed,
        Err(other) => panic!("{other}"),
    }
}

fn pushed(answer: Result<(), PushError<()>>) -> Pushed {
    match answer {
        Ok(()) => Pushed::Yes,
        Err(PushError::Full(())) => Pushed::Full,
        Err(other) => panic!("{other}"),
    }
}

impl Queue for Frames {
    type Producer = Publisher;
    type Consumer = Subscriber;

    fn producer(place: &Place) -> Publisher {
        builder(place).create_sender().unwrap()
    }

    fn consumer(place: &Place) -> Subscriber {
        builder(place).create_receiver().unwrap()
    }

    fn try_push(producer: &mut Publisher, number: u64) -> Pushed {
        pushed(producer.try_push(&write(number)))
    }

    fn push(producer: &mut Publisher, number: u64) -> Pushed {
        pushed(producer.push(&write(number)))
    }

    fn push_batch(producer: &mut Publisher, numbers: Range<u64>) {
        producer.push_batch(&numbers.map(write).collect::<Vec<_>>()).unwrap();
    }

    const CLAIM: Option<fn(&mut Publisher, u64, bool)> = Some(|producer, number, commit| {
        let whole = write(number);
        let mut claim = producer.try_claim(whole.len() + 4).unwrap();
        claim.write(0, &whole);
        if commit {
            claim.commit(whole.len()).unwrap();
        }
    });

    fn try_pop(consumer: &mut Subscriber) -> Popped {
        popped(consumer.try_pop())
    }

    fn pop(consumer: &mut Subscriber) -> Popped {
        popped(consumer.pop())
    }

    fn pop_batch(consumer: &mut Subscriber, most: usize) -> u64 {
        (0..most).for_each(|_| _ = read(&consumer.try_pop().unwrap()));
        most as u64
    }

    fn view(consumer: &mut Subscriber) {
        let view = consumer.try_view().unwrap();
        read(&view.to_vec());
        view.release();
    }

    const GIVE_BACK: Option<fn(&mut Subscriber)> = Some(|consumer| {
        read(&consumer.try_view().unwrap().to_vec());
    });

    fn close_producer(producer: Publisher) {
        producer.close();
    }

    fn close_consumer(consumer: Subscriber) {
        consumer.detach();
    }

    fn detach_producer(producer: Publisher) {
        producer.detach();
    }

    fn detach_consumer(consumer: Subscriber) {
        consumer.detach();
    }
}

impl Subscribing for Frames {
    fn subscriber_from_the_oldest(place: &Place) -> Subscriber {
        builder(place).start(Start::Oldest).create_receiver().unwrap()
    }
}
