//! The one-to-one ring by itself, over heap memory and over a System V segment with the same body: its
//! results, that it behaves like a queue, and that two threads lose, duplicate, tear and reorder nothing.

mod common;
mod spsc_common;

use std::collections::VecDeque;
use std::mem::MaybeUninit;
use std::sync::atomic::Ordering;

use common::private_namespace;
use ipc_core::Key;
use ipc_core::shm::{Options, SharedMemory};
use ipc_ring::ring::spsc::{Consumer, Mapped, Pop, Producer, Push, Words as _};
use ipc_ring::{AttachError, AttachErrorKind, Barrier, Message, Region};
use proptest::prelude::*;
use spsc_common::{Random, check, payload};

/// Positions a ring may start at: the first, the end of a lap, and the middle of 64 bits.
const STARTS: [u64; 4] = [0, 63, 64 * 1000 - 1, (1 << 63) - 2];

#[derive(Clone, Copy, Debug)]
enum Kind {
    Heap,
    Segment,
}

impl Kind {
    const BOTH: [Kind; 2] = [Kind::Heap, Kind::Segment];

    fn region(self, len: usize) -> Region {
        match self {
            Kind::Heap => Region::heap(len),
            Kind::Segment => {
                let memory = SharedMemory::create_new(Key::PRIVATE, len, &Options::default()).unwrap();
                let attached = memory.attach();
                memory.remove().unwrap();
                Region::segment(attached.unwrap())
            }
        }
    }

    /// Both ends of a fresh ring. The consumer opens the memory as another process would.
    fn ring<T: Message>(self, capacity: u64, start: u64) -> (Producer<Mapped<T>>, Consumer<Mapped<T>>) {
        let region = self.region(Mapped::<T>::geometry(capacity).unwrap().total_size());
        let ring = Mapped::<T>::make(region.clone(), capacity, Barrier::Fence, start).unwrap();
        (Producer::attach(ring).unwrap(), Consumer::attach(Mapped::open(region).unwrap()))
    }
}

fn done(push: Push) {
    assert_eq!(push, Push::Done { signal: 0 });
}

fn popped<T: Message>(pop: Pop<T>) -> Option<T> {
    match pop {
        Pop::Item { item, signal: 0 } => Some(item),
        Pop::Empty { signal: 0 } => None,
        _ => panic!("no end sleeps or closes and nothing is corrupt"),
    }
}

/// Pops up to `most` elements with one call.
fn pop_slice<T: Message>(consumer: &mut Consumer<Mapped<T>>, most: usize) -> Vec<T> {
    let mut out = vec![MaybeUninit::<T>::uninit(); most];
    let (count, signal) = consumer.try_pop_slice(&mut out).unwrap();
    assert_eq!(signal, 0);
    // SAFETY: the call wrote the first `count` elements.
    out[..count].iter().map(|place| unsafe { place.assume_init() }).collect()
}

/// Every call at every fill level, for elements of `N` bytes.
fn answers_exactly<const N: usize>() {
    for kind in Kind::BOTH {
        for (asked, capacity) in [(1, 1u64), (2, 2), (3, 4), (64, 64)] {
            for start in STARTS {
                one_ring_answers_exactly::<N>(kind, asked, capacity, start);
            }
        }
    }
}

