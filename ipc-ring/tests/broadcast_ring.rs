//! The broadcast ring by itself, over heap memory and over a System V segment with the same body: its
//! results, that each subscriber gets every message or a report of its loss, and that a publisher in another
//! thread tears nothing.

mod common;
mod spsc_common;

use std::mem::MaybeUninit;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, Ordering};

use common::private_namespace;
use ipc_core::Key;
use ipc_core::shm::{Options, SharedMemory};
use ipc_ring::ring::broadcast::{
    Mapped, Mode, Pop, Publish, Publisher, Resume, Start, Subscriber, TableFull, Words as _, seat,
};
use ipc_ring::{AttachError, AttachErrorKind, Barrier, Message, Region};
use proptest::prelude::*;
use spsc_common::{Random, check, payload};

/// Positions a ring may start at: the first, the end of a lap, and the middle and the maximum of 64 bits.
const STARTS: [u64; 4] = [0, 64 * 1000 - 1, (1 << 63) - 2, u64::MAX - 5];

#[derive(Clone, Copy, Debug)]
enum Place {
    Heap,
    Segment,
}

impl Place {
    const BOTH: [Place; 2] = [Place::Heap, Place::Segment];

    fn region(self, len: usize) -> Region {
        match self {
            Place::Heap => Region::heap(len),
            Place::Segment => {
                let memory = SharedMemory::create_new(Key::PRIVATE, len, &Options::default()).unwrap();
                let attached = memory.attach();
                memory.remove().unwrap();
                Region::segment(attached.unwrap())
            }
        }
    }
}

/// A ring whose subscribers are all of this process, which is alive.
#[derive(Clone)]
struct Ring<T: Message>(Region, std::marker::PhantomData<T>);

impl<T: Message> Ring<T> {
    fn new(place: Place, capacity: u64, mode: Mode, start: u64) -> (Self, Publisher<Mapped<T>>) {
        let region = place.region(Mapped::<T>::geometry(capacity).unwrap().total_size());
        let ring = Mapped::<T>::make(region.clone(), capacity, Barrier::Fence, mode, start).unwrap();
        (Self(region, std::marker::PhantomData), Publisher::attach(ring).unwrap())
    }

    fn open(&self) -> Mapped<T> {
        Mapped::open(self.0.clone()).unwrap()
    }

    fn join_as(
        &self,
        identity: u64,
        start: Start,
        resume: Resume,
    ) -> Result<Subscriber<Mapped<T>>, TableFull> {
        let ring = self.open();
        let seat = seat::take(&ring, NonZeroU64::new(identity).unwrap())?;
        Ok(Subscriber::join(ring, seat, start, resume, || true).unwrap())
    }

    fn join(&self, start: Start) -> Subscriber<Mapped<T>> {
        self.join_as(7, start, Resume::Oldest).unwrap()
    }

    fn watch(&self, start: Start, resume: Resume) -> Subscriber<Mapped<T>> {
        Subscriber::watch(self.open(), start, resume)
    }

    fn leave(&self, subscriber: Subscriber<Mapped<T>>) {
        seat::leave(&self.open(), subscriber.into_seat().unwrap());
    }
}

#[track_caller]
fn item<T>(pop: Pop<T>) -> T {
    match pop {
        Pop::Item { item, .. } => item,
        Pop::Missed { count } => panic!("{count} missed"),
        Pop::Empty { .. } => panic!("nothing there"),
        Pop::Corrupt(corruption) => panic!("{corruption}"),
    }
}

fn is_empty<T>(pop: Pop<T>) -> bool {
    matches!(pop, Pop::Empty { .. })
}

fn everybody_gets_everything<const N: usize>() {
    private_namespace();
    for (place, mode, start) in Place::BOTH
        .into_iter()
        .flat_map(|place| STARTS.map(|start| [Mode::Lossy, Mode::Gated].map(|mode| (place, mode, start))))
        .flatten()
    {
        let (ring, mut publisher) = Ring::<[u8; N]>::new(place, 8, mode, start);
        let mut readers =
            [ring.join(Start::Oldest), ring.join(Start::Next), ring.watch(Start::Newest, Resume::Oldest)];
        for number in 0..50 {
            let at = start.wrapping_add(number);
            assert_eq!(publisher.position(), at);
            for reader in &mut readers {
                assert!(is_empty(reader.try_pop()));
                assert!(!reader.has_something());
            }
            if number % 5 == 0 {
                // An abort leaves nothing.
                publisher.try_claim().unwrap().unwrap().write(&payload(at ^ 1));
                let mut claim = publisher.try_claim().unwrap().unwrap();
                claim.write(&payload(at));
                claim.commit();
            } else {
                assert_eq!(publisher.try_publish(&payload(at)), Publish::Done);
            }
            for reader in &mut readers {
                assert!(reader.has_something());
                assert_eq!((reader.position(), reader.behind()), (at, 1));
                check(&item(reader.try_pop()), at);
            }
        }
    }
}

