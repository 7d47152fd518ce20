//! Message queues on the real kernel.

mod common;

use std::time::{Duration, Instant};

use common::children::{MSGRCV, MSGSND, child, interruptible_by_usr1};
use common::namespace::{isolated, set_kernel};
use common::{far, soon, until};
use ipc_core::msg::{Doorbell, MessageBuffer, MessageQueue, MessageType, MsgId, RingingQueue, Select};
use ipc_core::sem::SemaphoreSet;
use ipc_core::{ErrorKind, Key, Limit, Mode, RemoveOnDrop, Trust};
use nix::libc;
use nix::sys::signal::Signal;

fn create() -> RemoveOnDrop<MessageQueue> {
    RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE).expect("create"))
}

fn kind_of(number: i64) -> MessageType {
    MessageType::new(number).expect("positive")
}

fn buffer() -> MessageBuffer {
    MessageBuffer::with_capacity(8192)
}

/// Takes what the selection gives, as type and text.
fn take(queue: &MessageQueue, select: Select) -> Option<(i64, Vec<u8>)> {
    let mut buffer = buffer();
    queue
        .try_receive(&mut buffer, select)
        .unwrap()
        .then(|| (buffer.message_type().get(), buffer.bytes().to_vec()))
}

fn fill(queue: &MessageQueue, types: &[i64]) {
    for (place, &number) in types.iter().enumerate() {
        queue.send_bytes(kind_of(number), &[place as u8]).unwrap();
    }
}

#[test]
fn errors_of_creation_and_opening() {
    isolated(|| {
        let (key, trust) = (Key::random().unwrap(), Trust::same_user());
        assert_eq!(MessageQueue::open(key, &trust).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(MessageQueue::open(Key::PRIVATE, &trust).unwrap_err().kind(), ErrorKind::Invalid);
        let queue = RemoveOnDrop::new(MessageQueue::create_new(key, Mode::PRIVATE).unwrap());
        assert_eq!(
            MessageQueue::create_new(key, Mode::PRIVATE).unwrap_err().kind(),
            ErrorKind::AlreadyExists
        );
        assert_eq!(MessageQueue::open(key, &trust).unwrap(), *queue);
        assert_eq!(MessageQueue::from_id(MsgId::from_raw(-1)).stat().unwrap_err().kind(), ErrorKind::Removed);
        if set_kernel("msgmni", "1") {
            let error = MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::LimitReached(Limit::Queues));
            assert!(
                error.to_string().contains("MSGMNI (queues in this IPC namespace) is 1, 1 in use"),
                "{error}"
            );
        }
    });
}

#[test]
fn selection() {
    isolated(|| {
        let queue = create();
        fill(&queue, &[5, 3, 9, 3, 5]);
        assert_eq!(take(&queue, Select::Type(kind_of(4))), None);
        assert_eq!(take(&queue, Select::LowestUpTo(kind_of(2))), None);
        assert_eq!(take(&queue, Select::LowestUpTo(kind_of(8))), Some((3, vec![1])));
        assert_eq!(take(&queue, Select::LowestUpTo(kind_of(i64::MAX))), Some((3, vec![3])));
        assert_eq!(take(&queue, Select::Except(kind_of(5))), Some((9, vec![2])));
        assert_eq!(take(&queue, Select::Except(kind_of(5))), None);
        assert_eq!(take(&queue, Select::Type(kind_of(5))), Some((5, vec![0])));
        assert_eq!(take(&queue, Select::Any), Some((5, vec![4])));
        assert_eq!(take(&queue, Select::Any), None);
    });
}

#[test]
fn texts_of_every_length_arrive_whole() {
    isolated(|| {
        let queue = create();
        let text: Vec<u8> = (0..8192).map(|i| (i * 13 + i / 256) as u8).collect();
        let mut message = buffer();
        for length in [0, 1, 7, 8, 9, 4047, 4048, 4049, 8191, 8192] {
            queue.send_bytes(kind_of(i64::MAX), &text[..length]).unwrap();
            message.set(kind_of(1), &text[..length]).unwrap();
            queue.send(&message).unwrap();
            assert_eq!(take(&queue, Select::Any), Some((i64::MAX, text[..length].to_vec())));
            assert_eq!(take(&queue, Select::Any), Some((1, text[..length].to_vec())));
        }
    });
}