fn one_ring_answers_exactly<const N: usize>(kind: Kind, asked: u64, capacity: u64, start: u64) {
    let (mut producer, mut consumer) = kind.ring::<[u8; N]>(asked, start);
    assert_eq!(producer.memory().capacity(), capacity);
    assert_eq!((producer.position(), consumer.position()), (start, start));
    let (mut next, mut first) = (0u64, 0u64);
    for lap in 0..5 {
        assert_eq!(popped(consumer.try_pop()), None);
        assert!(consumer.try_view().unwrap().is_err() && !consumer.has_item());
        assert!(pop_slice(&mut consumer, 3).is_empty());
        // Fill it, by a different call each time.
        while next - first < capacity {
            match (lap + next) % 4 {
                0 => done(producer.try_push(&payload(next))),
                1 => {
                    let mut claim = producer.try_claim().unwrap().expect("there is room");
                    claim.write(&payload(next));
                    assert_eq!(claim.commit(), 0);
                }
                2 => {
                    // An aborted claim has no effect, whatever was written.
                    let mut claim = producer.try_claim().unwrap().expect("there is room");
                    claim.write(&payload(u64::MAX));
                    let _aborted = claim;
                    continue_after_abort(&mut producer, next);
                }
                _ => {
                    // More than fits: as much as fits.
                    let items: Vec<[u8; N]> = (next..next + 3).map(payload).collect();
                    let fits = (capacity - (next - first)).min(3);
                    assert_eq!(producer.try_push_slice(&items).unwrap(), (fits as usize, 0));
                    next += fits - 1;
                }
            }
            next += 1;
            assert_eq!(producer.position(), start + next);
            assert!(consumer.has_item());
        }
        assert_eq!(producer.try_push(&payload(u64::MAX)), Push::Full);
        assert!(producer.try_claim().unwrap().is_none() && !producer.has_room().unwrap());
        assert_eq!(producer.try_push_slice(&[payload(u64::MAX)]).unwrap(), (0, 0));
        // Empties it almost, by a different call each time; one is left in larger rings, so that laps shift.
        let leave = u64::from(capacity > 2 && lap < 4);
        while next - first > leave {
            match (lap + first) % 3 {
                0 => check(&popped(consumer.try_pop()).expect("not empty"), first),
                1 => {
                    // A view that is dropped pops nothing.
                    for release in [false, true] {
                        let view = consumer.try_view().unwrap().expect("not empty");
                        check(&view.read(), first);
                        assert_eq!(view.position(), start + first);
                        if release {
                            assert_eq!(view.release(), 0);
                        }
                    }
                }
                _ => {
                    let items = pop_slice(&mut consumer, 3);
                    assert_eq!(items.len() as u64, (next - first).min(3));
                    for item in &items {
                        check(item, first);
                        first += 1;
                    }
                    first -= 1;
                    if next - first <= leave + 1 {
                        first += 1;
                        break;
                    }
                }
            }
            first += 1;
            assert_eq!(consumer.position(), start + first);
        }
        while first < next {
            check(&popped(consumer.try_pop()).expect("not empty"), first);
            first += 1;
        }
    }
    assert_eq!(popped(consumer.try_pop()), None);
}

fn continue_after_abort<const N: usize>(producer: &mut Producer<Mapped<[u8; N]>>, next: u64) {
    let before = producer.position();
    done(producer.try_push(&payload(next)));
    assert_eq!(producer.position(), before + 1);
}

macro_rules! sizes {
    ($($name:ident: $size:literal),* $(,)?) => {$(
        #[test]
        fn $name() {
            private_namespace();
            answers_exactly::<$size>();
        }
    )*};
}

sizes! {
    every_call_answers_exactly_with_1_byte: 1,
    every_call_answers_exactly_with_3_bytes: 3,
    every_call_answers_exactly_with_8_bytes: 8,
    every_call_answers_exactly_with_56_bytes: 56,
    every_call_answers_exactly_with_64_bytes: 64,
    every_call_answers_exactly_with_112_bytes: 112,
    every_call_answers_exactly_with_129_bytes: 129,
    every_call_answers_exactly_with_1000_bytes: 1000,
    every_call_answers_exactly_with_4096_bytes: 4096,
}

