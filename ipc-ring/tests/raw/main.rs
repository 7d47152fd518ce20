//! Ends that move bytes on named channels: they meet ends of a Rust type in both directions, whichever made
//! the channel, for every kind that has them.

mod call;
#[path = "../common/mod.rs"]
mod common;
mod hostile;
mod kinds;
mod latest;
mod making;
mod prefix;

use std::time::{Duration, Instant};

use common::{Role, kernel_objects, listen, private_namespace, role, say, unique};
use ipc_ring::broadcast::Mode;
use ipc_ring::describe::Description;
use ipc_ring::latest::ReadError;
use ipc_ring::raw::{Builder, RawReceiver, RawSender, ReceiveError, SendError};
use ipc_ring::zerocopy::{FromBytes, Immutable, IntoBytes};
use ipc_ring::{
    AttachErrorKind, Domain, ElementType, Message, News, PeerExit, PopError, PushError, WaitSet, Waitable,
    bytes, spsc,
};
use kinds::{KINDS, Kind, Typed, queues};

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable)]
#[zerocopy(crate = "ipc_ring::zerocopy")]
#[repr(C)]
struct Words<const N: usize>([u64; N]);

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable)]
#[zerocopy(crate = "ipc_ring::zerocopy")]
#[repr(C, align(64))]
struct Line([u8; 64]);

const CAPACITY: u64 = 4;
/// Three laps and a bit.
const ELEMENTS: u64 = 14;
/// Longer than anything takes; the watchdog fires first.
const LONG: Duration = Duration::from_secs(1000);

/// Element `number`.
fn content(number: u64, size: usize) -> Vec<u8> {
    (0..size).map(|at| (number as u8).wrapping_mul(31).wrapping_add(at as u8).wrapping_mul(7)).collect()
}

fn element<T: Message>(name: &str) -> ElementType {
    ElementType::new(size_of::<T>(), align_of::<T>(), name).unwrap()
}

fn builder(domain: &Domain, kind: &Kind) -> Builder {
    Builder::new("channel").domain(domain).kind(kind.kind).capacity(CAPACITY).mode(Mode::Gated)
}

/// Passes elements through a channel: full and empty in turn.
fn pass(send: &mut dyn FnMut(&[u8]) -> bool, receive: &mut dyn FnMut() -> Option<Vec<u8>>, size: usize) {
    let (mut sent, mut received) = (0, 0);
    while received < ELEMENTS {
        while sent < ELEMENTS && send(&content(sent, size)) {
            sent += 1;
        }
        assert!(sent == ELEMENTS || sent - received == CAPACITY, "full with {} elements", sent - received);
        for _ in 0..3.min(sent - received) {
            assert_eq!(receive(), Some(content(received, size)), "element {received} of {size} bytes");
            received += 1;
        }
    }
    assert_eq!(receive(), None);
}

fn try_send(sender: &mut RawSender, element: &[u8]) -> bool {
    match sender.try_send(element) {
        Ok(()) => true,
        Err(SendError::Push(PushError::Full(()))) => false,
        Err(other) => panic!("{other}"),
    }
}

fn try_receive(receiver: &mut RawReceiver) -> Option<Vec<u8>> {
    let mut place = vec![0; receiver.element().size()];
    match receiver.try_receive(&mut place) {
        Ok(_) => Some(place),
        Err(ReceiveError::Pop(PopError::Empty)) => None,
        Err(other) => panic!("{other}"),
    }
}

