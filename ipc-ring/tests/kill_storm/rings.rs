//! The rings that take part in the storm as queues: each message goes to one consumer.

use std::ops::Range;
use std::time::Duration;

use ipc_ring::{Domain, Lifetime, PeerExit, WaitStrategy, bytes, mpmc, spsc};

use super::bytes_common::frame;
use super::patience::patiently;
use super::spsc_common::{check, payload};

/// The channel's name in its domain.
pub const NAME: &str = "storm";

/// How an end waits, and how long the channel lives.
pub type How = (WaitStrategy, Lifetime);

/// A channel, as the storm uses it.
pub trait Ring {
    type Producer;
    type Consumer;
    fn producer(domain: &Domain, how: How) -> Self::Producer;
    fn consumer(domain: &Domain, how: How) -> Self::Consumer;
    /// Pushes these messages, from the first on; returns the number pushed.
    fn push(producer: &mut Self::Producer, messages: Range<u64>) -> u64;
    /// Pops up to this number of messages; waits for the first if there may be some. `None` when no producer
    /// is there, and no message.
    fn pop(consumer: &mut Self::Consumer, most: usize) -> Option<Vec<u64>>;
    fn leave(producer: Self::Producer);
}

/// How long a consumer waits.
pub const PATIENCE: Duration = Duration::from_millis(300);

type Item = [u8; 48];

fn number(item: &Item) -> u64 {
    let message = u64::from_le_bytes(*item.first_chunk().unwrap());
    check(item, message);
    message
}

pub struct Mpmc;

fn mpmc_builder(domain: &Domain, how: How) -> mpmc::Builder<Item> {
    mpmc::Builder::new(NAME).domain(domain).wait(how.0).capacity(16).lifetime(how.1)
}

impl Ring for Mpmc {
    type Producer = mpmc::Producer<Item>;
    type Consumer = mpmc::Consumer<Item>;

    fn producer(domain: &Domain, how: How) -> Self::Producer {
        patiently(|| mpmc_builder(domain, how).create_sender())
    }

    fn consumer(domain: &Domain, how: How) -> Self::Consumer {
        patiently(|| mpmc_builder(domain, how).create_receiver())
    }

    fn push(producer: &mut Self::Producer, messages: Range<u64>) -> u64 {
        let items: Vec<Item> = messages.map(payload).collect();
        if let [item] = items[..] {
            return match producer.push(item) {
                Ok(()) => 1,
                Err(mpmc::PushError::PeerGone(..)) => 0,
                Err(other) => panic!("{other}"),
            };
        }
        match producer.try_push_slice(&items) {
            Ok(done) => done as u64,
            Err(mpmc::PushError::Full(_) | mpmc::PushError::Busy(..)) => 0,
            Err(other) => panic!("{other}"),
        }
    }

    fn pop(consumer: &mut Self::Consumer, most: usize) -> Option<Vec<u64>> {
        let mut items = vec![[0; 48]; most];
        let popped = if most == 1 {
            consumer.pop_timeout(PATIENCE).map(|item| {
                items[0] = item;
                1
            })
        } else {
            consumer.try_pop_slice(&mut items)
        };
        match popped {
            Ok(count) => Some(items[..count].iter().map(number).collect()),
            Err(mpmc::PopError::PeerGone(_)) => None,
            Err(mpmc::PopError::Empty | mpmc::PopError::Busy { .. } | mpmc::PopError::TimedOut) => {
                Some(Vec::new())
            }
            Err(other) => panic!("{other}"),
        }
    }

    fn leave(producer: Self::Producer) {
        drop(producer);
    }
}

pub struct Spsc;

fn spsc_builder(domain: &Domain, how: How) -> spsc::Builder<Item> {
    spsc::Builder::new(NAME).domain(domain).wait(how.0).capacity(16).lifetime(how.1)
}

impl Ring for Spsc {
    type Producer = spsc::Producer<Item>;
    type Consumer = spsc::Consumer<Item>;

    fn producer(domain: &Domain, how: How) -> Self::Producer {
        patiently(|| spsc_builder(domain, how).create_sender())
    }

    fn consumer(domain: &Domain, how: How) -> Self::Consumer {
        patiently(|| spsc_builder(domain, how).create_receiver())
    }

    fn push(producer: &mut Self::Producer, messages: Range<u64>) -> u64 {
        let count = messages.end - messages.start;
        match producer.push_slice(&messages.map(payload).collect::<Vec<Item>>()) {
            Ok(()) => count,
            Err(spsc::PushError::PeerGone(done, PeerExit::Died { .. } | PeerExit::Detached)) => done as u64,
            Err(other) => panic!("{other}"),
        }
    }

    fn pop(consumer: &mut Self::Consumer, most: usize) -> Option<Vec<u64>> {
        let mut items = vec![[0; 48]; most];
        let popped = if most == 1 {
            consumer.pop_timeout(PATIENCE).map(|item| {
                items[0] = item;
                1
            })
        } else {
            consumer.try_pop_slice(&mut items)
        };
        match popped {
            Ok(count) => Some(items[..count].iter().map(number).collect()),
            Err(spsc::PopError::PeerGone(_)) => None,
            Err(spsc::PopError::Empty | spsc::PopError::TimedOut) => Some(Vec::new()),
            Err(other) => panic!("{other}"),
        }
    }

    fn leave(producer: Self::Producer) {
        producer.detach();
    }
}

pub struct Bytes;

fn bytes_builder(domain: &Domain, how: How) -> bytes::Builder {
    bytes::Builder::new(NAME).domain(domain).wait(how.0).capacity(1024).lifetime(how.1)
}

/// A frame of a length that follows from its message.
fn write(message: u64) -> Vec<u8> {
    let mut whole = message.to_le_bytes().to_vec();
    whole.extend(frame(message, (message * 37 % 180) as usize));
    whole
}

fn read(whole: &[u8]) -> u64 {
    let message = u64::from_le_bytes(*whole.first_chunk().unwrap());
    assert_eq!(whole, write(message));
    message
}

impl Ring for Bytes {
    type Producer = bytes::Producer;
    type Consumer = bytes::Consumer;

    fn producer(domain: &Domain, how: How) -> Self::Producer {
        patiently(|| bytes_builder(domain, how).create_sender())
    }

    fn consumer(domain: &Domain, how: How) -> Self::Consumer {
        patiently(|| bytes_builder(domain, how).create_receiver())
    }

    fn push(producer: &mut Self::Producer, messages: Range<u64>) -> u64 {
        let count = messages.end - messages.start;
        match producer.push_batch(&messages.map(write).collect::<Vec<_>>()) {
            Ok(()) => count,
            Err(bytes::PushError::PeerGone(done, PeerExit::Died { .. } | PeerExit::Detached)) => done as u64,
            Err(other) => panic!("{other}"),
        }
    }

    fn pop(consumer: &mut Self::Consumer, most: usize) -> Option<Vec<u64>> {
        if most > 1 {
            return Some(consumer.drain().take(most).map(|view| read(&view.to_vec())).collect());
        }
        match consumer.pop_timeout(PATIENCE) {
            Ok(whole) => Some(vec![read(&whole)]),
            Err(bytes::PopError::PeerGone(_)) => None,
            Err(bytes::PopError::Empty | bytes::PopError::TimedOut) => Some(Vec::new()),
            Err(other) => panic!("{other}"),
        }
    }

    fn leave(producer: Self::Producer) {
        producer.detach();
    }
}