#[test]
fn everybody_gets_everything_1() {
    everybody_gets_everything::<1>();
}

#[test]
fn everybody_gets_everything_41() {
    everybody_gets_everything::<41>();
}

#[test]
fn everybody_gets_everything_1000() {
    everybody_gets_everything::<1000>();
}

#[test]
fn an_overrun_subscriber_is_told_exactly_and_goes_on_where_it_chose() {
    for capacity in [1, 2, 8, 64] {
        for start in STARTS {
            let (ring, mut publisher) = Ring::<u64>::new(Place::Heap, capacity, Mode::Lossy, start);
            let mut oldest = ring.join(Start::Oldest);
            let mut newest = ring.join_as(8, Start::Oldest, Resume::Newest).unwrap();
            let total = 3 * capacity + 1;
            for number in 0..total {
                assert_eq!(publisher.try_publish(&number), Publish::Done, "a lossy ring is never full");
            }
            let Pop::Missed { count } = oldest.try_pop() else { panic!("three laps behind") };
            let step = (capacity / 8).max(1);
            assert!(
                (total - capacity..total - capacity + step).contains(&count),
                "{count} of {total}, {capacity} slots"
            );
            for number in count..total {
                assert_eq!(item(oldest.try_pop()), number);
            }
            assert!(is_empty(oldest.try_pop()));
            assert_eq!(newest.try_pop(), Pop::Missed { count: total - 1 });
            assert_eq!(item(newest.try_pop()), total - 1);
            let mut out = [MaybeUninit::new(0u64); 4];
            assert!(is_empty(newest.try_pop_slice(&mut out)));
            assert_eq!(ring.open().missed().load(Ordering::Relaxed), count + total - 1);
        }
    }
}

#[test]
fn starts_are_what_they_say() {
    for mode in [Mode::Lossy, Mode::Gated] {
        for first in STARTS {
            let (ring, mut publisher) = Ring::<u64>::new(Place::Heap, 8, mode, first);
            for (start, there) in [(Start::Oldest, 0), (Start::Newest, 0), (Start::Next, 0)] {
                assert_eq!(ring.watch(start, Resume::Oldest).position(), first.wrapping_add(there));
            }
            for number in 0..20 {
                assert_eq!(publisher.try_publish(&number), Publish::Done, "no subscriber is in the way");
            }
            let floor = publisher.floor();
            let starts = [
                (Start::Oldest, floor.wrapping_sub(first)),
                (Start::Newest, 19),
                (Start::At(first.wrapping_add(17)), 17),
            ];
            for (start, number) in starts {
                let mut reader = ring.join(start);
                assert_eq!(item(reader.try_pop()), number);
                ring.leave(reader);
            }
            // One that is gone, and one to come.
            let mut late = ring.join(Start::At(first.wrapping_add(2)));
            assert_eq!(late.try_pop(), Pop::Missed { count: floor.wrapping_sub(first) - 2 });
            assert_eq!(item(late.try_pop()), floor.wrapping_sub(first));
            ring.leave(late);
            let mut early = ring.join(Start::At(first.wrapping_add(22)));
            let mut next = ring.join(Start::Next);
            for number in 20..24 {
                assert!(number > 22 || is_empty(early.try_pop()));
                assert_eq!(publisher.try_publish(&number), Publish::Done);
            }
            assert_eq!(item(early.try_pop()), 22);
            assert_eq!(item(next.try_pop()), 20);
        }
    }
}