#[test]
fn a_buffer_too_small_leaves_the_message_and_the_buffer() {
    isolated(|| {
        let queue = create();
        queue.send_bytes(kind_of(7), b"12345").unwrap();
        let mut small = MessageBuffer::with_capacity(4);
        small.set(kind_of(3), b"old").unwrap();
        for _ in 0..2 {
            let error = queue.receive(&mut small, Select::Any).unwrap_err();
            assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::BufferTooSmall, Some(libc::E2BIG)));
            assert!(error.to_string().contains("MSGMAX (8192) bytes takes any"), "{error}");
            assert_eq!(queue.peek(&mut small, 0).unwrap_err().kind(), ErrorKind::BufferTooSmall);
            assert_eq!((small.message_type(), small.bytes()), (kind_of(3), &b"old"[..]));
        }
        assert_eq!(take(&queue, Select::Any), Some((7, b"12345".to_vec())));
    });
}

#[test]
fn a_sleeping_receiver_with_a_small_buffer_is_told_and_others_get_the_message() {
    isolated(|| {
        let queue = create();
        let process = child(|| {
            let error = queue.receive(&mut MessageBuffer::with_capacity(1), Select::Any).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BufferTooSmall);
        });
        process.until_blocked_in(&MSGRCV);
        queue.send_bytes(MessageType::ONE, b"long").unwrap();
        process.join();
        assert_eq!(take(&queue, Select::Any), Some((1, b"long".to_vec())));
    });
}

#[test]
fn a_message_that_never_fits_is_an_error_and_not_a_wait() {
    isolated(|| {
        let queue = create();
        queue.set_capacity_bytes(10).unwrap();
        let text = [0; 11];
        let mut message = buffer();
        message.set(MessageType::ONE, &text).unwrap();
        let errors = [
            queue.send_bytes(MessageType::ONE, &text).unwrap_err(),
            queue.send(&message).unwrap_err(),
            queue.send_interruptible(&message).unwrap_err(),
            queue.try_send(&message).unwrap_err(),
            queue.send_deadline(&message, far()).unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), ErrorKind::MessageTooLargeForQueue);
            assert!(error.to_string().contains("at most 10 bytes"), "{error}");
        }
        for length in [8193, 20000] {
            let error = queue.send_bytes(MessageType::ONE, &vec![0; length]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::LimitReached(Limit::MessageBytes));
            assert!(error.to_string().contains("MSGMAX (bytes in one message) is 8192"), "{error}");
        }
        // Ten empty messages fill a queue of ten bytes.
        for _ in 0..10 {
            assert!(queue.try_send_bytes(MessageType::ONE, b"").unwrap());
        }
        assert!(!queue.try_send_bytes(MessageType::ONE, b"").unwrap());
        // A queue of no bytes takes nothing, not even nothing.
        let none = create();
        none.set_capacity_bytes(0).unwrap();
        let error = none.send_bytes(MessageType::ONE, b"").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::MessageTooLargeForQueue);
    });
}

#[test]
fn a_capacity_above_the_limit_names_the_limit() {
    isolated(|| {
        let queue = create();
        match queue.set_capacity_bytes(16385) {
            Ok(()) => assert_eq!(queue.stat().unwrap().capacity_bytes(), 16385), // CAP_SYS_RESOURCE
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::LimitReached(Limit::QueueBytes));
                assert!(
                    error.to_string().contains("CAP_SYS_RESOURCE: MSGMNB (bytes in one queue) is 16384"),
                    "{error}"
                );
            }
        }
        // The trap: a queue made before the limit was lowered cannot even be given another mode.
        if set_kernel("msgmnb", "100") {
            match queue.set_mode(Mode::new(0o640).unwrap()) {
                // With CAP_SYS_RESOURCE; another user without it runs into the case of tests/errnos.rs.
                Ok(()) => assert_eq!(queue.stat().unwrap().permissions().mode().bits(), 0o640),
                Err(error) => assert_eq!(error.kind(), ErrorKind::LimitReached(Limit::QueueBytes)),
            }
            queue.set_capacity_bytes(100).unwrap();
            queue.set_mode(Mode::new(0o640).unwrap()).unwrap();
        }
    });
}

