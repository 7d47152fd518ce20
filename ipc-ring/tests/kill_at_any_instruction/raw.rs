//! Ends that move bytes, as a queue: the same guarantees, wherever the type is known.

use std::ops::Range;

use ipc_ring::broadcast::{Mode, Start};
use ipc_ring::layout::Kind;
use ipc_ring::raw::{Builder, RawReceiver, RawSender, ReceiveError, SendError};
use ipc_ring::{Domain, ElementType, PopError, PushError, WaitStrategy};

use crate::hand;
use crate::items::{Item, number};
use crate::queue::{Popped, Pushed, Queue};
use crate::spsc_common::payload;
use crate::subscribers::Subscribing;
use crate::sweep::Place;

/// Of the kind with this number.
#[derive(Debug)]
pub struct Raw<const KIND: u32>;

pub const SPSC: u32 = Kind::Spsc as u32;
pub const MPMC: u32 = Kind::Mpmc as u32;
pub const BROADCAST: u32 = Kind::Broadcast as u32;

fn builder(place: &Place, kind: u32) -> Builder {
    let kind = [Kind::Spsc, Kind::Mpmc, Kind::Broadcast]
        .into_iter()
        .find(|each| *each as u32 == kind)
        .expect("a kind with raw ends");
    let element = ElementType::new(size_of::<Item>(), 1, "[u8;41]").unwrap();
    let builder = Builder::new("queue").domain(&Domain::open(&place.domain).unwrap());
    builder.kind(kind).element(&element).capacity(4).mode(Mode::Gated).wait(WaitStrategy::Sleep)
}

fn popped(answer: Result<Item, ReceiveError>) -> Popped {
    match answer {
        Ok(item) => Popped::Number(number(&item)),
        Err(ReceiveError::Pop(PopError::Empty | PopError::Busy { .. })) => Popped::Empty,
        Err(ReceiveError::Pop(PopError::PeerGone(_))) => Popped::Gone,
        Err(ReceiveError::Pop(PopError::Closed)) => Popped::Closed,
        Err(other) => panic!("{other}"),
    }
}

fn pushed(answer: Result<(), SendError>) -> Pushed {
    match answer {
        Ok(()) => Pushed::Yes,
        Err(SendError::Push(PushError::Full(_) | PushError::Busy(..))) => Pushed::Full,
        Err(SendError::Push(PushError::PeerGone(..))) => Pushed::Gone,
        Err(SendError::Push(PushError::Closed(_))) => Pushed::Closed,
        Err(other) => panic!("{other}"),
    }
}

fn try_receive(receiver: &mut RawReceiver) -> Result<Item, ReceiveError> {
    let mut item = [0; size_of::<Item>()];
    receiver.try_receive(&mut item).map(|_| item)
}

impl<const KIND: u32> Queue for Raw<KIND> {
    type Producer = RawSender;
    type Consumer = RawReceiver;

    fn producer(place: &Place) -> RawSender {
        builder(place, KIND).create_sender().unwrap()
    }

    fn consumer(place: &Place) -> RawReceiver {
        builder(place, KIND).create_receiver().unwrap()
    }

    fn try_push(sender: &mut RawSender, number: u64) -> Pushed {
        pushed(sender.try_send(&payload::<41>(number)))
    }

    fn push(sender: &mut RawSender, number: u64) -> Pushed {
        pushed(sender.send(&payload::<41>(number)))
    }

    fn push_batch(sender: &mut RawSender, numbers: Range<u64>) {
        numbers.for_each(|number| assert_eq!(Self::push(sender, number), Pushed::Yes));
    }

    const CLAIM: Option<fn(&mut RawSender, u64, bool)> = None;

    fn try_pop(receiver: &mut RawReceiver) -> Popped {
        popped(try_receive(receiver))
    }

    fn pop(receiver: &mut RawReceiver) -> Popped {
        let mut item = [0; size_of::<Item>()];
        popped(receiver.receive(&mut item).map(|_| item))
    }

    fn pop_batch(receiver: &mut RawReceiver, most: usize) -> u64 {
        for _ in 0..most {
            number(&try_receive(receiver).unwrap());
            hand::book(1);
        }
        most as u64
    }

    fn view(receiver: &mut RawReceiver) {
        Self::pop_batch(receiver, 1);
    }

    const GIVE_BACK: Option<fn(&mut RawReceiver)> = None;

    fn recover(receiver: &mut RawReceiver) {
        receiver.recover().unwrap();
    }

    fn close_producer(sender: RawSender) {
        sender.close();
    }

    fn close_consumer(receiver: RawReceiver) {
        receiver.close();
    }

    fn detach_producer(sender: RawSender) {
        sender.detach();
    }

    fn detach_consumer(receiver: RawReceiver) {
        drop(receiver);
    }
}

impl Subscribing for Raw<BROADCAST> {
    fn subscriber_from_the_oldest(place: &Place) -> RawReceiver {
        builder(place, BROADCAST).start(Start::Oldest).create_receiver().unwrap()
    }
}