/// Raw to typed, typed to raw and raw to raw, whichever of the two made the channel.
fn meet<T: Message + Sync>(kind: &Kind, typed: &Typed, name: &str) {
    let size = size_of::<T>();
    let domain = Domain::open(&unique("meet")).unwrap();
    let known = builder(&domain, kind).element(&element::<T>(name));
    let learning = Builder::new("channel").domain(&domain);

    // The raw end makes it.
    let mut sender = known.create_sender().unwrap();
    let mut taker = (typed.taker)(&domain);
    pass(&mut |element| try_send(&mut sender, element), &mut || taker.take(), size);
    drop((sender, taker));
    // The typed one does, and the other learns its type from it.
    let mut giver = (typed.giver)(&domain);
    let mut receiver = learning.open_receiver().unwrap();
    assert_eq!((receiver.kind(), receiver.capacity()), (kind.kind, CAPACITY));
    let (found, own) = (receiver.element(), element::<T>(name));
    assert_eq!((found.size(), found.align()), (size, align_of::<T>()));
    assert_eq!((found.fingerprint(), found.description()), (own.fingerprint(), None));
    pass(&mut |element| giver.give(element), &mut || try_receive(&mut receiver), size);
    drop((giver, receiver));
    // Both are raw.
    let mut receiver = known.create_receiver().unwrap();
    let mut sender = learning.open_sender().unwrap();
    pass(&mut |element| try_send(&mut sender, element), &mut || try_receive(&mut receiver), size);
    drop((sender, receiver, learning, known, domain));
    assert_eq!(kernel_objects(), (vec![], vec![], vec![]), "{}", kind.name);
}

#[test]
fn raw_and_typed_ends_meet_in_both_directions() {
    private_namespace();
    for kind in queues() {
        meet::<u8>(kind, &(kind.typed.u8)(), "u8");
        meet::<[u8; 7]>(kind, &(kind.typed.seven)(), "[u8;7]");
        meet::<u64>(kind, &(kind.typed.u64)(), "u64");
        meet::<Words<3>>(kind, &(kind.typed.words)(), "Words<3>");
        meet::<[u8; 56]>(kind, &(kind.typed.fifty_six)(), "[u8;56]");
        meet::<Line>(kind, &(kind.typed.line)(), "Line");
        meet::<[u8; 4096]>(kind, &(kind.typed.page)(), "[u8;4096]");
        meet::<[u8; 65536]>(kind, &(kind.typed.largest)(), "[u8;65536]");
    }
}

/// A slice that is no element is refused, and nothing is lost by it.
#[test]
fn a_slice_of_another_length_is_an_error() {
    private_namespace();
    for kind in &KINDS {
        let domain = Domain::open(&unique("length")).unwrap();
        let known = builder(&domain, kind).element(&element::<u64>("u64"));
        let (mut sender, mut receiver) = (known.create_sender().unwrap(), known.open_receiver().unwrap());
        sender.send(&content(0, 8)).unwrap();
        for length in [0, 1, 7, 9, 4096] {
            let given = vec![0xff; length];
            let refused = [
                sender.try_send(&given),
                sender.send(&given),
                sender.send_deadline(&given, Instant::now()),
                sender.send_timeout(&given, Duration::ZERO),
            ];
            for refused in refused {
                let told = refused.unwrap_err();
                assert!(
                    matches!(told, SendError::WrongSize { given, element: 8 } if given == length),
                    "{told}"
                );
            }
            let mut place = vec![0xee; length];
            let refused = receiver.receive(&mut place).unwrap_err();
            assert!(matches!(refused, ReceiveError::WrongSize { given, element: 8 } if given == length));
            assert!(receiver.try_receive(&mut place).is_err() && place.iter().all(|byte| *byte == 0xee));
            assert_eq!(
                refused.to_string(),
                format!(
                    "a slice of {length} bytes was given, and an element of the channel has 8: give one of 8"
                )
            );
        }
        assert_eq!(try_receive(&mut receiver), Some(content(0, 8)), "{}", kind.name);
        assert_eq!(try_receive(&mut receiver), None);
    }
}

