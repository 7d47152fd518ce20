//! Every ring that can begin at a position of one's choosing, over the table of kinds: a fresh one is empty
//! whatever that position is, even if the position wraps around in the first lap, and yields exactly what was
//! pushed.

use std::num::NonZeroU64;

use ipc_ring::ring::{broadcast, bytes, mpmc, spsc};
use ipc_ring::{Barrier, Region};

/// One thread's view of a ring: the results of pushing and popping.
struct Ring {
    push: Box<dyn FnMut(u64) -> bool>,
    pop: Box<dyn FnMut() -> Result<Option<u64>, String>>,
    /// How many fit.
    room: u64,
}

struct Kind {
    name: &'static str,
    /// The unit of positions.
    unit: u64,
    make: fn(capacity: u64, first: u64) -> Ring,
}

const KINDS: [Kind; 5] = [
    Kind { name: "spsc", unit: 1, make: of_spsc },
    Kind { name: "mpmc", unit: 1, make: of_mpmc },
    Kind { name: "bytes", unit: 8, make: of_bytes },
    Kind { name: "broadcast, gated", unit: 1, make: |capacity, first| of_broadcast(capacity, first, true) },
    Kind { name: "broadcast, lossy", unit: 1, make: |capacity, first| of_broadcast(capacity, first, false) },
];

fn of_spsc(capacity: u64, first: u64) -> Ring {
    let region = Region::heap(spsc::Mapped::<u64>::geometry(capacity).unwrap().total_size());
    let ring = spsc::Mapped::<u64>::make(region.clone(), capacity, Barrier::Fence, first).unwrap();
    let mut producer = spsc::Producer::attach(ring).unwrap();
    let mut consumer = spsc::Consumer::attach(spsc::Mapped::<u64>::open(region).unwrap());
    Ring {
        push: Box::new(move |number| matches!(producer.try_push(&number), spsc::Push::Done { .. })),
        pop: Box::new(move || match consumer.try_pop() {
            spsc::Pop::Item { item, .. } => Ok(Some(item)),
            spsc::Pop::Empty { .. } => Ok(None),
            spsc::Pop::Corrupt(corruption) => Err(corruption.to_string()),
        }),
        room: capacity,
    }
}

fn of_mpmc(capacity: u64, first: u64) -> Ring {
    let geometry = mpmc::Mapped::<u64>::geometry(capacity).unwrap();
    let ring = mpmc::Mapped::<u64>::new(Region::heap(geometry.total_size()), &geometry).unwrap();
    ring.start_at(first);
    let seat = |identity| mpmc::Seat::take(&ring, NonZeroU64::new(identity).unwrap()).unwrap();
    let mut producer = mpmc::Producer::attach(ring.clone(), seat(1));
    let mut consumer = mpmc::Consumer::attach(ring.clone(), seat(2));
    Ring {
        push: Box::new(move |number| producer.try_push(&number).is_ok()),
        pop: Box::new(move || match consumer.try_pop() {
            Ok(popped) => Ok(Some(popped.item)),
            Err(mpmc::Nothing::Empty) => Ok(None),
            Err(other) => Err(format!("{other:?}")),
        }),
        room: capacity,
    }
}

fn of_bytes(capacity: u64, first: u64) -> Ring {
    let geometry = bytes::Mapped::geometry(16 * capacity).unwrap();
    let ring = bytes::Mapped::new(Region::heap(geometry.total_size()), &geometry, Barrier::Fence).unwrap();
    ring.start_at(first);
    let mut producer = bytes::Producer::attach(ring.clone()).unwrap();
    let mut consumer = bytes::Consumer::attach(ring).unwrap();
    Ring {
        push: Box::new(move |number| producer.try_push(&number.to_ne_bytes()).is_ok()),
        pop: Box::new(move || {
            let mut frame = Vec::new();
            match consumer.try_pop_vec(&mut frame) {
                bytes::Pop::Frame { .. } => {
                    Ok(Some(u64::from_ne_bytes(frame.try_into().map_err(|f| format!("{f:?}"))?)))
                }
                bytes::Pop::Empty { .. } => Ok(None),
                other => Err(format!("{other:?}")),
            }
        }),
        room: 1,
    }
}