/// A stream, kept going for ten laps, of messages of `N` bytes: popped one by one, in batches, by views and
/// by a successor, in any mixture, so that lines end in the middle of all of them.
fn stream<const N: usize>(kind: Kind, seed: u64) {
    let mut random = Random::new(seed);
    let start = u64::MAX - 5 * 64; // The positions wrap in the middle.
    let (mut producer, mut consumer) = kind.ring::<[u8; N]>(64, start);
    let (mut pushed, mut taken) = (0, 0);
    let mut out = [MaybeUninit::<[u8; N]>::uninit(); 40];
    while taken < 640 {
        while let Push::Done { .. } = producer.try_push(&payload(pushed)) {
            pushed += 1;
        }
        assert_eq!(pushed - taken, 64, "every slot is given back at once");
        for _ in 0..random.below(20) {
            match random.below(8) {
                0 => {
                    let wanted = random.below(out.len() as u64) as usize;
                    let (count, _) = consumer.try_pop_slice(&mut out[..wanted]).unwrap();
                    for message in &out[..count] {
                        // SAFETY: the pop has filled the first `count`.
                        check(unsafe { message.assume_init_ref() }, taken);
                        taken += 1;
                    }
                }
                1 => {
                    if let Ok(view) = consumer.try_view().unwrap() {
                        check(&view.read(), taken);
                        assert_eq!(view.release(), 0);
                        taken += 1;
                    }
                }
                2 => {
                    let memory = consumer.memory().clone();
                    consumer = Consumer::attach(memory);
                }
                _ => {
                    if let Some(message) = popped(consumer.try_pop()) {
                        check(&message, taken);
                        taken += 1;
                    }
                }
            }
            assert_eq!(consumer.position(), start.wrapping_add(taken));
        }
    }
    while let Some(message) = popped(consumer.try_pop()) {
        check(&message, taken);
        taken += 1;
    }
    assert_eq!(taken, pushed);
}

#[test]
fn a_stream_is_popped_whole_however_it_is_popped() {
    private_namespace();
    for kind in Kind::BOTH {
        for seed in 0..8 {
            stream::<1>(kind, seed);
            stream::<8>(kind, seed);
            stream::<16>(kind, seed);
            stream::<40>(kind, seed);
            stream::<56>(kind, seed);
            stream::<64>(kind, seed);
            stream::<200>(kind, seed);
            stream::<1500>(kind, seed);
        }
    }
}

/// With 64 slots, the head moves at each sixteenth pop.
#[test]
fn room_by_the_head_comes_in_quarters() {
    private_namespace();
    for kind in Kind::BOTH {
        let (mut producer, mut consumer) = kind.ring::<u64>(64, 0);
        for item in 0..64 {
            assert!(producer.has_room_by_head());
            done(producer.try_push_by_head(&item));
        }
        assert_eq!(producer.try_push_by_head(&64), Push::Full);
        for item in 0..15 {
            assert_eq!(popped(consumer.try_pop()), Some(item));
            assert!(!producer.has_room_by_head());
            assert_eq!(producer.try_push_by_head(&64), Push::Full);
        }
        assert_eq!(producer.try_push_slice_by_head(&[64, 65]).unwrap(), (0, 0));
        assert_eq!(producer.memory().high_water().load(Ordering::Relaxed), 0, "full by the head is not full");
        done(producer.try_push(&64));
        assert_eq!(producer.memory().high_water().load(Ordering::Relaxed), 49);
        assert_eq!(popped(consumer.try_pop()), Some(15));
        assert!(producer.has_room_by_head());
        let items: Vec<u64> = (65..100).collect();
        assert_eq!(
            producer.try_push_slice_by_head(&items).unwrap(),
            (15, 0),
            "what the exact look found is kept"
        );
        for item in 16..80 {
            assert_eq!(popped(consumer.try_pop()), Some(item));
        }
        assert_eq!(popped(consumer.try_pop()), None);
    }
}

#[test]
fn a_run_is_ready_when_its_last_element_is() {
    private_namespace();
    for kind in Kind::BOTH {
        let (mut producer, consumer) = kind.ring::<[u64; 32]>(64, 63);
        for count in 1..=64 {
            assert!(!consumer.is_ready_ahead(count));
            done(producer.try_push(&[count; 32]));
            assert!(consumer.is_ready_ahead(count));
        }
    }
}

