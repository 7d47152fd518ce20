//! Elements whose size is known only when the program runs: raw ends and ends of a Rust type meet in both
//! directions over one ring, and a header is read once.

use std::mem::MaybeUninit;

use ipc_ring::ring::spsc::{Consumer, Mapped, Pop, Producer, Push, RawMapped};
use ipc_ring::zerocopy::{FromBytes, Immutable, IntoBytes};
use ipc_ring::{AttachErrorKind, Barrier, ElementType, Message, Region};

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

/// What byte `at` of element `number` is.
fn byte(number: u64, at: usize) -> u8 {
    (number as u8).wrapping_mul(31).wrapping_add(at as u8).wrapping_mul(7)
}

fn bytes(number: u64, size: usize) -> Vec<u8> {
    (0..size).map(|at| byte(number, at)).collect()
}

fn element<T: Message>(name: &str) -> ElementType {
    ElementType::new(size_of::<T>(), align_of::<T>(), name).unwrap()
}

fn region<T: Message>() -> Region {
    Region::heap(Mapped::<T>::geometry(CAPACITY).unwrap().total_size())
}

fn pop_raw(consumer: &mut Consumer<RawMapped>, size: usize) -> Option<Vec<u8>> {
    let mut place = vec![MaybeUninit::new(0_u8); size];
    match consumer.try_pop_into(&mut place[..]) {
        // SAFETY: initialised above, and by the pop.
        Pop::Item { .. } => Some(place.iter().map(|byte| unsafe { byte.assume_init() }).collect()),
        Pop::Empty { .. } => None,
        Pop::Corrupt(corruption) => panic!("{corruption}"),
    }
}

/// Passes elements through the ring, as many at a time as it has slots, and one more that is refused.
fn pass(mut push: impl FnMut(u64) -> bool, mut pop: impl FnMut() -> Option<Vec<u8>>, size: usize) {
    let (mut pushed, mut popped) = (0, 0);
    while popped < ELEMENTS {
        while pushed < ELEMENTS && push(pushed) {
            pushed += 1;
        }
        assert!(pushed == ELEMENTS || pushed - popped == CAPACITY, "full with {} elements", pushed - popped);
        for _ in 0..3.min(pushed - popped) {
            assert_eq!(pop().as_deref(), Some(&bytes(popped, size)[..]), "element {popped} of {size} bytes");
            popped += 1;
        }
    }
    assert_eq!(pop(), None);
}

/// Raw to typed and typed to raw, whichever of the two made the ring.
fn meet<T: Message>(name: &str) {
    let size = size_of::<T>();
    let element = element::<T>(name);
    for first in [0, u64::MAX - 5] {
        for is_made_raw in [false, true] {
            let make = |region: Region| {
                if is_made_raw {
                    drop(RawMapped::make(region, &element, CAPACITY, Barrier::Fence, first).unwrap());
                } else {
                    drop(Mapped::<T>::make(region, CAPACITY, Barrier::Fence, first).unwrap());
                }
            };
            let message = |number| T::read_from_bytes(&bytes(number, size)).unwrap();

            let shared = region::<T>();
            make(shared.clone());
            let mut producer = Producer::attach(RawMapped::open(shared.clone(), &element).unwrap()).unwrap();
            let mut consumer = Consumer::attach(Mapped::<T>::open(shared).unwrap());
            assert_eq!((producer.position(), consumer.position()), (first, first));
            pass(
                |number| matches!(producer.try_push(&bytes(number, size)[..]), Push::Done { .. }),
                || match consumer.try_pop() {
                    Pop::Item { item, .. } => Some(item.as_bytes().to_vec()),
                    Pop::Empty { .. } => None,
                    Pop::Corrupt(corruption) => panic!("{corruption}"),
                },
                size,
            );

            let shared = region::<T>();
            make(shared.clone());
            let mut producer = Producer::attach(Mapped::<T>::open(shared.clone()).unwrap()).unwrap();
            let mut consumer = Consumer::attach(RawMapped::open(shared, &element).unwrap());
            pass(
                |number| matches!(producer.try_push(&message(number)), Push::Done { .. }),
                || pop_raw(&mut consumer, size),
                size,
            );
        }
    }
}

