//! Queues with bells, with the other side killed before it could ring.

mod common;

use common::children::{SEMOP, child};
use common::namespace::isolated;
use common::steps::held_at;
use common::{far, soon};
use ipc_core::msg::{Doorbell, MessageBuffer, MessageQueue, MessageType, RingingQueue, Select};
use ipc_core::sem::SemaphoreSet;
use ipc_core::{Key, Mode, RemoveOnDrop};
use nix::libc::c_long;

/// A queue of one byte with its bells.
struct Ringing {
    queue: RemoveOnDrop<MessageQueue>,
    bells: RemoveOnDrop<SemaphoreSet>,
}

impl Ringing {
    fn create() -> Ringing {
        let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE).unwrap());
        queue.set_capacity_bytes(1).unwrap();
        let bells = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE).unwrap());
        Ringing { queue, bells }
    }

    fn handle(&self) -> RingingQueue {
        RingingQueue::new(*self.queue, Doorbell::new(*self.bells, 0), Doorbell::new(*self.bells, 1))
    }
}

fn message() -> MessageBuffer {
    let mut message = MessageBuffer::with_capacity(1);
    message.set(MessageType::ONE, b"x").unwrap();
    message
}

fn is_semaphore_call(number: c_long, _: [u64; 6]) -> bool {
    SEMOP.contains(&number)
}

/// Sends and is killed before it rings.
fn send_and_die(ringing: RingingQueue) {
    held_at(|| assert!(ringing.send_deadline(&message(), far()).unwrap()), is_semaphore_call).kill();
}

/// Takes a message and is killed before it rings.
fn receive_and_die(ringing: RingingQueue) {
    held_at(
        || assert!(ringing.receive_deadline(&mut message(), Select::Any, far()).unwrap()),
        is_semaphore_call,
    )
    .kill();
}

#[test]
fn what_came_without_a_ring_is_found_at_the_deadline() {
    isolated(|| {
        let objects = Ringing::create();
        let ringing = objects.handle();
        // Each has looked, found nothing, and is about to sleep.
        let receiver = held_at(
            || assert!(ringing.receive_deadline(&mut message(), Select::Any, soon(5)).unwrap()),
            is_semaphore_call,
        );
        send_and_die(ringing);
        receiver.go_on();

        objects.queue.send_bytes(MessageType::ONE, b"x").unwrap();
        let sender =
            held_at(|| assert!(ringing.send_deadline(&message(), soon(5)).unwrap()), is_semaphore_call);
        receive_and_die(ringing);
        sender.go_on();
        assert_eq!(objects.queue.stat().unwrap().messages(), 1);
    });
}

/// The watchdog ends a waiter that never checks by itself.
#[test]
fn what_came_without_a_ring_is_found_long_before_the_deadline() {
    isolated(|| {
        let objects = Ringing::create();
        let ringing = objects.handle();
        let receiver = child(|| {
            assert!(ringing.receive_deadline(&mut message(), Select::Any, far()).unwrap());
        });
        receiver.until_blocked_in(&SEMOP);
        send_and_die(ringing);
        receiver.join();

        objects.queue.send_bytes(MessageType::ONE, b"x").unwrap();
        // The receiver has rung for room; that must not wake the sender.
        objects.bells.set_value(1, 0).unwrap();
        let sender = child(|| assert!(ringing.send_deadline(&message(), far()).unwrap()));
        sender.until_blocked_in(&SEMOP);
        receive_and_die(ringing);
        sender.join();
        assert_eq!(objects.queue.stat().unwrap().messages(), 1);
    });
}
