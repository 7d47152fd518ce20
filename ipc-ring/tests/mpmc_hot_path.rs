//! While no end sleeps or dies, pushing to and popping from a many-to-many ring makes no system call and
//! allocates nothing.

mod common;
mod hot_path_common;

use std::mem::MaybeUninit;

use common::{role, unique};
use hot_path_common::{ALLOCATED, GOOD, allocations, end, forbid_system_calls, must, outcome};
use ipc_ring::mpmc::{Builder, Consumer, PopError, Producer, PushError};
use ipc_ring::{Barrier, Domain, Message, WaitStrategy};

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let arguments: Vec<&str> = role.iter().map(String::as_str).collect();
    let [size, barrier] = arguments[..] else { panic!("no such role: {arguments:?}") };
    match size {
        "8" => work::<[u64; 1]>(barrier),
        "56" => work::<[u64; 7]>(barrier),
        "129" => work::<[u8; 129]>(barrier),
        "4096" => work::<[u64; 512]>(barrier),
        _ => panic!("no such size: {size}"),
    }
}

fn work<T: Message>(barrier: &str) {
    let barrier = if barrier == "fence" { Barrier::Fence } else { Barrier::Asymmetric };
    let domain = Domain::open(&unique("hot-mpmc")).unwrap();
    let builder = Builder::<T>::new("channel").domain(&domain).barrier(barrier).wait(WaitStrategy::DEFAULT);
    let first = builder.clone().capacity(16).create_sender().unwrap();
    let mut producers = [first, builder.clone().open_sender().unwrap()];
    let mut consumers = [builder.clone().open_receiver().unwrap(), builder.open_receiver().unwrap()];
    // The first laps touch pages, which is no system call, and resolve symbols, which may take some.
    once_through_everything(&mut producers, &mut consumers);
    once_through_everything(&mut producers, &mut consumers);
    forbid_system_calls();
    let before = allocations();
    (0..3000).for_each(|_| once_through_everything(&mut producers, &mut consumers));
    end(if allocations() == before { GOOD } else { ALLOCATED });
}

/// Every call that does not have to wait, by two ends on each side in turn.
fn once_through_everything<T: Message>(producers: &mut [Producer<T>; 2], consumers: &mut [Consumer<T>; 2]) {
    // SAFETY: every bit pattern is a value of a message type.
    let mut item: T = unsafe { MaybeUninit::zeroed().assume_init() };
    let mut batch = [item; 3];
    for consumer in consumers.iter_mut() {
        must(matches!(consumer.try_pop(), Err(PopError::Empty)));
    }
    for _ in 0..4 {
        for producer in producers.iter_mut() {
            must(producer.push(item).is_ok());
            must(producer.try_push_from(&item).is_ok());
        }
    }
    must(matches!(producers[0].try_push(item), Err(PushError::Full(_))));
    for _ in 0..4 {
        for consumer in consumers.iter_mut() {
            must(consumer.pop().is_ok());
            must(consumer.try_pop_into(&mut item).is_ok());
        }
    }
    for turn in 0..5 {
        must(matches!(producers[turn % 2].try_push_slice(&batch), Ok(3)));
        must(matches!(consumers[turn % 2].try_pop_slice(&mut batch), Ok(3)));
    }
    for turn in 0..20 {
        must(producers[turn % 2].push_from(&item).is_ok());
        let consumer = &mut consumers[turn / 2 % 2];
        must(consumer.try_pop_with(|lent| lent.attempt() == 0).is_ok_and(|first| first));
    }
}

#[test]
fn pushing_and_popping_make_no_system_call_and_allocate_nothing() {
    for size in ["8", "56", "129", "4096"] {
        for barrier in ["fence", "membarrier"] {
            assert_eq!(outcome(&[size, barrier]), Ok(GOOD), "{size} bytes, {barrier}");
        }
    }
}