#[test]
fn a_full_queue_holds_up_the_sender_until_there_is_room() {
    isolated(|| {
        let queue = create();
        queue.set_capacity_bytes(10).unwrap();
        queue.send_bytes(kind_of(1), &[1; 6]).unwrap();
        let large = child(|| queue.send_bytes(kind_of(2), &[2; 6]).unwrap());
        large.until_blocked_in(&MSGSND);
        queue.send_bytes(kind_of(3), &[3; 4]).unwrap(); // a small one passes the large one that waits
        assert_eq!(take(&queue, Select::Any).unwrap().0, 1);
        large.join();
        assert_eq!(take(&queue, Select::Any).unwrap().0, 3);
        assert_eq!(take(&queue, Select::Any).unwrap().0, 2);

        queue.send_bytes(kind_of(1), &[0; 10]).unwrap();
        let unchecked = child(|| {
            let mut message = buffer();
            message.set(kind_of(4), &[4; 10]).unwrap();
            queue.send_unchecked(&message).unwrap();
        });
        unchecked.until_blocked_in(&MSGSND);
        assert_eq!(take(&queue, Select::Any).unwrap().0, 1);
        unchecked.join();
        assert_eq!(take(&queue, Select::Any).unwrap().0, 4);
    });
}

#[test]
fn removal_wakes_senders_and_receivers() {
    isolated(|| {
        let queue = MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE).unwrap();
        queue.set_capacity_bytes(1).unwrap();
        queue.send_bytes(kind_of(1), b"x").unwrap();
        let sender = child(|| {
            let error = queue.send_bytes(kind_of(1), b"y").unwrap_err();
            assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::Removed, Some(libc::EIDRM)));
        });
        let receiver = child(|| {
            let error = queue.receive(&mut buffer(), Select::Type(kind_of(2))).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Removed);
        });
        let patient = child(|| {
            let error = queue.receive_deadline(&mut buffer(), Select::Type(kind_of(2)), far()).unwrap_err();
            assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::Removed, Some(libc::EINVAL)));
        });
        sender.until_blocked_in(&MSGSND);
        receiver.until_blocked_in(&MSGRCV);
        queue.remove().unwrap();
        [sender, receiver, patient].into_iter().for_each(common::children::Child::join);
        assert_eq!(queue.try_receive(&mut buffer(), Select::Any).unwrap_err().kind(), ErrorKind::Removed);
        assert_eq!(queue.try_send_bytes(kind_of(1), b"").unwrap_err().kind(), ErrorKind::Removed);
        assert_eq!(queue.peek(&mut buffer(), 0).unwrap_err().kind(), ErrorKind::Removed);
        assert_eq!(queue.remove().unwrap_err().kind(), ErrorKind::Removed);
    });
}

#[test]
fn peeking_takes_nothing_and_leaves_no_trace() {
    isolated(|| {
        let queue = create();
        fill(&queue, &[5, 3]);
        let before = queue.stat().unwrap();
        let mut seen = buffer();
        for (place, number) in [(0, 5), (1, 3), (0, 5)] {
            assert!(queue.peek(&mut seen, place).unwrap());
            assert_eq!((seen.message_type().get(), seen.bytes()), (number, &[place as u8][..]));
        }
        for beyond in [2, usize::MAX] {
            assert!(!queue.peek(&mut seen, beyond).unwrap());
        }
        assert_eq!(queue.stat().unwrap(), before);
        assert_eq!(take(&queue, Select::Any), Some((5, vec![0])));
    });
}