#[test]
fn every_call_answers_exactly_with_65536_bytes() {
    private_namespace();
    // On a stack of its own size: arrays of 64 KiB go through many calls by value in unoptimised code.
    std::thread::Builder::new()
        .stack_size(64 << 20)
        .spawn(|| {
            for kind in Kind::BOTH {
                for (asked, capacity) in [(1, 1), (2, 2), (3, 4)] {
                    one_ring_answers_exactly::<65536>(kind, asked, capacity, (1 << 63) - 2);
                }
            }
        })
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn what_is_no_ring_is_refused() {
    type Item = [u8; 24];
    let needed = Mapped::<Item>::geometry(4).unwrap().total_size();
    let small = Mapped::<Item>::make(Region::heap(needed - 1), 4, Barrier::Fence, 0);
    assert!(
        matches!(small.as_ref().map_err(AttachError::kind), Err(AttachErrorKind::TooSmall { .. })),
        "{small:?}"
    );
    assert!(matches!(
        Mapped::<Item>::geometry(0).as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::TooLarge { .. })
    ));
    assert!(matches!(
        Mapped::<[u8; 65537]>::geometry(1).as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::TooLarge { .. })
    ));
    let region = Region::heap(needed);
    assert!(matches!(
        Mapped::<Item>::open(region.clone()).as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::NotARing { found: 0 })
    ));
    Mapped::<Item>::make(region.clone(), 4, Barrier::Fence, 0).unwrap();
    assert!(matches!(
        Mapped::<[u8; 25]>::open(region.clone()).as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::ElementSize { .. })
    ));
    assert!(matches!(
        Mapped::<[i8; 24]>::open(region.clone()).as_ref().map_err(AttachError::kind),
        Err(AttachErrorKind::ElementType { .. })
    ));
    assert!(Mapped::<Item>::open(region).is_ok());
}

/// What one thread does to a ring.
#[derive(Clone, Debug)]
enum Act {
    Push,
    PushSlice(usize),
    Claim { commit: bool },
    Pop,
    PopSlice(usize),
    View { release: bool },
    NewProducer,
    NewConsumer,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => Just(Act::Push),
        3 => (0..9usize).prop_map(Act::PushSlice),
        3 => any::<bool>().prop_map(|commit| Act::Claim { commit }),
        6 => Just(Act::Pop),
        3 => (0..9usize).prop_map(Act::PopSlice),
        3 => any::<bool>().prop_map(|release| Act::View { release }),
        1 => Just(Act::NewProducer),
        1 => Just(Act::NewConsumer),
    ]
}

fn behaves_like_a_queue<const N: usize>(kind: Kind, capacity: u64, start: u64, acts: &[Act]) {
    let region = kind.region(Mapped::<[u8; N]>::geometry(capacity).unwrap().total_size());
    let ring = Mapped::<[u8; N]>::make(region, capacity, Barrier::Fence, start).unwrap();
    let mut producer = Producer::attach(ring.clone()).unwrap();
    let mut consumer = Consumer::attach(ring.clone());
    let mut queue = VecDeque::new();
    let mut next = start;
    for act in acts {
        let room = capacity as usize - queue.len();
        match *act {
            Act::Push => match producer.try_push(&payload(next)) {
                Push::Done { signal: 0 } => {
                    assert!(room > 0);
                    queue.push_back(next);
                    next += 1;
                }
                other => assert!(room == 0 && other == Push::Full, "{other:?}"),
            },
            Act::PushSlice(count) => {
                let items: Vec<[u8; N]> = (next..next + count as u64).map(payload).collect();
                let (pushed, _) = producer.try_push_slice(&items).unwrap();
                assert_eq!(pushed, count.min(room));
                queue.extend(next..next + pushed as u64);
                next += pushed as u64;
            }
            Act::Claim { commit } => match producer.try_claim().unwrap() {
                Some(mut claim) => {
                    assert!(room > 0);
                    claim.write(&payload(next));
                    if commit {
                        claim.commit();
                        queue.push_back(next);
                        next += 1;
                    }
                }
                None => assert_eq!(room, 0),
            },
            Act::Pop => match (popped(consumer.try_pop()), queue.pop_front()) {
                (Some(item), Some(number)) => check(&item, number),
                (item, number) => assert!(item.is_none() && number.is_none()),
            },
            Act::PopSlice(count) => {
                let items = pop_slice(&mut consumer, count);
                assert_eq!(items.len(), count.min(queue.len()));
                items.iter().for_each(|item| check(item, queue.pop_front().unwrap()));
            }
            Act::View { release } => match consumer.try_view().unwrap() {
                Ok(view) => {
                    check(&view.read(), *queue.front().unwrap());
                    assert_eq!(view.position(), *queue.front().unwrap());
                    if release {
                        view.release();
                        queue.pop_front();
                    }
                }
                Err(_) => assert!(queue.is_empty()),
            },
            Act::NewProducer => producer = Producer::attach(ring.clone()).unwrap(),
            Act::NewConsumer => consumer = Consumer::attach(ring.clone()),
        }
        assert_eq!((producer.position(), consumer.position()), (next, next - queue.len() as u64));
        assert_eq!(consumer.has_item(), !queue.is_empty());
        assert_eq!(producer.is_drained(), queue.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 120, ..ProptestConfig::default() })]

    /// Both ends in one thread, replaced by successors at any time, against a queue.
    #[test]
    fn behaves_like_a_queue_of_any_size(
        log2 in 0u32..7,
        start in prop_oneof![Just(0), 0..1000u64, (1u64 << 63) - 100..(1 << 63) + 100],
        acts in prop::collection::vec(act(), 1..300),
    ) {
        private_namespace();
        let capacity = 1 << log2;
        behaves_like_a_queue::<1>(Kind::Heap, capacity, start, &acts);
        behaves_like_a_queue::<8>(Kind::Heap, capacity, start, &acts);
        behaves_like_a_queue::<56>(Kind::Segment, capacity, start, &acts);
        behaves_like_a_queue::<129>(Kind::Heap, capacity, start, &acts);
        behaves_like_a_queue::<1000>(Kind::Segment, capacity, start, &acts);
    }
}

