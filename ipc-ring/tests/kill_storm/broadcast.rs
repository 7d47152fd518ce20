//! The rings of one publisher and many subscribers, each of which gets every message or a count of those that
//! it missed.

use std::ops::Range;
use std::time::Duration;

use ipc_ring::broadcast::{Builder, PopError, Publisher, Subscriber};
use ipc_ring::{Domain, Lifetime, WaitStrategy};

use super::chronicle::missed;
use super::patience::patiently;
use super::rings::{How, NAME, PATIENCE, Ring};
use super::spsc_common::{check, payload};

type Item = [u8; 48];

/// The publisher waits for the slowest.
pub struct Gated;
/// The publisher does not wait.
pub struct Lossy;

fn builder(domain: &Domain, wait: WaitStrategy) -> Builder<Item> {
    Builder::new(NAME).domain(domain).wait(wait).capacity(64)
}

fn pop(subscriber: &mut Subscriber<Item>, most: usize) -> Option<Vec<u64>> {
    let mut items = vec![[0; 48]; most];
    let popped = if most == 1 {
        subscriber.pop_timeout(PATIENCE).map(|item| {
            items[0] = item;
            1
        })
    } else {
        subscriber.try_pop_slice(&mut items)
    };
    let number = |item: &Item| {
        let message = u64::from_le_bytes(*item.first_chunk().unwrap());
        check(item, message);
        message
    };
    match popped {
        Ok(count) => Some(items[..count].iter().map(number).collect()),
        Err(PopError::Missed(what)) => Some(vec![missed(what.count)]),
        Err(PopError::PeerGone(_)) => None,
        Err(PopError::Empty | PopError::TimedOut) => Some(Vec::new()),
        Err(other) => panic!("{other}"),
    }
}

impl Ring for Gated {
    type Producer = Publisher<Item>;
    type Consumer = Subscriber<Item>;

    fn producer(domain: &Domain, how: How) -> Self::Producer {
        patiently(|| builder(domain, how.0).gated().create_sender())
    }

    fn consumer(domain: &Domain, how: How) -> Self::Consumer {
        patiently(|| builder(domain, how.0).gated().create_receiver())
    }

    fn push(producer: &mut Self::Producer, messages: Range<u64>) -> u64 {
        let count = messages.end - messages.start;
        producer.push_slice(&messages.map(payload).collect::<Vec<Item>>()).unwrap();
        count
    }

    fn pop(consumer: &mut Self::Consumer, most: usize) -> Option<Vec<u64>> {
        pop(consumer, most)
    }

    fn leave(producer: Self::Producer) {
        producer.detach();
    }
}

impl Ring for Lossy {
    type Producer = Publisher<Item>;
    type Consumer = Subscriber<Item>;

    fn producer(domain: &Domain, how: How) -> Self::Producer {
        patiently(|| builder(domain, how.0).lossy().create_sender())
    }

    fn consumer(domain: &Domain, how: How) -> Self::Consumer {
        patiently(|| builder(domain, how.0).lossy().create_receiver())
    }

    fn push(producer: &mut Self::Producer, messages: Range<u64>) -> u64 {
        // Not so fast that its diary is full at once.
        std::thread::sleep(Duration::from_micros(5));
        Gated::push(producer, messages)
    }

    fn pop(consumer: &mut Self::Consumer, most: usize) -> Option<Vec<u64>> {
        pop(consumer, most)
    }

    fn leave(producer: Self::Producer) {
        producer.detach();
    }
}

/// How the subscriber in the test's own process waits, which sees every message.
pub const WITNESS: How = (WaitStrategy::Sleep, Lifetime::Ephemeral);