#[test]
fn deadlines() {
    isolated(|| {
        let queue = create();
        let deadline = soon(20);
        assert!(!queue.receive_deadline(&mut buffer(), Select::Any, deadline).unwrap());
        assert!(Instant::now() >= deadline);
        queue.set_capacity_bytes(1).unwrap();
        assert!(queue.send_bytes_deadline(kind_of(1), b"x", soon(0)).unwrap());
        let deadline = soon(20);
        assert!(!queue.send_bytes_deadline(kind_of(1), b"y", deadline).unwrap());
        assert!(Instant::now() >= deadline);

        let receiver = child(|| {
            let mut received = buffer();
            assert!(queue.receive_deadline(&mut received, Select::Type(kind_of(2)), far()).unwrap());
            assert_eq!(received.bytes(), b"z");
        });
        std::thread::sleep(Duration::from_millis(20));
        assert!(take(&queue, Select::Any).is_some());
        queue.send_bytes(kind_of(2), b"z").unwrap();
        receiver.join();
    });
}

#[test]
fn doorbells_carry_ten_thousand_messages_through_a_queue_of_four() {
    isolated(|| {
        const MESSAGES: u64 = 10_000;
        let queue = create();
        queue.set_capacity_bytes(32).unwrap();
        let bells = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE).unwrap());
        let ringing = RingingQueue::new(*queue, Doorbell::new(*bells, 0), Doorbell::new(*bells, 1));
        let sender = child(|| {
            let mut message = MessageBuffer::with_capacity(8);
            for number in 0..MESSAGES {
                message.set(MessageType::ONE, &number.to_ne_bytes()).unwrap();
                assert!(ringing.send_deadline(&message, far()).unwrap());
            }
        });
        let mut received = MessageBuffer::with_capacity(8);
        for number in 0..MESSAGES {
            assert!(ringing.receive_deadline(&mut received, Select::Any, far()).unwrap());
            assert_eq!(received.bytes(), number.to_ne_bytes());
        }
        sender.join();
        let deadline = soon(10);
        assert!(!ringing.receive_deadline(&mut received, Select::Any, deadline).unwrap());
        assert!(Instant::now() >= deadline);
        assert!(bells.values().unwrap().iter().all(|&rung| rung <= 1)); // a bell never counts up
    });
}

