//! While no end sleeps, pushing and popping make no system call and allocate nothing. Both are made
//! impossible: a seccomp filter kills the process at its first system call, and an allocator counts.

mod common;
mod hot_path_common;

use std::mem::MaybeUninit;

use common::{role, unique};
use hot_path_common::{ALLOCATED, GOOD, allocations, end, forbid_system_calls, must, outcome};
use ipc_ring::spsc::{Builder, Consumer, PopError, Producer, PushError};
use ipc_ring::{Barrier, Domain, Message, WaitStrategy};
use nix::libc;

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let arguments: Vec<&str> = role.iter().map(String::as_str).collect();
    match arguments[..] {
        ["work", size, barrier] => match size {
            "8" => work::<[u64; 1]>(barrier),
            "56" => work::<[u64; 7]>(barrier),
            "129" => work::<[u8; 129]>(barrier),
            "1024" => work::<[u64; 128]>(barrier),
            "65536" => work::<[u64; 8192]>(barrier),
            _ => panic!("no such size: {size}"),
        },
        ["call"] => {
            forbid_system_calls();
            let pid = nix::unistd::getppid();
            end(pid.as_raw());
        }
        ["allocate"] => {
            let before = allocations();
            drop(std::hint::black_box(Box::new(1)));
            end(if allocations() == before { GOOD } else { ALLOCATED });
        }
        _ => panic!("no such role: {arguments:?}"),
    }
}

fn work<T: Message>(barrier: &str) {
    let barrier = if barrier == "fence" { Barrier::Fence } else { Barrier::Asymmetric };
    let domain = Domain::open(&unique("hot")).unwrap();
    let builder = Builder::<T>::new("channel").domain(&domain).barrier(barrier).wait(WaitStrategy::DEFAULT);
    let mut producer = builder.clone().capacity(16).create_sender().unwrap();
    let mut consumer = builder.open_receiver().unwrap();
    // The first laps touch pages, which is no system call, and resolve symbols, which may take some.
    once_through_everything(&mut producer, &mut consumer);
    once_through_everything(&mut producer, &mut consumer);
    forbid_system_calls();
    let before = allocations();
    let mut messages = 0;
    while messages < 100_000 {
        messages += once_through_everything(&mut producer, &mut consumer);
    }
    end(if allocations() == before { GOOD } else { ALLOCATED });
}

/// Every call that does not have to wait, at every fill level of the ring. Gives the number of messages that
/// went through.
fn once_through_everything<T: Message>(producer: &mut Producer<T>, consumer: &mut Consumer<T>) -> u64 {
    // SAFETY: every bit pattern is a value of a message type.
    let item: T = unsafe { MaybeUninit::zeroed().assume_init() };
    let mut batch = [item; 3];
    let before = consumer.popped();
    must(matches!(consumer.try_pop(), Err(PopError::Empty)));
    for _ in 0..8 {
        must(producer.push(item).is_ok());
        must(producer.try_push(item).is_ok());
    }
    must(matches!(producer.try_push(item), Err(PushError::Full(_))));
    for _ in 0..8 {
        must(consumer.pop().is_ok());
        must(consumer.try_pop().is_ok());
    }
    for _ in 0..5 {
        must(matches!(producer.try_push_slice(&batch), Ok(3)));
    }
    for _ in 0..5 {
        must(matches!(consumer.try_pop_slice(&mut batch), Ok(3)));
    }
    for _ in 0..20 {
        must(producer.try_claim().is_ok());
        match producer.try_claim() {
            Ok(mut claim) => {
                claim.write(&item);
                must(claim.commit().is_ok());
            }
            Err(_) => must(false),
        }
        match consumer.try_view() {
            Ok(view) => {
                std::hint::black_box(view.read());
                view.release();
            }
            Err(_) => must(false),
        }
    }
    must(matches!(consumer.try_view(), Err(PopError::Empty)));
    must(consumer.popped() == producer.pushed());
    consumer.popped() - before
}

#[test]
fn the_filter_kills_at_a_system_call_and_the_allocator_counts() {
    assert_eq!(outcome(&["call"]), Err(libc::SIGSYS));
    assert_eq!(outcome(&["allocate"]), Ok(ALLOCATED));
}

#[test]
fn pushing_and_popping_make_no_system_call_and_allocate_nothing() {
    for size in ["8", "56", "129", "1024", "65536"] {
        for barrier in ["fence", "membarrier"] {
            assert_eq!(outcome(&["work", size, barrier]), Ok(GOOD), "{size} bytes, {barrier}");
        }
    }
}
