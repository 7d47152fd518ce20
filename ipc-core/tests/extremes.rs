//! The earliest and latest deadline, and zero and the maximum of counts: an answer or an error, never a
//! panic.

mod common;

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::namespace::isolated;
use common::watchdog;
use ipc_core::liveness::{self, DeathWatch, ProcessToken};
use ipc_core::msg::{Doorbell, MessageBuffer, MessageQueue, MessageType, RingingQueue, Select};
use ipc_core::segment::Segment;
use ipc_core::sem::{Mutex, Op, Operations, Permit, SemaphoreSet};
use ipc_core::shm::{Options, SharedMemory};
use ipc_core::{Key, Mode, RemoveOnDrop, futex};

/// As far away from now as the clock goes.
fn farthest(step: impl Fn(Instant, Duration) -> Option<Instant>) -> Instant {
    let (mut time, mut by) = (Instant::now(), Duration::MAX);
    while !by.is_zero() {
        match step(time, by) {
            Some(farther) => time = farther,
            None => by /= 2,
        }
    }
    time
}

/// Waits until each deadline that has passed, then until the latest one, which `end` ends.
fn waits(what: &str, mut wait: impl FnMut(Instant) -> bool + Send, end: impl FnOnce()) {
    let now = Instant::now();
    let second = now.checked_sub(Duration::from_secs(1)).unwrap();
    for past in [now, second, farthest(|time, by| time.checked_sub(by))] {
        assert!(!wait(past), "{what}");
    }
    let latest = farthest(|time, by| time.checked_add(by));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| wait(latest));
        thread::sleep(Duration::from_millis(3));
        end();
        assert!(waiting.join().unwrap(), "{what}");
    });
}

#[test]
fn deadlines_of_semaphores() {
    let _watchdog = watchdog("deadlines_of_semaphores");
    isolated(|| {
        let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 4, Mode::PRIVATE).unwrap());
        let set = *set;
        let post = || set.post(0).unwrap();
        let take = [Op::take(0, 1)];
        waits("perform", |until| set.perform_deadline(&take, until).unwrap(), post);
        waits("perform", |until| set.perform_deadline_interruptible(&take, until).unwrap(), post);
        waits("wait", |until| set.wait_deadline(0, until).unwrap(), post);
        let operations = Operations::default().take(0, 1);
        waits("operations", |until| operations.perform_deadline(set, until).unwrap(), post);
        waits("permit", |until| Permit::acquire_deadline(set, 0, 1, until).unwrap().is_some(), post);
        let mutex = Mutex::new(set, 1);
        let guard = mutex.lock().unwrap();
        waits("lock", |until| mutex.lock_deadline(until).unwrap().is_some(), move || drop(guard));
        let bell = Doorbell::new(set, 2);
        waits("bell", |until| bell.wait_deadline(until).unwrap(), || bell.ring().unwrap());
        let token = ProcessToken::claim(&set, 3).unwrap().unwrap();
        waits(
            "death",
            |until| DeathWatch::wait_deadline(&set, 3, until).unwrap(),
            move || token.release().unwrap(),
        );
        let word = AtomicU32::new(0);
        waits(
            "futex",
            |until| futex::wait_deadline(&word, 0, until).unwrap(),
            || {
                word.store(1, Ordering::Relaxed);
                futex::wake(&word, u32::MAX).unwrap();
            },
        );
        assert_eq!(futex::wake(&word, 0).unwrap(), 0);
    });
}

#[test]
fn deadlines_of_queues() {
    let _watchdog = watchdog("deadlines_of_queues");
    isolated(|| {
        let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE).unwrap());
        let bells = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE).unwrap());
        let queue = *queue;
        queue.set_capacity_bytes(1).unwrap();
        let ringing = RingingQueue::new(queue, Doorbell::new(*bells, 0), Doorbell::new(*bells, 1));
        let mut message = MessageBuffer::with_capacity(1);
        message.set(MessageType::ONE, b"x").unwrap();
        let buffer = || MessageBuffer::with_capacity(1);
        let send = || assert!(queue.try_send(&message).unwrap());
        let receive = || assert!(queue.try_receive(&mut buffer(), Select::Any).unwrap());
        waits("receive", |until| queue.receive_deadline(&mut buffer(), Select::Any, until).unwrap(), send);
        waits(
            "ringing receive",
            |until| ringing.receive_deadline(&mut buffer(), Select::Any, until).unwrap(),
            send,
        );
        // Full from here on.
        send();
        waits("send", |until| queue.send_deadline(&message, until).unwrap(), receive);
        waits(
            "send bytes",
            |until| queue.send_bytes_deadline(MessageType::ONE, b"x", until).unwrap(),
            receive,
        );
        waits("ringing send", |until| ringing.send_deadline(&message, until).unwrap(), receive);
        for index in [1, usize::MAX / 2, usize::MAX] {
            let _ = queue.peek(&mut buffer(), index);
        }
        for bytes in [0, u64::MAX / 2, u64::MAX] {
            let _ = queue.set_capacity_bytes(bytes);
        }
    });
}

#[test]
fn counts() {
    let _watchdog = watchdog("counts");
    isolated(|| {
        for count in [0, 1 << 31, (1 << 32) + 1, usize::MAX / 2, usize::MAX] {
            assert!(
                SemaphoreSet::create_new(Key::PRIVATE, count, Mode::PRIVATE).is_err(),
                "{count} semaphores"
            );
        }
        for size in [0, usize::MAX / 2, usize::MAX / 2 + 1, usize::MAX - 4095, usize::MAX] {
            assert!(
                SharedMemory::create_new(Key::PRIVATE, size, &Options::default()).is_err(),
                "{size} bytes"
            );
            assert!(Segment::ephemeral(size, &Options::default()).is_err(), "{size} bytes");
        }
        let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE).unwrap());
        for index in [1, u16::MAX] {
            set.value(index).unwrap_err();
            set.set_value(index, 0).unwrap_err();
            set.post(index).unwrap_err();
            set.try_wait(index).unwrap_err();
            set.last_pid(index).unwrap_err();
            set.waiting_for_increase(index).unwrap_err();
            set.waiting_for_zero(index).unwrap_err();
            liveness::is_alive(&set, index).unwrap_err();
            ProcessToken::claim(&set, index).unwrap_err();
        }
        set.set_value(0, u16::MAX).unwrap_err();
        set.set_values(&[]).unwrap_err();
        set.set_values(&[u16::MAX]).unwrap_err();
        set.perform(&[]).unwrap_err();
        let memory =
            RemoveOnDrop::new(SharedMemory::create_new(Key::PRIVATE, 4096, &Options::default()).unwrap());
        let attached = memory.attach().unwrap();
        for offset in [4096, 4097, usize::MAX / 2, usize::MAX - 7, usize::MAX] {
            attached.copy_to(offset, &[1]).unwrap_err();
            attached.copy_from(offset, &mut [0]).unwrap_err();
            assert_eq!(attached.pointer(offset, 1), None);
            assert_eq!(attached.pointer(1, offset), None);
            assert_eq!(attached.pointer(offset, usize::MAX), None);
            assert!(attached.atomic_u8(offset).is_none());
            assert!(attached.atomic_u32(offset).is_none());
            assert!(attached.atomic_u64(offset).is_none());
            assert_eq!(attached.load_u64(offset, Ordering::Relaxed), None);
        }
    });
}
