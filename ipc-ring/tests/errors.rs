//! The text of an error: the channel's name, what was found, what was expected, and what to do, in words.

mod common;

use std::error::Error;

use ipc_ring::{AttachErrorKind, Domain, bytes, control, latest, mpmc, pool, spsc};

/// What a `main` that returns this error prints.
fn shown(error: impl Error + 'static) -> String {
    let shown = error.to_string();
    let boxed: Box<dyn Error> = Box::new(error);
    assert_eq!(format!("{boxed:?}"), shown, "a program that returns it from main prints the sentence");
    shown
}

#[track_caller]
fn assert_says(error: impl Error + 'static, parts: &[&str]) {
    let shown = shown(error);
    for part in parts {
        assert!(shown.contains(part), "{part:?} is missing: {shown}");
    }
}

#[test]
fn a_channel_that_is_not_there_is_named_with_its_domain() {
    common::private_namespace();
    let domain = Domain::open(&common::unique("errors")).unwrap();
    let named = format!("domain {:?}", domain.name());
    let missing = spsc::Builder::<u64>::new("md.ticks").domain(&domain).open_receiver().unwrap_err();
    assert_says(
        missing,
        &["\"md.ticks\"", &named, "start its creator first", "other users", "IPC namespaces"],
    );
    let missing = pool::Stats::read_in(&domain, "frames").unwrap_err();
    assert_says(missing, &["\"frames\"", &named]);
}

#[test]
fn kinds_are_named() {
    common::private_namespace();
    let domain = Domain::open(&common::unique("errors")).unwrap();
    let named = format!("domain {:?}", domain.name());
    let _frames = bytes::Builder::new("log").domain(&domain).create_sender().unwrap();
    let other = spsc::Builder::<u64>::new("log").domain(&domain).create_receiver().unwrap_err();
    assert_says(other, &["is bytes, made by process", "not spsc as asked for", "ipc_ring::bytes"]);
    let _server = control::Builder::new("orders").domain(&domain).bind().unwrap();
    let other = mpmc::Builder::<u64>::new("orders").domain(&domain).create_receiver().unwrap_err();
    assert_says(other, &["\"orders\"", &named, "is listener, not mpmc as asked for", "ipc_ring::connect"]);
}

#[test]
fn other_types_and_capacities_say_what_to_do() {
    common::private_namespace();
    let domain = Domain::open(&common::unique("errors")).unwrap();
    let _numbers = spsc::Builder::<u64>::new("numbers").domain(&domain).capacity(8).create_sender().unwrap();
    let small = spsc::Builder::<u32>::new("numbers").domain(&domain).create_receiver().unwrap_err();
    assert_says(small, &["8 bytes aligned to 8", "`u32` has 4 bytes aligned to 4", "declare the same type"]);
    let signed = spsc::Builder::<i64>::new("numbers").domain(&domain).create_receiver().unwrap_err();
    assert_says(signed, &["elements of type `u64`", "type `i64`", "`type_name`"]);
    let few = spsc::Builder::<u64>::new("numbers").domain(&domain).capacity(4).create_receiver().unwrap_err();
    assert_says(few, &["capacity of 8 slots", "this end asks for 4", "ask for 8"]);
}

#[test]
fn limits_are_those_of_the_kind() {
    common::private_namespace();
    let domain = Domain::open(&common::unique("errors")).unwrap();
    let keys =
        latest::TableBuilder::<u64>::new("poses").domain(&domain).keys(65_537).create_sender().unwrap_err();
    assert!(
        matches!(keys.kind(), AttachErrorKind::TooLarge { capacity: 65_537, most: 65_536, .. }),
        "{keys}"
    );
    assert_says(keys, &["65537", "1 to 65536"]);
    let none = spsc::Builder::<u64>::new("none").domain(&domain).capacity(0).create_sender().unwrap_err();
    assert_says(none, &["capacity of 0", "1 to 4294967296"]);
    let large = bytes::Builder::new("large").domain(&domain).capacity(1 << 31).create_sender().unwrap_err();
    assert_says(large, &["2147483648", "1 to 1073741824"]);
    let fat = spsc::Builder::<[u8; 70_000]>::new("fat").domain(&domain).create_sender().unwrap_err();
    assert_says(fat, &["70000 bytes", "65536", "pool"]);
}

#[test]
fn what_was_not_pushed_or_popped_is_said_in_a_sentence() {
    common::private_namespace();
    let domain = Domain::open(&common::unique("errors")).unwrap();
    let builder = mpmc::Builder::<u64>::new("jobs").domain(&domain).capacity(1);
    let mut producer = builder.create_sender().unwrap();
    let mut consumer = builder.create_receiver().unwrap();
    assert_says(consumer.try_pop().unwrap_err(), &["empty"]);
    producer.try_push(1).unwrap();
    assert_says(producer.try_push(2).unwrap_err(), &["full"]);
    let builder = spsc::Builder::<u64>::new("ticks").domain(&domain).capacity(1);
    let mut producer = builder.create_sender().unwrap();
    producer.try_push(1).unwrap();
    assert_says(producer.try_push(2).unwrap_err(), &["full"]);
}

/// Every error that is public, as a program prints it that returns it from `main`.
#[test]
fn errors_without_a_channel_are_sentences_too() {
    use ipc_ring::pool::ReceiveError;
    use ipc_ring::{Forked, PopError, broadcast, call, frame};
    assert_says(Forked, &["fork", "open the channel again in the child"]);
    assert_says(broadcast::Missed { count: 3 }, &["3 messages were overwritten"]);
    assert_says(ReceiveError::Channel(PopError::Empty), &["the ring is empty"]);
    assert_says(
        ReceiveError::<PopError>::Refused(pool::Refused::NoSuchBlock { class: 1, index: 2 }),
        &["refused"],
    );
    assert_says(frame::FrameError::Checksum, &["checksum"]);
    assert_says("0x".parse::<ipc_core::Key>().unwrap_err(), &["not a key"]);
    assert_says(call::CallError::Pending, &["no reply yet"]);
    assert_says(latest::ReadError::Contended, &["faster than the copy"]);
}

#[test]
fn what_may_be_tried_again_says_so() {
    use ipc_ring::call::CallError;
    use ipc_ring::latest::ReadError;
    assert!(ReadError::Contended.is_retryable() && !ReadError::Closed.is_retryable());
    assert!(CallError::Pending.is_retryable() && !CallError::NothingAsked.is_retryable());
}
