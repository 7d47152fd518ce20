//! The ring of one publisher and many subscribers, in the mode in which the slowest subscriber holds the
//! publisher up: with one subscriber it is a queue, as far as the publisher's death is concerned. A
//! subscriber's death must hold up no one.

use std::ops::Range;

use ipc_ring::broadcast::{Builder, PopError, Publisher, PushError, Subscriber};
use ipc_ring::{Domain, WaitStrategy};

use crate::items::{Item, number, pops_items, views_items};
use crate::queue::{Popped, Pushed, Queue};
use crate::spsc_common::payload;
use crate::subscribers::Subscribing;
use crate::sweep::Place;

#[derive(Debug)]
pub struct Broadcast;

fn builder(place: &Place) -> Builder<Item> {
    Builder::new("queue")
        .domain(&Domain::open(&place.domain).unwrap())
        .capacity(4)
        .gated()
        .wait(WaitStrategy::Sleep)
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
        builder(place).create_sender().unwrap()
    }

    fn consumer(place: &Place) -> Self::Consumer {
        builder(place).create_receiver().unwrap()
    }

    fn try_push(producer: &mut Self::Producer, number: u64) -> Pushed {
        pushed(producer.try_push(payload(number)))
    }

    fn push(producer: &mut Self::Producer, number: u64) -> Pushed {
        pushed(producer.push(payload(number)))
    }

    fn push_batch(producer: &mut Self::Producer, numbers: Range<u64>) {
        producer.push_slice(&numbers.map(payload).collect::<Vec<Item>>()).unwrap();
    }

    const CLAIM: Option<fn(&mut Self::Producer, u64, bool)> = Some(|producer, number, commit| {
        let mut claim = producer.try_claim().unwrap();
        claim.write(&payload(number));
        if commit {
            claim.commit().unwrap();
        }
    });

    pops_items!();
    views_items!();

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

impl Subscribing for Broadcast {
    fn subscriber_from_the_oldest(place: &Place) -> Self::Consumer {
        builder(place).start(ipc_ring::broadcast::Start::Oldest).create_receiver().unwrap()
    }
}