fn of_broadcast(capacity: u64, first: u64, gated: bool) -> Ring {
    use broadcast::{Mapped, Mode, Pop, Publish, Publisher, Resume, Start, Subscriber, seat};
    let region = Region::heap(Mapped::<u64>::geometry(capacity).unwrap().total_size());
    let mode = if gated { Mode::Gated } else { Mode::Lossy };
    let ring = Mapped::<u64>::make(region.clone(), capacity, Barrier::Fence, mode, first).unwrap();
    let mut publisher = Publisher::attach(ring).unwrap();
    let open = || Mapped::<u64>::open(region.clone()).unwrap();
    let mut subscriber = if gated {
        let ring = open();
        let seat = seat::take(&ring, NonZeroU64::new(7).unwrap()).unwrap();
        Subscriber::join(ring, seat, Start::Oldest, Resume::Oldest, || true).unwrap()
    } else {
        Subscriber::watch(open(), Start::Oldest, Resume::Oldest)
    };
    Ring {
        push: Box::new(move |number| matches!(publisher.try_publish(&number), Publish::Done)),
        pop: Box::new(move || {
            let something = subscriber.has_something();
            match subscriber.try_pop() {
                Pop::Item { item, .. } => Ok(Some(item)),
                Pop::Empty { .. } if something => Err("something is there, and nothing is".to_owned()),
                Pop::Empty { .. } => Ok(None),
                other => Err(format!("{other:?}")),
            }
        }),
        room: capacity,
    }
}

/// Around each place where numbers wrap: zero, the middle and the maximum of 64 bits, of the 46 that a lap
/// has, and of 32.
fn firsts(unit: u64) -> impl Iterator<Item = u64> {
    [0, 1 << 32, 1 << 46, 1 << 63].into_iter().flat_map(move |turn: u64| {
        (-20..=20_i64).map(move |by| turn.wrapping_add_signed(by * unit.cast_signed()))
    })
}

#[test]
fn a_fresh_ring_is_empty_wherever_it_begins() {
    for kind in KINDS {
        for capacity in [1, 2, 8] {
            for first in firsts(kind.unit) {
                let case = format!("{}, capacity {capacity}, from {first:#x}", kind.name);
                let Ring { mut push, mut pop, room } = (kind.make)(capacity, first);
                assert_eq!(pop(), Ok(None), "{case}: nothing was pushed");
                let mut next = 1000;
                for round in 0..12 {
                    let count = 1 + round % room;
                    for number in next..next + count {
                        assert!(push(number), "{case}: {number} finds room");
                    }
                    for number in next..next + count {
                        assert_eq!(pop(), Ok(Some(number)), "{case}");
                    }
                    assert_eq!(pop(), Ok(None), "{case}: all of it is popped");
                    next += count;
                }
            }
        }
    }
}

/// Zeroed memory is a fresh broadcast ring at position 0, as channels make it. A subscriber that names a
/// position there gets nothing before something is published.
#[test]
fn a_reader_that_names_a_position_gets_nothing_that_was_not_published() {
    use broadcast::{Mapped, Mode, Pop, Resume, Start, Subscriber, seat};
    for capacity in [1, 2, 8] {
        for start in firsts(1) {
            for gated in [false, true] {
                let geometry = Mapped::<u64>::geometry(capacity).unwrap();
                let mode = if gated { Mode::Gated } else { Mode::Lossy };
                let ring =
                    Mapped::<u64>::new(Region::heap(geometry.total_size()), &geometry, Barrier::Fence, mode)
                        .unwrap();
                let mut subscriber = if gated {
                    let seat = seat::take(&ring, NonZeroU64::MIN).unwrap();
                    Subscriber::join(ring, seat, Start::At(start), Resume::Oldest, || true).unwrap()
                } else {
                    Subscriber::watch(ring, Start::At(start), Resume::Oldest)
                };
                for _ in 0..3 {
                    match subscriber.try_pop() {
                        Pop::Empty { .. } => {}
                        Pop::Missed { count } => assert_eq!(count, start.wrapping_neg(), "from {start:#x}"),
                        other => panic!("from {start:#x} in {capacity}, {mode}: {other:?}"),
                    }
                }
            }
        }
    }
}