#[test]
fn the_slowest_subscriber_holds_a_gated_publisher() {
    for capacity in [1, 2, 8] {
        for start in STARTS {
            let (ring, mut publisher) = Ring::<u64>::new(Place::Heap, capacity, Mode::Gated, start);
            let (mut fast, mut slow) = (ring.join(Start::Oldest), ring.join(Start::Oldest));
            for number in 0..capacity {
                assert_eq!(publisher.try_publish(&number), Publish::Done);
                assert_eq!(item(fast.try_pop()), number);
            }
            for _ in 0..3 {
                assert_eq!(publisher.try_publish(&99), Publish::Full);
                assert!(!publisher.has_room().unwrap());
                assert!(publisher.try_claim().unwrap().is_none());
                assert_eq!(publisher.try_publish_slice(&[1, 2]), Ok(0));
                assert!(!publisher.drop_dead(|_| true), "it lives");
            }
            assert_eq!(item(slow.try_pop()), 0);
            assert_eq!(publisher.try_publish_slice(&[capacity, 99]), Ok(1));
            assert_eq!(publisher.try_publish(&99), Publish::Full);
            if capacity > 1 {
                let seen = slow.try_view().map(|view| (view.read(), view.position())).unwrap();
                assert_eq!(seen, (1, start.wrapping_add(1)));
                slow.try_view().unwrap().release();
                assert!(publisher.has_room().unwrap());
            }
            ring.leave(slow);
            for _ in 0..3 * capacity {
                let _ = publisher.try_publish(&5);
                let _ = fast.try_pop();
            }
            ring.leave(fast);
            for _ in 0..3 * capacity {
                assert_eq!(publisher.try_publish(&5), Publish::Done, "no subscriber is left");
            }
            assert_eq!(ring.open().high_water().load(Ordering::Relaxed), capacity);
        }
    }
}

#[test]
fn dead_subscribers_do_not_hold_up_the_publisher_and_are_counted_once() {
    let (ring, mut publisher) = Ring::<u64>::new(Place::Heap, 4, Mode::Gated, 0);
    for identity in 1..=10 {
        drop(ring.join_as(identity, Start::Oldest, Resume::Oldest).unwrap());
    }
    let mut alive = ring.join_as(11, Start::Oldest, Resume::Oldest).unwrap();
    let is_alive = |identity| identity > 5;
    for number in 0..4 {
        assert_eq!(publisher.try_publish(&number), Publish::Done);
    }
    let drops = || ring.open().drops().load(Ordering::Relaxed);
    let mut dropped = 0;
    while publisher.try_publish(&4) == Publish::Full && publisher.drop_dead(is_alive) {
        dropped += 1;
    }
    assert_eq!((dropped, drops()), (5, 5));
    // Live subscribers do hold it up, until they die too.
    while publisher.try_publish(&4) == Publish::Full && publisher.drop_dead(|identity| identity > 10) {
        dropped += 1;
    }
    assert_eq!((dropped, drops()), (10, 10));
    assert_eq!(seat::sweep(&ring.open(), |identity| identity > 10), 10);
    assert_eq!(drops(), 10, "counted already");
    assert_eq!(item(alive.try_pop()), 0);
    assert_eq!(publisher.try_publish(&4), Publish::Done);
    // The first seat is free again, and its new holder counts.
    let late = ring.join_as(12, Start::Oldest, Resume::Oldest).unwrap();
    assert_eq!(late.position(), 1);
    for number in 1..5 {
        assert_eq!(item(alive.try_pop()), number);
    }
    assert_eq!(publisher.try_publish(&5), Publish::Full);
    ring.leave(late);
    assert_eq!(publisher.try_publish(&5), Publish::Done);
}

#[test]
fn there_are_256_seats() {
    for mode in [Mode::Lossy, Mode::Gated] {
        let (ring, mut publisher) = Ring::<u64>::new(Place::Heap, 4, mode, 0);
        let mut all: Vec<_> = (1..=256)
            .map(|identity| ring.join_as(identity, Start::Oldest, Resume::Oldest).unwrap())
            .collect();
        assert!(ring.join_as(257, Start::Oldest, Resume::Oldest).is_err());
        for number in 0..40 {
            assert_eq!(publisher.try_publish(&number), Publish::Done);
            for reader in &mut all {
                assert_eq!(item(reader.try_pop()), number);
            }
        }
        ring.leave(all.swap_remove(100));
        all.push(ring.join_as(300, Start::Oldest, Resume::Oldest).unwrap());
        assert!(ring.join_as(301, Start::Oldest, Resume::Oldest).is_err());
    }
}

