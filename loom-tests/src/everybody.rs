//! Three sleeping ends, and an event that concerns all of them: a message, a value, or the end of a stream,
//! for ends that wait alone and for sets. There are no timed checks, so a sleeper that is skipped is a
//! deadlock, which the checker reports.
//!
//! Each sleeper has a bit of the mask to itself: with fewer than three bits, a walk over them cannot skip
//! one.

use ipc_ring::platform::Barrier;
use ipc_ring::wait::WaitStrategy;
use ipc_ring::wait::together::Together;
use ipc_ring::{News, end};
use loom::thread;

use crate::kernel::{Domain, Kernel};
use crate::{Loom, Model, broadcast, latest, mpmc};

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("everybody_broadcast", 4_500, message).reaches(&["a subscriber sleeps"]),
    Model::new("everybody_latest", 10_000, value).reaches(&["sleeps"]),
    Model::new("everybody_mpmc_close", 1_400, close).bound(1).reaches(&["a consumer sleeps"]),
    Model::new("everybody_in_sets", 6_000, in_sets).reaches(&["a set sleeps"]),
];

/// Every model.
pub fn models() -> impl Iterator<Item = &'static Model> {
    MODELS.iter()
}

/// The end that publishes, and its process.
const GIVER: u32 = 1;
/// Those that sleep when it publishes.
const ASLEEP: [u32; 2] = [2, 3];
/// The one that is about to.
const AWAKE: u32 = 4;
/// Semaphores of the ends.
const SEMAPHORES: u32 = 4;
/// A bit for each sleeper.
const BITS: u16 = 3;

/// A channel of messages for three subscribers.
fn messages(domain: &std::rc::Rc<Domain>) -> broadcast::ends::Channel<broadcast::memory::Heap> {
    let shape = broadcast::memory::Shape { subscribers: 3, ..broadcast::memory::Shape::lossy(1) };
    let ring = broadcast::memory::Heap::new(broadcast::memory::Shape { barrier: Barrier::Fence, ..shape });
    broadcast::ends::Channel::within(ring, domain, BITS)
}

/// A message to three subscribers.
fn message() {
    let channel = messages(&Domain::immortal(SEMAPHORES));
    let (mut publisher, mut last) = (channel.publisher(GIVER), channel.subscriber(AWAKE));
    let asleep = ASLEEP.map(|owner| channel.sleeper(owner));
    let other = thread::spawn(move || last.pop().expect("no end goes"));
    publisher.publish();
    asleep.into_iter().chain([other]).for_each(|sleeper| sleeper.join().unwrap());
}

/// A value to three readers.
fn value() {
    let table = latest::memory::Heap::new(1, 2, 0);
    let channel =
        latest::ends::Channel::within(table, Barrier::Fence, BITS, Domain::immortal(SEMAPHORES + 1));
    let (mut writer, mut last) = (channel.writer(), channel.reader(2));
    let asleep = [0, 1].map(|number| channel.sleeper(number));
    let other = thread::spawn(move || assert_eq!(last.wait(end::latest::Topic::Key(0)), Ok(true)));
    writer.publish(0);
    asleep.into_iter().chain([other]).for_each(|sleeper| sleeper.join().unwrap());
}

/// The end of the stream, to three consumers.
fn close() {
    let shape = mpmc::memory::Shape { closes: true, dies: false, ..mpmc::memory::Shape::of(2) };
    let channel = mpmc::ends::Channel::immortal(mpmc::Heap::shaped(shape), Barrier::Fence, BITS);
    let (mut producer, mut last) = (channel.producer(GIVER), channel.consumer(AWAKE));
    let asleep = ASLEEP.map(|owner| channel.sleeper_until_over(owner));
    let other = thread::spawn(move || last.pop_unless_over());
    producer.close();
    for sleeper in asleep.into_iter().chain([other]) {
        assert_eq!(sleeper.join().unwrap(), None);
    }
}

/// A message to three sets, each of which also waits for an end of another channel, where nothing happens.
fn in_sets() {
    let domain = Domain::immortal(SEMAPHORES + AWAKE);
    let [channel, silent] = [(); 2].map(|()| messages(&domain));
    let mut publisher = channel.publisher(GIVER);
    let set = |owner: u32, is_asleep: bool| {
        let (mut subscriber, mut other) = (channel.subscriber(owner), silent.subscriber(owner));
        let kernel = Kernel::new(&domain, u64::from(owner), SEMAPHORES + owner, "a set sleeps");
        if is_asleep {
            kernel.say_when_asleep();
        }
        let mut set = Together::<Loom, _>::new(kernel, WaitStrategy::Sleep);
        let thread = thread::spawn(move || {
            let event = set.wait(&mut [&mut subscriber.0, &mut other.0], None).expect("no end goes");
            assert_eq!((event.index, event.news), (0, News::Ready));
            subscriber.pop().expect("no end goes");
        });
        if is_asleep {
            domain.wait_for_sleeper();
        }
        thread
    };
    let asleep = ASLEEP.map(|owner| set(owner, true));
    let other = set(AWAKE, false);
    publisher.publish();
    asleep.into_iter().chain([other]).for_each(|sleeper| sleeper.join().unwrap());
}
