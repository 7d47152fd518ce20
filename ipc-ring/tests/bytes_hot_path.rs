//! While no end sleeps, pushing frames and popping them into a buffer make no system call and allocate
//! nothing.

mod common;
mod hot_path_common;

use std::io::IoSlice;

use common::{role, unique};
use hot_path_common::{ALLOCATED, GOOD, allocations, end, forbid_system_calls, must, outcome};
use ipc_ring::bytes::{Builder, Consumer, PopError, Producer, PushError};
use ipc_ring::{Barrier, Domain, WaitStrategy};

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let arguments: Vec<&str> = role.iter().map(String::as_str).collect();
    match arguments[..] {
        ["work", barrier] => work(barrier),
        _ => panic!("no such role: {arguments:?}"),
    }
}

fn work(barrier: &str) {
    let barrier = if barrier == "fence" { Barrier::Fence } else { Barrier::Asymmetric };
    let domain = Domain::open(&unique("hot-bytes")).unwrap();
    let builder = Builder::new("channel").domain(&domain).barrier(barrier).wait(WaitStrategy::DEFAULT);
    let mut producer = builder.clone().capacity(4096).create_sender().unwrap();
    let mut consumer = builder.open_receiver().unwrap();
    let frame = [7; 2040];
    let mut buffer = vec![0; 2040];
    let mut vector = Vec::with_capacity(2040);
    // The first laps touch pages, which is no system call, and resolve symbols, which may take some.
    for len in [0, 1, 100, 200, 600, 2040] {
        once(&mut producer, &mut consumer, &frame[..len], &mut buffer, &mut vector);
    }
    forbid_system_calls();
    let before = allocations();
    for round in 0..200 {
        for len in (round % 7..=2040).step_by(29) {
            once(&mut producer, &mut consumer, &frame[..len], &mut buffer, &mut vector);
        }
    }
    end(if allocations() == before { GOOD } else { ALLOCATED });
}

/// Every call that does not have to wait.
fn once(
    producer: &mut Producer,
    consumer: &mut Consumer,
    frame: &[u8],
    buffer: &mut [u8],
    vector: &mut Vec<u8>,
) {
    must(matches!(consumer.try_pop_into(buffer), Err(PopError::Empty)));
    must(producer.push(frame).is_ok());
    must(matches!(consumer.pop_into(buffer), Ok(len) if len == frame.len()));
    let (front, back) = frame.split_at(frame.len() / 3);
    must(producer.push_vectored(&[IoSlice::new(front), IoSlice::new(back)]).is_ok());
    must(matches!(consumer.try_pop_vec(vector), Ok(len) if len == frame.len()));
    must(producer.try_claim(2040).is_ok());
    match producer.try_claim(2040) {
        Ok(mut claim) => {
            claim.write(0, frame);
            must(claim.commit(frame.len()).is_ok());
        }
        Err(_) => must(false),
    }
    match consumer.try_view() {
        Ok(view) => {
            view.read(0, &mut buffer[..frame.len()]);
            view.release();
        }
        Err(_) => must(false),
    }
    must(buffer[..frame.len()] == *frame);
    must(matches!(producer.try_push_batch(&[front, b"", b"x"]), Ok(3)));
    for _ in 0..3 {
        must(consumer.try_pop_into(buffer).is_ok());
    }
    let mut pushed = 0;
    while producer.try_push(frame).is_ok() {
        pushed += 1;
    }
    must(matches!(producer.try_push(frame), Err(PushError::Full(()))));
    for _ in 0..pushed {
        must(consumer.pop_into(buffer).is_ok());
    }
    must(matches!(consumer.try_view(), Err(PopError::Empty)));
}

#[test]
fn pushing_and_popping_make_no_system_call_and_allocate_nothing() {
    for barrier in ["fence", "membarrier"] {
        assert_eq!(outcome(&["work", barrier]), Ok(GOOD), "{barrier}");
    }
}