#[test]
fn a_successor_continues() {
    for mode in [Mode::Lossy, Mode::Gated] {
        for start in STARTS {
            let (ring, first) = Ring::<u64>::new(Place::Heap, 4, mode, start);
            drop(first);
            let mut reader = ring.join(Start::Oldest);
            for number in 0..30 {
                let mut next = Publisher::attach(ring.open()).unwrap();
                assert_eq!(next.position(), start.wrapping_add(number));
                assert_eq!(next.try_publish(&number), Publish::Done);
                if number % 3 == 0 {
                    // Died between the sequence word and the tail.
                    ring.open().tail().store(start.wrapping_add(number), Ordering::Relaxed);
                }
                assert_eq!(item(reader.try_pop()), number);
            }
        }
    }
}

#[test]
fn a_ring_of_another_kind_or_shape_is_refused() {
    let (ring, _publisher) = Ring::<u64>::new(Place::Heap, 4, Mode::Gated, 0);
    assert!(matches!(
        Mapped::<i64>::open(ring.0.clone()).as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::ElementType { .. })
    ));
    assert!(matches!(
        Mapped::<u32>::open(ring.0.clone()).as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::ElementSize { .. })
    ));
    assert!(matches!(
        ipc_ring::ring::spsc::Mapped::<u64>::open(ring.0.clone()).as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::Kind { found: 4, expected: 1 })
    ));
    assert!(matches!(
        Mapped::<u64>::open(Region::heap(100)).as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::TooSmall { .. })
    ));
    assert!(matches!(
        Mapped::<u64>::make(Region::heap(1000), 4, Barrier::Fence, Mode::Lossy, 0)
            .as_ref()
            .map_err(AttachError::kind),
        Err(AttachErrorKind::TooSmall { .. })
    ));
}

/// A lossy ring as a list: what was published, how far it is whole, and where each reader is.
#[derive(Debug, Default)]
struct Plain {
    published: u64,
    floor: u64,
}

#[derive(Clone, Debug)]
enum Act {
    Publish(usize),
    Pop(usize),
    PopSlice(usize, usize),
    Join(usize, u8),
    Leave(usize),
    Succeed,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (1usize..12).prop_map(Act::Publish),
        8 => (0usize..4).prop_map(Act::Pop),
        3 => (0usize..4, 1usize..9).prop_map(|(reader, most)| Act::PopSlice(reader, most)),
        2 => (0usize..4, 0u8..5).prop_map(|(reader, start)| Act::Join(reader, start)),
        1 => (0usize..4).prop_map(Act::Leave),
        1 => Just(Act::Succeed),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn it_behaves_like_a_list(
        gated in any::<bool>(),
        log2 in 0u32..5,
        first in prop_oneof![Just(0u64), any::<u64>()],
        acts in prop::collection::vec(act(), 1..120),
    ) {
        let capacity = 1u64 << log2;
        let mode = if gated { Mode::Gated } else { Mode::Lossy };
        let (ring, mut publisher) = Ring::<u64>::new(Place::Heap, capacity, mode, first);
        let mut plain = Plain::default();
        // Each reader with the messages given to it, and those reported as missed: all up to here.
        let mut readers: [Option<(Subscriber<Mapped<u64>>, u64)>; 4] = [const { None }; 4];
        for act in acts {
            match act {
                Act::Publish(count) => {
                    let least = readers.iter().flatten().map(|(_, at)| *at).min();
                    let all: Vec<u64> = (plain.published..plain.published + count as u64).collect();
                    let done = publisher.try_publish_slice(&all).unwrap() as u64;
                    if let (true, Some(least)) = (gated, least) {
                        prop_assert_eq!(done, (count as u64).min((least + capacity).saturating_sub(plain.published)));
                    } else {
                        prop_assert_eq!(done, count as u64);
                    }
                    plain.published += done;
                    plain.floor = publisher.floor().wrapping_sub(first);
                    prop_assert!(plain.floor <= plain.published && plain.published - plain.floor <= capacity);
                    if let (true, Some(least)) = (gated, least) {
                        prop_assert!(plain.floor <= least, "a gated reader is overrun");
                    }
                }
                Act::Pop(number) => {
                    let Some((reader, at)) = &mut readers[number] else { continue };
                    match reader.try_pop() {
                        Pop::Item { item, .. } => {
                            prop_assert_eq!(item, *at);
                            *at += 1;
                        }
                        Pop::Missed { count } => {
                            prop_assert!(*at < plain.floor && !gated);
                            prop_assert_eq!(count, plain.floor - *at);
                            *at += count;
                        }
                        Pop::Empty { .. } => prop_assert_eq!(*at, plain.published),
                        Pop::Corrupt(corruption) => panic!("{corruption}"),
                    }
                }
                Act::PopSlice(number, most) => {
                    let Some((reader, at)) = &mut readers[number] else { continue };
                    let mut out = vec![MaybeUninit::new(0u64); most];
                    match reader.try_pop_slice(&mut out) {
                        Pop::Item { item: count, .. } => {
                            prop_assert_eq!(count as u64, (most as u64).min(plain.published - *at));
                            for place in &out[..count] {
                                // SAFETY: every place was initialised above.
                                prop_assert_eq!(unsafe { place.assume_init() }, *at);
                                *at += 1;
                            }
                        }
                        Pop::Missed { count } => {
                            prop_assert!(*at < plain.floor && !gated);
                            *at += count;
                            prop_assert_eq!(*at, plain.floor);
                        }
                        Pop::Empty { .. } => prop_assert_eq!(*at, plain.published),
                        Pop::Corrupt(corruption) => panic!("{corruption}"),
                    }
                }
                Act::Join(number, start) => {
                    if readers[number].is_some() {
                        continue;
                    }
                    let (start, at) = match start {
                        0 => (Start::Oldest, plain.floor),
                        1 => (Start::Newest, if plain.published > plain.floor { plain.published - 1 } else { plain.floor }),
                        2 => (Start::Next, plain.published),
                        _ => (Start::At(first.wrapping_add(plain.floor)), plain.floor),
                    };
                    let reader = ring.join(start);
                    prop_assert_eq!(reader.position().wrapping_sub(first), at);
                    readers[number] = Some((reader, at));
                }
                Act::Leave(number) => {
                    if let Some((reader, _)) = readers[number].take() {
                        ring.leave(reader);
                    }
                }
                Act::Succeed => publisher = Publisher::attach(ring.open()).unwrap(),
            }
        }
    }
}

