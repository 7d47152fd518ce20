//! The ring with one producer and one consumer, as a queue.

use std::ops::Range;

use ipc_ring::spsc::{Builder, Consumer, PopError, Producer, PushError};
use ipc_ring::{Domain, WaitStrategy};

use crate::items::{Item, number, pops_items, views_items};
use crate::queue::{Popped, Pushed, Queue};
use crate::spsc_common::payload;
use crate::sweep::Place;

#[derive(Debug)]
pub struct Spsc;

fn builder(place: &Place) -> Builder<Item> {
    Builder::new("queue").domain(&Domain::open(&place.domain).unwrap()).capacity(4).wait(WaitStrategy::Sleep)
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
        Err(PushError::PeerGone(..)) => Pushed::Gone,
        Err(PushError::Closed(_)) => Pushed::Closed,
        Err(other) => panic!("{other}"),
    }
}

impl Queue for Spsc {
    type Producer = Producer<Item>;
    type Consumer = Consumer<Item>;

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
        consumer.close();
    }

    fn detach_producer(producer: Self::Producer) {
        producer.detach();
    }

    fn detach_consumer(consumer: Self::Consumer) {
        consumer.detach();
    }
}
