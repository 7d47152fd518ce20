//! Somebody removes the kernel's objects by hand, under every waiting and every busy end: an error or nothing at all, but no
//! hang and no crash.

mod common;

use std::time::Duration;

use common::{kernel_objects, private_namespace, unique};
use ipc_core::ErrorKind;
use ipc_core::sem::{SemId, SemaphoreSet};
use ipc_core::shm::{SharedMemory, ShmId};
use ipc_ring::{Domain, WaitStrategy, bytes, mpmc, spsc};

/// Removes every set and every segment of this name space: the domain's both, and the data's once more.
fn remove_everything() {
    let (segments, sets, _) = kernel_objects();
    let id = |object: &String| object.split(' ').nth(1).unwrap().parse().unwrap();
    for set in &sets {
        SemaphoreSet::from_id(SemId::from_raw(id(set))).remove().unwrap();
    }
    for segment in &segments {
        let _ = SharedMemory::from_id(ShmId::from_raw(id(segment))).remove();
    }
}

/// What a wait came to, when the objects went away under it.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Removed,
    TimedOut,
    Something(String),
}

macro_rules! told {
    ($answer:expr, $error:ident) => {
        match $answer {
            Err($error::System(error)) if error.kind() == ErrorKind::Removed => Told::Removed,
            Err($error::TimedOut) => Told::TimedOut,
            other => Told::Something(format!("{other:?}")),
        }
    };
}

/// A wait for a message, or for room.
type Wait = Box<dyn FnOnce() -> Told + Send>;
/// Both waits of a ring, each with its other end, which lives.
type Waits = fn(&Domain, WaitStrategy, &str) -> Vec<Wait>;

const PATIENCE: Duration = Duration::from_millis(400);

fn spsc_waits(domain: &Domain, wait: WaitStrategy, name: &str) -> Vec<Wait> {
    use spsc::{PopError, PushError};
    let channel = |which: &str| {
        let builder =
            spsc::Builder::<u64>::new(&format!("{name}-{which}")).domain(domain).capacity(2).wait(wait);
        (builder.create_producer().unwrap(), builder.create_consumer().unwrap())
    };
    let (kept, mut consumer) = channel("pop");
    let (mut producer, also_kept) = channel("push");
    while producer.try_push(0).is_ok() {}
    vec![
        Box::new(move || {
            let told = told!(consumer.pop_timeout(PATIENCE), PopError);
            drop(kept);
            told
        }),
        Box::new(move || {
            let told = match producer.push_timeout(0, PATIENCE) {
                Err(PushError::System(_, error)) if error.kind() == ErrorKind::Removed => Told::Removed,
                Err(PushError::TimedOut(_)) => Told::TimedOut,
                other => Told::Something(format!("{other:?}")),
            };
            drop(also_kept);
            told
        }),
    ]
}

fn bytes_waits(domain: &Domain, wait: WaitStrategy, name: &str) -> Vec<Wait> {
    use bytes::{PopError, PushError};
    let channel = |which: &str| {
        let builder = bytes::Builder::new(&format!("{name}-{which}")).domain(domain).capacity(128).wait(wait);
        (builder.create_producer().unwrap(), builder.create_consumer().unwrap())
    };
    let (kept, mut consumer) = channel("pop");
    let (mut producer, also_kept) = channel("push");
    while producer.try_push(&[1; 8]).is_ok() {}
    vec![
        Box::new(move || {
            let told = told!(consumer.pop_timeout(PATIENCE), PopError);
            drop(kept);
            told
        }),
        Box::new(move || {
            let told = match producer.push_timeout(&[1; 8], PATIENCE) {
                Err(PushError::System((), error)) if error.kind() == ErrorKind::Removed => Told::Removed,
                Err(PushError::TimedOut(())) => Told::TimedOut,
                other => Told::Something(format!("{other:?}")),
            };
            drop(also_kept);
            told
        }),
    ]
}

fn mpmc_waits(domain: &Domain, wait: WaitStrategy, name: &str) -> Vec<Wait> {
    use mpmc::{PopError, PushError};
    let channel = |which: &str| {
        let builder =
            mpmc::Builder::<u64>::new(&format!("{name}-{which}")).domain(domain).capacity(2).wait(wait);
        (builder.create_producer().unwrap(), builder.create_consumer().unwrap())
    };
    let (kept, mut consumer) = channel("pop");
    let (mut producer, also_kept) = channel("push");
    while producer.try_push(0).is_ok() {}
    vec![
        Box::new(move || {
            let told = told!(consumer.pop_timeout(PATIENCE), PopError);
            drop(kept);
            told
        }),
        Box::new(move || {
            let told = match producer.push_timeout(0, PATIENCE) {
                Err(PushError::System(_, error)) if error.kind() == ErrorKind::Removed => Told::Removed,
                Err(PushError::TimedOut(_)) => Told::TimedOut,
                other => Told::Something(format!("{other:?}")),
            };
            drop(also_kept);
            told
        }),
    ]
}

/// Each wait in a thread of its own; then everything is removed; then what they say.
fn under(wait: WaitStrategy) -> Vec<Told> {
    private_namespace();
    let domain = Domain::open(&unique("removed")).unwrap();
    let rings: [(&str, Waits); 3] = [("spsc", spsc_waits), ("bytes", bytes_waits), ("mpmc", mpmc_waits)];
    let waits: Vec<Wait> = rings.iter().flat_map(|(name, waits)| waits(&domain, wait, name)).collect();
    let threads: Vec<_> = waits.into_iter().map(std::thread::spawn).collect();
    std::thread::sleep(Duration::from_millis(50));
    remove_everything();
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

#[test]
fn who_sleeps_is_told() {
    for told in under(WaitStrategy::Sleep) {
        assert_eq!(told, Told::Removed);
    }
}

#[test]
fn who_polls_goes_on_with_the_memory_it_has() {
    for told in under(WaitStrategy::SpinYield) {
        assert_eq!(told, Told::TimedOut);
    }
}

#[test]
fn messages_flow_on_and_the_name_starts_anew() {
    private_namespace();
    let name = unique("flow");
    let domain = Domain::open(&name).unwrap();
    let builder = spsc::Builder::<u64>::new("channel").domain(&domain).capacity(8);
    let (mut producer, mut consumer) =
        (builder.create_producer().unwrap(), builder.create_consumer().unwrap());
    remove_everything();
    for number in 0..100 {
        producer.push(number).unwrap();
        assert_eq!(consumer.pop().unwrap(), number);
    }
    // Nobody finds the old one; who opens the domain anew makes a new one.
    assert!(builder.open_consumer().is_err());
    let again = Domain::open(&name).unwrap();
    let builder = spsc::Builder::<u64>::new("channel").domain(&again).capacity(8);
    let (mut new_producer, mut new_consumer) =
        (builder.create_producer().unwrap(), builder.create_consumer().unwrap());
    new_producer.push(1).unwrap();
    producer.push(2).unwrap();
    assert_eq!((new_consumer.pop().unwrap(), consumer.pop().unwrap()), (1, 2));
}