/// Threads that read at any speed while one publishes; joins and leaves in between.
fn under_load<const N: usize>(mode: Mode, capacity: u64, total: u64) {
    let (ring, mut publisher) = Ring::<[u8; N]>::new(Place::Heap, capacity, mode, 0);
    let over = AtomicBool::new(false);
    // Seats change hands under a lock.
    let lock = std::sync::Mutex::new(());
    std::thread::scope(|scope| {
        for seed in 0..3 {
            let (ring, over, lock) = (ring.clone(), &over, &lock);
            scope.spawn(move || {
                let mut random = Random::new(seed);
                let (mut received, mut missed) = (0u64, 0u64);
                while !over.load(Ordering::Acquire) {
                    let start = [Start::Oldest, Start::Newest, Start::Next][random.below(3) as usize];
                    let mut reader = {
                        let _locked = lock.lock().unwrap();
                        ring.join(start)
                    };
                    let from = reader.position();
                    let (mut got, mut lost) = (0, 0);
                    let stay = random.below(2000);
                    while got < stay {
                        let at = reader.position();
                        match reader.try_pop() {
                            Pop::Item { item, .. } => {
                                check(&item, at);
                                got += 1;
                            }
                            Pop::Missed { count } => {
                                assert_eq!(mode, Mode::Lossy, "a gated subscriber missed {count} at {at}");
                                lost += count;
                            }
                            Pop::Empty { .. } if over.load(Ordering::Acquire) => break,
                            Pop::Empty { .. } => std::thread::yield_now(),
                            Pop::Corrupt(corruption) => panic!("{corruption}"),
                        }
                        random.pause();
                    }
                    assert_eq!(from + got + lost, reader.position());
                    (received, missed) = (received + got, missed + lost);
                    let _locked = lock.lock().unwrap();
                    ring.leave(reader);
                }
                eprintln!("{mode}, {N} bytes: {received} received, {missed} missed");
            });
        }
        let mut random = Random::new(99);
        for number in 0..total {
            while publisher.try_publish(&payload(number)) == Publish::Full {
                std::thread::yield_now();
            }
            random.pause();
        }
        over.store(true, Ordering::Release);
    });
}

#[test]
fn lossy_under_load() {
    private_namespace();
    under_load::<8>(Mode::Lossy, 16, 200_000);
    under_load::<120>(Mode::Lossy, 4, 100_000);
}

#[test]
fn gated_under_load() {
    private_namespace();
    under_load::<8>(Mode::Gated, 16, 100_000);
    under_load::<120>(Mode::Gated, 2, 30_000);
}
