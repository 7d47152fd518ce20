//! The ring with many producers and many consumers, as a queue of one of each; and what only it does:
//! recovery.

use std::ops::Range;

use ipc_ring::mpmc::{Builder, Consumer, Lent, PopError, Producer, PushError};
use ipc_ring::platform::Site;
use ipc_ring::{Domain, WaitStrategy, fault};

use crate::items::{Item, number, pops_items};
use crate::queue::{Popped, Pushed, Queue};
use crate::spsc_common::payload;
use crate::stepping::Victim;
use crate::sweep::{Case, Killed, Place, Survivor};

#[derive(Debug)]
pub struct Mpmc;

fn builder(place: &Place) -> Builder<Item> {
    Builder::new("queue").domain(&Domain::open(&place.domain).unwrap()).capacity(4).wait(WaitStrategy::Sleep)
}

fn popped(answer: Result<Item, PopError>) -> Popped {
    match answer {
        Ok(item) => Popped::Number(number(&item)),
        Err(PopError::Empty | PopError::Busy { .. }) => Popped::Empty,
        Err(PopError::PeerGone(_)) => Popped::Gone,
        Err(PopError::Closed) => Popped::Closed,
        Err(other) => panic!("{other}"),
    }
}

fn pushed(answer: Result<(), PushError<Item>>) -> Pushed {
    match answer {
        Ok(()) => Pushed::Yes,
        Err(PushError::Full(_) | PushError::Busy(..)) => Pushed::Full,
        Err(PushError::PeerGone(..)) => Pushed::Gone,
        Err(PushError::Closed(_)) => Pushed::Closed,
        Err(other) => panic!("{other}"),
    }
}

impl Queue for Mpmc {
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
        let items: Vec<Item> = numbers.map(payload).collect();
        assert_eq!(producer.try_push_slice(&items).unwrap(), items.len());
    }

    const CLAIM: Option<fn(&mut Self::Producer, u64, bool)> = None;

    pops_items!();
    fn view(consumer: &mut Self::Consumer) {
        let look = |lent: &Lent<'_, _>| {
            number(&lent.read());
            crate::hand::book(1);
        };
        consumer.try_pop_with(look).unwrap();
    }

    const GIVE_BACK: Option<fn(&mut Self::Consumer)> = None;

    fn recover(consumer: &mut Self::Consumer) {
        consumer.recover().unwrap();
    }

    fn close_producer(producer: Self::Producer) {
        producer.close();
    }

    fn close_consumer(consumer: Self::Consumer) {
        consumer.close();
    }

    fn detach_producer(producer: Self::Producer) {
        drop(producer);
    }

    fn detach_consumer(consumer: Self::Consumer) {
        drop(consumer);
    }
}

/// A recoverer dies while cleaning up after a producer and a consumer that each died holding a slot.
pub fn recoverers() -> Vec<Case> {
    vec![Case {
        name: "recover".to_owned(),
        sleeps: false,
        is_long: false,
        prepare: Box::new(|place| {
            let (mut producer, consumer) = (Mpmc::producer(place), Mpmc::consumer(place));
            for number in 0..3 {
                assert_eq!(Mpmc::try_push(&mut producer, number), Pushed::Yes);
            }
            let victim = Victim::start(
                |mark| {
                    let (mut producer, mut consumer) = (Mpmc::producer(place), Mpmc::consumer(place));
                    consumer
                        .try_pop_with(|lent| {
                            assert_eq!(number(&lent.read()), 0);
                            fault::arm(Site::MpmcClaimed, 0);
                            mark();
                            let _ = producer.try_push(payload(99));
                        })
                        .unwrap();
                },
                || {},
            );
            victim.dies_by_itself();
            Box::new(Recovered { producer, consumer })
        }),
        live: Box::new(|place, mark| {
            let mut recoverer = Mpmc::producer(place);
            mark();
            recoverer.recover().unwrap();
            mark();
        }),
    }]
}

struct Recovered {
    producer: Producer<Item>,
    consumer: Consumer<Item>,
}

impl Survivor for Recovered {
    fn judge(self: Box<Self>, _: Killed) {
        let Recovered { producer, mut consumer } = *self;
        let mut numbers = Vec::new();
        while numbers.len() < 3 {
            match Mpmc::pop(&mut consumer) {
                Popped::Number(number) => numbers.push(number),
                other => panic!("{other:?} after {numbers:?}"),
            }
        }
        numbers.sort_unstable();
        assert_eq!(numbers, [0, 1, 2]);
        consumer.recover().unwrap();
        crate::survivors::serve::<Mpmc>(producer, consumer);
    }
}