/// An end that states what it expects gets the same error as a Rust type with that difference.
#[test]
fn other_elements_are_refused_as_for_a_type() {
    private_namespace();
    for kind in &KINDS {
        let domain = Domain::open(&unique("other")).unwrap();
        let u64s = builder(&domain, kind).element(&element::<u64>("u64"));
        let _sender = u64s.create_sender().unwrap();
        let open = |size, align, name: &str| {
            let element = ElementType::new(size, align, name).unwrap();
            Builder::new("channel").domain(&domain).element(&element).open_receiver().unwrap_err()
        };
        for (raw, typed) in [
            (open(4, 4, "u32"), (kind.refused.u32)(&domain)),
            (open(8, 1, "[u8;8]"), (kind.refused.bytes)(&domain)),
            (open(8, 8, "i64"), (kind.refused.i64)(&domain)),
        ] {
            assert_eq!(raw.to_string(), typed.to_string(), "{}", kind.name);
        }
        let _bytes = bytes::Builder::new("bytes").domain(&domain).create_sender().unwrap();
        for asked in [Builder::new("bytes"), Builder::new("bytes").kind(kind.kind)] {
            let error = asked.domain(&domain).open_receiver().unwrap_err();
            assert!(matches!(error.kind(), AttachErrorKind::Kind { .. }), "{error}");
            assert!(error.to_string().contains("open it by ipc_ring::bytes"), "{error}");
        }
        let error = Builder::new("nothing").domain(&domain).create_sender().unwrap_err();
        assert!(matches!(error.kind(), AttachErrorKind::NotFound), "{error}");
    }
}

/// A channel that a raw end makes carries the description it was given.
#[test]
fn a_description_makes_a_channel() {
    private_namespace();
    let tick: Description = "type md.Tick/2 size 16 align 8\n0 u64 time_ns\n8 i64 price\n".parse().unwrap();
    let other: Description = "type md.Tick/2 size 16 align 8\n0 u64 time_ns\n8 f64 price\n".parse().unwrap();
    for kind in &KINDS {
        let domain = Domain::open(&unique("makes")).unwrap();
        let sender = builder(&domain, kind).description(&tick).create_sender().unwrap();
        assert_eq!(sender.element().description(), Some(&tick));
        let open =
            |description| Builder::new("channel").domain(&domain).description(description).open_receiver();
        let error = open(&other).unwrap_err();
        assert!(error.to_string().contains("field `price` is i64, expected f64"), "{error}");
        assert_eq!(open(&tick).unwrap().element().description(), Some(&tick), "{}", kind.name);
    }
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let [what, kind, domain] = &role.iter().map(String::as_str).collect::<Vec<_>>()[..] else {
        panic!("no such role: {role:?}")
    };
    let kind = KINDS.iter().find(|each| each.name == *kind).unwrap();
    let domain = Domain::open(domain).unwrap();
    let known = builder(&domain, kind).element(&element::<u64>("u64"));
    match *what {
        "send" => {
            let mut sender = known.create_sender().unwrap();
            for number in 0..3 {
                sender.send(&content(number, 8)).unwrap();
            }
            say("sent");
            listen();
        }
        "receive" => {
            let mut receiver = known.create_receiver().unwrap();
            say("there");
            let mut place = [0; 8];
            receiver.receive(&mut place).unwrap();
            assert_eq!(place[..], content(0, 8)[..]);
            say("received");
            listen();
        }
        other => panic!("no such role: {other}"),
    }
}

/// Deaths are reported, everything sent is there, and a successor continues.
#[test]
fn a_death_is_told_and_followed_by_a_successor() {
    private_namespace();
    for kind in queues() {
        let domain = Domain::open(&unique("death")).unwrap();
        let known = builder(&domain, kind).element(&element::<u64>("u64"));
        let mut receiver = known.create_receiver().unwrap();
        let mut sender = Role::start("send", &[kind.name, domain.name()]);
        assert_eq!(sender.hear(), "sent");
        sender.kill();
        let mut place = [0; 8];
        for number in 0..3 {
            let received = receiver.receive_timeout(&mut place, LONG).unwrap();
            assert_eq!(place[..], content(number, 8)[..], "{}", kind.name);
            assert!(received.sequence.is_none_or(|sequence| sequence == number), "{received:?}");
        }
        let told = receiver.receive_timeout(&mut place, LONG).unwrap_err();
        let is_death =
            matches!(told, ReceiveError::Pop(PopError::PeerGone(PeerExit::Died { .. } | PeerExit::All)));
        assert!(is_death, "{}: {told}", kind.name);
        let mut successor = known.open_sender().unwrap();
        successor.send(&content(7, 8)).unwrap();
        receiver.receive(&mut place).unwrap();
        assert_eq!(place[..], content(7, 8)[..], "{}", kind.name);
        successor.close();
        let told = receiver.receive(&mut place).unwrap_err();
        assert!(matches!(told, ReceiveError::Pop(PopError::Closed)), "{}: {told}", kind.name);
    }
}