/// Two threads with random pauses.
fn nothing_is_lost_between_threads<const N: usize>(kind: Kind, capacity: u64, start: u64, count: u64) {
    let (mut producer, mut consumer) = kind.ring::<[u8; N]>(capacity, start);
    let pushing = std::thread::spawn(move || {
        let mut random = Random::new(capacity ^ start);
        let mut next = 0;
        while next < count {
            let before = next;
            match random.below(3) {
                0 => {
                    let end = count.min(next + random.below(9));
                    let items: Vec<[u8; N]> = (next..end).map(payload).collect();
                    next += producer.try_push_slice(&items).unwrap().0 as u64;
                }
                1 => {
                    if let Some(mut claim) = producer.try_claim().unwrap() {
                        claim.write(&payload(if random.below(4) == 0 { u64::MAX } else { next }));
                        claim.write(&payload(next));
                        claim.commit();
                        next += 1;
                    }
                }
                _ => match producer.try_push(&payload(next)) {
                    Push::Done { .. } => next += 1,
                    Push::Full => {}
                    Push::Corrupt(corruption) => panic!("{corruption}"),
                },
            }
            if next == before {
                std::thread::yield_now();
            }
            random.pause();
        }
    });
    let mut random = Random::new(!capacity);
    let mut next = 0;
    while next < count {
        let before = next;
        match random.below(3) {
            0 => {
                for item in pop_slice(&mut consumer, random.below(9) as usize) {
                    check(&item, next);
                    next += 1;
                }
            }
            1 => {
                if let Ok(view) = consumer.try_view().unwrap() {
                    check(&view.read(), next);
                    random.pause();
                    check(&view.read(), next);
                    view.release();
                    next += 1;
                }
            }
            _ => {
                if let Some(item) = popped(consumer.try_pop()) {
                    check(&item, next);
                    next += 1;
                }
            }
        }
        if next == before {
            std::thread::yield_now();
        }
        random.pause();
    }
    pushing.join().unwrap();
    assert_eq!(popped(consumer.try_pop()), None);
    assert_eq!(consumer.position(), start + count);
}

#[test]
fn two_threads_agree() {
    private_namespace();
    for kind in Kind::BOTH {
        for (capacity, count) in [(1, 2_000), (2, 4_000), (64, 20_000)] {
            nothing_is_lost_between_threads::<8>(kind, capacity, 0, count);
            nothing_is_lost_between_threads::<129>(kind, capacity, (1 << 63) - 1000, count);
            nothing_is_lost_between_threads::<1000>(kind, capacity, 63, count / 4);
        }
    }
}