#[test]
fn raw_and_typed_ends_meet_in_both_directions() {
    meet::<u8>("u8");
    meet::<[u8; 7]>("[u8;7]");
    meet::<u64>("u64");
    meet::<Words<3>>("Words<3>");
    meet::<[u8; 56]>("[u8;56]");
    meet::<Line>("Line");
    meet::<[u8; 4096]>("[u8;4096]");
    meet::<[u8; 65536]>("[u8;65536]");
}

/// The error is that of a Rust type with the same difference.
#[test]
fn another_element_is_refused_as_another_type_is() {
    let shared = region::<u64>();
    drop(Mapped::<u64>::make(shared.clone(), CAPACITY, Barrier::Fence, 0).unwrap());
    let raw = |size, align, name: &str| {
        let element = ElementType::new(size, align, name).unwrap();
        RawMapped::open(shared.clone(), &element).unwrap_err().to_string()
    };
    let typed = [
        Mapped::<u32>::open(shared.clone()).unwrap_err(),
        Mapped::<[u8; 8]>::open(shared.clone()).unwrap_err(),
        Mapped::<i64>::open(shared.clone()).unwrap_err(),
    ];
    assert_eq!(raw(4, 4, "u32"), typed[0].to_string(), "size");
    assert_eq!(raw(8, 1, "[u8;8]"), typed[1].to_string(), "alignment");
    assert_eq!(raw(8, 8, "i64"), typed[2].to_string(), "name");
    for (size, align) in [(0, 1), (65537, 1), (8, 3), (8, 0), (128, 128), (12, 8)] {
        let answer = ElementType::new(size, align, "x");
        let error = answer.expect_err("no message is like that");
        assert!(matches!(error.kind(), AttachErrorKind::TooLarge { .. }), "{size}, {align}: {error}");
    }
}

/// A peer that changes the header of an open ring changes nothing for the processes that have it open.
#[test]
fn the_header_is_read_once() {
    let shared = region::<Words<3>>();
    let element = element::<Words<3>>("Words<3>");
    drop(RawMapped::make(shared.clone(), &element, CAPACITY, Barrier::Fence, 0).unwrap());
    let mut producer = Producer::attach(RawMapped::open(shared.clone(), &element).unwrap()).unwrap();
    let mut consumer = Consumer::attach(RawMapped::open(shared.clone(), &element).unwrap());
    for word in (0..256).step_by(8) {
        // SAFETY: inside the region, aligned to 8.
        let word = unsafe { shared.base().add(word) };
        // SAFETY: as above; others access it atomically, and they are of this thread.
        unsafe { word.cast::<u64>().write(u64::MAX) };
    }
    pass(
        |number| matches!(producer.try_push(&bytes(number, 24)[..]), Push::Done { .. }),
        || pop_raw(&mut consumer, 24),
        24,
    );
    assert!(RawMapped::open(shared, &element).is_err(), "a new opener sees what was written");
}

/// Whatever value one word of the header has, an opener gets an error or a ring that stays inside its memory.
#[test]
fn no_header_leads_outside_the_memory() {
    let element = element::<u64>("u64");
    let total = Mapped::<u64>::geometry(CAPACITY).unwrap().total_size();
    let mut opened = 0;
    for at in (0..128).step_by(4) {
        for value in [0, 1, 2, 8, 16, 63, 64, 0x480, 1 << 16, 1 << 31, u32::MAX] {
            let memory = Region::heap(total + 4096);
            drop(Mapped::<u64>::make(memory.clone(), CAPACITY, Barrier::Fence, 0).unwrap());
            // SAFETY: inside the region, aligned to 4.
            let word = unsafe { memory.base().add(at) };
            // SAFETY: as above; no other thread has the region.
            unsafe { word.cast::<u32>().write(value) };
            let Ok(ring) = RawMapped::open(memory.clone(), &element) else { continue };
            opened += 1;
            let Ok(mut producer) = Producer::attach(ring) else { continue };
            for number in 0..2 * CAPACITY {
                let _ = producer.try_push(&bytes(number, 8)[..]);
            }
            let behind = (total..total + 4096).all(|at| {
                // SAFETY: inside the region.
                let byte = unsafe { memory.base().add(at) };
                // SAFETY: as above; no other thread has the region.
                unsafe { byte.read() == 0 }
            });
            assert!(behind, "word {at:#x} = {value:#x}: bytes behind the ring were written");
        }
    }
    assert!(opened > 30, "most words are for display: {opened} rings were opened");
}