/// A sleeping receiver is woken by a message, by its interrupter, and by its deadline.
#[test]
fn waits_end_by_an_element_a_deadline_and_an_interrupter() {
    private_namespace();
    for kind in &KINDS {
        let domain = Domain::open(&unique("wait")).unwrap();
        let known =
            builder(&domain, kind).element(&element::<u64>("u64")).wait(ipc_ring::WaitStrategy::Sleep);
        let mut sender = known.create_sender().unwrap();
        let mut other = Role::start("receive", &[kind.name, domain.name()]);
        assert_eq!(other.hear(), "there");
        common::wait_for_a_sleeper();
        sender.send(&content(0, 8)).unwrap();
        assert_eq!(other.hear(), "received");
        other.tell("go");
        other.finish();

        let mut receiver = known.open_receiver().unwrap();
        let mut place = [0; 8];
        while receiver.try_receive(&mut place).is_ok() {} // What a latecomer finds.
        let told = receiver.receive_timeout(&mut place, Duration::from_millis(1)).unwrap_err();
        let timed_out =
            matches!(told, ReceiveError::Pop(PopError::TimedOut) | ReceiveError::Read(ReadError::TimedOut));
        assert!(timed_out && told.is_retryable(), "{}: {told}", kind.name);
        let interrupter = receiver.interrupter();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| receiver.receive(&mut place).unwrap_err());
            common::wait_for_a_sleeper();
            interrupter.interrupt().unwrap();
            let told = waiting.join().unwrap();
            let interrupted = matches!(
                told,
                ReceiveError::Pop(PopError::Interrupted) | ReceiveError::Read(ReadError::Interrupted)
            );
            assert!(interrupted, "{}: {told}", kind.name);
        });
    }
}

/// One thread waits for raw receivers of every kind.
#[test]
fn a_set_waits_for_receivers_of_all_kinds() {
    private_namespace();
    let domain = Domain::open(&unique("set")).unwrap();
    let mut ends: Vec<(RawSender, RawReceiver)> = KINDS
        .iter()
        .map(|kind| {
            let known = Builder::new(kind.name).domain(&domain).kind(kind.kind).capacity(CAPACITY);
            let known = known.element(&element::<u64>("u64")).wait(ipc_ring::WaitStrategy::Sleep);
            (known.create_sender().unwrap(), known.open_receiver().unwrap())
        })
        .collect();
    let mut set = WaitSet::new(&domain).unwrap();
    for (index, kind) in KINDS.iter().enumerate() {
        let (senders, mut receivers): (Vec<_>, Vec<_>) =
            ends.iter_mut().map(|(sender, receiver)| (sender, receiver as &mut dyn Waitable)).unzip();
        let event = std::thread::scope(|scope| {
            let sender = senders.into_iter().nth(index).unwrap();
            scope.spawn(move || {
                common::wait_for_a_sleeper();
                sender.send(&content(7, 8)).unwrap();
            });
            set.wait(&mut receivers, None).unwrap()
        });
        assert_eq!((event.index, event.news), (index, News::Ready), "{}", kind.name);
        let mut place = [0; 8];
        ends[index].1.try_receive(&mut place).unwrap();
        assert_eq!(place[..], content(7, 8)[..], "{}", kind.name);
    }
}

/// A raw receiver that was there first adopts the channel that a typed producer chooses.
#[test]
fn a_receiver_follows_who_chooses() {
    private_namespace();
    let domain = Domain::open(&unique("follow")).unwrap();
    let known = Builder::new("channel").domain(&domain).kind(ipc_ring::layout::Kind::Spsc);
    let mut receiver = known.element(&element::<u64>("u64")).create_receiver().unwrap();
    let builder = spsc::Builder::<u64>::new("channel").domain(&domain).capacity(8192).described();
    let mut producer = builder.create_sender().unwrap();
    producer.push(7).unwrap();
    let mut place = [0; 8];
    receiver.receive_timeout(&mut place, LONG).unwrap();
    assert_eq!(u64::from_ne_bytes(place), 7);
    assert_eq!(receiver.capacity(), 8192);
}