#[test]
fn signals_every_ten_milliseconds_lose_no_message() {
    isolated(|| {
        const MESSAGES: u64 = 200;
        let queue = create();
        queue.set_capacity_bytes(16).unwrap();
        interruptible_by_usr1();
        let receiver = child(|| {
            let mut received = buffer();
            for number in 0..MESSAGES {
                queue.receive(&mut received, Select::Any).unwrap();
                assert_eq!(received.bytes(), number.to_ne_bytes());
            }
        });
        let sender = child(|| {
            for number in 0..MESSAGES {
                queue.send_bytes(MessageType::ONE, &number.to_ne_bytes()).unwrap();
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        for _ in 0..20 {
            receiver.signal(Signal::SIGUSR1);
            sender.signal(Signal::SIGUSR1);
            std::thread::sleep(Duration::from_millis(10));
        }
        sender.join();
        receiver.join();
        assert_eq!(queue.stat().unwrap().messages(), 0);
    });
}

#[test]
fn blocked_calls_go_on_after_a_signal_and_interruptible_ones_come_back() {
    isolated(|| {
        let queue = create();
        queue.set_capacity_bytes(1).unwrap();
        queue.send_bytes(kind_of(1), b"x").unwrap();
        interruptible_by_usr1();
        let steadfast = child(|| queue.receive(&mut buffer(), Select::Type(kind_of(2))).unwrap());
        let receiver = child(|| {
            let error = queue.receive_interruptible(&mut buffer(), Select::Type(kind_of(3))).unwrap_err();
            assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::Interrupted, Some(libc::EINTR)));
        });
        let sender = child(|| {
            let error = queue.send_interruptible(&buffer()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Interrupted);
        });
        steadfast.until_blocked_in(&MSGRCV);
        receiver.until_blocked_in(&MSGRCV);
        sender.until_blocked_in(&MSGSND);
        for _ in 0..5 {
            steadfast.signal(Signal::SIGUSR1);
            steadfast.until_blocked_in(&MSGRCV);
        }
        receiver.signal(Signal::SIGUSR1);
        sender.signal(Signal::SIGUSR1);
        receiver.join();
        sender.join();
        assert!(take(&queue, Select::Type(kind_of(1))).is_some());
        queue.send_bytes(kind_of(2), b"").unwrap();
        steadfast.join();
    });
}

#[test]
fn the_record_tells_who_and_when() {
    isolated(|| {
        let queue = create();
        let sender = child(|| queue.send_bytes(kind_of(1), b"hello").unwrap());
        let pid = sender.pid();
        sender.join();
        let stat = queue.stat().unwrap();
        assert_eq!((stat.messages(), stat.bytes()), (1, 5));
        assert_eq!((stat.last_sender_pid(), stat.last_receiver_pid()), (Some(pid), None));
        assert!(stat.sent_at().is_some() && stat.received_at().is_none());
        take(&queue, Select::Any).unwrap();
        let stat = queue.stat().unwrap();
        assert_eq!(stat.last_receiver_pid(), Some(std::process::id()));
        assert!(stat.received_at().is_some());
    });
}

#[test]
fn a_thread_that_slept_leaves_its_thread_id() {
    isolated(|| {
        let queue = create();
        std::thread::scope(|scope| {
            let (tell, told) = std::sync::mpsc::channel();
            let handle = *queue;
            let waiter = scope.spawn(move || {
                tell.send(nix::unistd::gettid()).unwrap();
                handle.receive(&mut buffer(), Select::Any).unwrap();
            });
            let thread = told.recv().unwrap();
            common::children::until_blocked_in(&format!("/proc/self/task/{thread}"), &MSGRCV);
            queue.send_bytes(kind_of(1), b"").unwrap();
            waiter.join().unwrap();
            let last = queue.stat().unwrap().last_receiver_pid();
            assert_eq!(last, Some(thread.as_raw().cast_unsigned()));
            assert_ne!(last, Some(std::process::id()));
        });
    });
}

#[test]
fn an_identifier_used_again_is_another_queue() {
    isolated(|| {
        let old = MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE).unwrap();
        old.remove().unwrap();
        if !set_kernel("msg_next_id", &old.id().to_string()) {
            return;
        }
        assert_eq!(ipc_core::limits::Settings::read().next_queue_id, Some(old.id().as_raw()));
        let key = Key::random().unwrap();
        let new = RemoveOnDrop::new(MessageQueue::create_new(key, Mode::PRIVATE.others_read()).unwrap());
        assert_eq!(new.id(), old.id()); // forced
        // The old handle now names the new object: that is why verify exists.
        assert_eq!(old.stat().unwrap().permissions().key(), key);
        assert_eq!(old.verify(&Trust::same_user()).unwrap_err().kind(), ErrorKind::Untrusted);
        until(|| ipc_core::limits::Settings::read().next_queue_id == Some(-1)); // asked for once only
    });
}

#[test]
fn a_buffer_has_the_room_that_was_asked_for_or_is_none() {
    for bytes in [0, 1, 8192, 1 << 20] {
        let buffer = MessageBuffer::try_with_capacity(bytes).unwrap();
        assert_eq!((buffer.capacity(), buffer.bytes().len()), (bytes, 0));
    }
    let half = usize::MAX / 2;
    for bytes in [usize::MAX, usize::MAX - 7, usize::MAX - 8, half, half - 7, half + 1] {
        let error = MessageBuffer::try_with_capacity(bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{error}");
        let refused = std::panic::catch_unwind(|| MessageBuffer::with_capacity(bytes).capacity());
        assert!(refused.is_err(), "{bytes}: {refused:?}");
    }
}
