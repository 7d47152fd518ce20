//! The memory that a ring accepts, over the table of kinds: large enough, with the ring's own geometry, and
//! writable. Anything else is a specific error, in whatever way the ring is made or opened, and then nothing
//! is written.

mod common;

use common::private_namespace;
use ipc_core::Key;
use ipc_core::shm::{Options, SharedMemory};
use ipc_ring::layout::Geometry;
use ipc_ring::ring::{broadcast, bytes, call, latest, mpmc, pool, spsc};
use ipc_ring::{AttachError, AttachErrorKind, Barrier, Region};

type Way = fn(Region) -> Result<(), AttachError>;
type WayWith = fn(Region, &Geometry) -> Result<(), AttachError>;

/// Ways to obtain a ring over a region, by their results.
struct Kind {
    name: &'static str,
    /// Bytes of the smallest ring.
    size: fn() -> usize,
    /// Header and all; `None` when a kind's rings have none by themselves.
    make: Option<Way>,
    open: Option<Way>,
    /// Over memory whose header was written or checked elsewhere.
    new: Way,
    /// With this geometry, when the kind takes one.
    with: Option<WayWith>,
}

const FENCE: Barrier = Barrier::Fence;
const LOSSY: broadcast::Mode = broadcast::Mode::Lossy;

type Spsc = spsc::Mapped<u64>;
type Mpmc = mpmc::Mapped<u64>;
type Messages = broadcast::Mapped<u64>;
type Frames = broadcast::frames::Mapped;
type Payloads = broadcast::Mapped<pool::Handle>;
type Latest = latest::Mapped<u64>;
type Call = call::Mapped<u64, u64>;

fn shape() -> pool::Shape {
    pool::Shape::new(&[(64, 1)]).unwrap()
}

const KINDS: [Kind; 9] = [
    Kind {
        name: "spsc",
        size: || Spsc::geometry(1).unwrap().total_size(),
        make: Some(|region| Spsc::make(region, 1, FENCE, 0).map(drop)),
        open: Some(|region| Spsc::open(region).map(drop)),
        new: |region| Spsc::new(region, &Spsc::geometry(1)?, FENCE).map(drop),
        with: Some(|region, geometry| Spsc::new(region, geometry, FENCE).map(drop)),
    },
    Kind {
        name: "bytes",
        size: || bytes::Mapped::geometry(1).unwrap().total_size(),
        make: None,
        open: None,
        new: |region| bytes::Mapped::new(region, &bytes::Mapped::geometry(1)?, FENCE).map(drop),
        with: Some(|region, geometry| bytes::Mapped::new(region, geometry, FENCE).map(drop)),
    },
    Kind {
        name: "mpmc",
        size: || Mpmc::geometry(1).unwrap().total_size(),
        make: None,
        open: None,
        new: |region| Mpmc::new(region, &Mpmc::geometry(1)?).map(drop),
        with: Some(|region, geometry| Mpmc::new(region, geometry).map(drop)),
    },
    Kind {
        name: "broadcast",
        size: || Messages::geometry(1).unwrap().total_size(),
        make: Some(|region| Messages::make(region, 1, FENCE, LOSSY, 0).map(drop)),
        open: Some(|region| Messages::open(region).map(drop)),
        new: |region| Messages::new(region, &Messages::geometry(1)?, FENCE, LOSSY).map(drop),
        with: Some(|region, geometry| Messages::new(region, geometry, FENCE, LOSSY).map(drop)),
    },
    Kind {
        name: "frames",
        size: || Frames::geometry(1).unwrap().total_size(),
        make: Some(|region| Frames::make(region, 1, FENCE, LOSSY).map(drop)),
        open: Some(|region| Frames::open(region).map(drop)),
        new: |region| Frames::new(region, &Frames::geometry(1)?, FENCE, LOSSY).map(drop),
        with: Some(|region, geometry| Frames::new(region, geometry, FENCE, LOSSY).map(drop)),
    },
    Kind {
        name: "payloads",
        size: || Payloads::geometry(1).unwrap().total_size(),
        make: Some(|region| Payloads::make(region, 1, FENCE, LOSSY, 0).map(drop)),
        open: Some(|region| Payloads::open(region).map(drop)),
        new: |region| Payloads::new(region, &Payloads::geometry(1)?, FENCE, LOSSY).map(drop),
        with: Some(|region, geometry| Payloads::new(region, geometry, FENCE, LOSSY).map(drop)),
    },
    Kind {
        name: "latest",
        size: || Latest::geometry(1).unwrap().total_size(),
        make: Some(|region| Latest::make(region, 1, FENCE).map(drop)),
        open: Some(|region| Latest::open(region).map(drop)),
        new: |region| Latest::new(region, &Latest::geometry(1)?).map(drop),
        with: Some(|region, geometry| Latest::new(region, geometry).map(drop)),
    },
    Kind {
        name: "call",
        size: || Call::geometry(1).unwrap().total_size(),
        make: Some(|region| Call::make(region, FENCE).map(drop)),
        open: Some(|region| Call::open(region).map(drop)),
        new: |region| Call::new(region, FENCE).map(drop),
        with: None,
    },
    Kind {
        name: "pool",
        size: || shape().total_size,
        make: None,
        open: None,
        new: |region| pool::Mapped::new(region, shape(), 1).map(drop),
        with: None,
    },
];

#[test]
fn memory_that_is_too_small_is_refused() {
    for kind in KINDS {
        let size = (kind.size)();
        (kind.new)(Region::heap(size)).unwrap_or_else(|error| panic!("{}: {error}", kind.name));
        for len in [0, 1, 64, 255, 256, size / 2, size - 1] {
            for way in [Some(kind.new), kind.make].into_iter().flatten() {
                match way(Region::heap(len)).map_err(AttachError::into_kind) {
                    Err(AttachErrorKind::TooSmall { found, needed }) => {
                        assert_eq!((found, needed), (len, size))
                    }
                    other => panic!("{} in {len} bytes: {other:?}", kind.name),
                }
            }
        }
    }
}

/// A geometry that no ring of the kind would compute for itself: another element, another capacity, another
/// place for the slots.
#[test]
fn a_geometry_of_something_else_is_refused() {
    let rings = [
        Spsc::geometry(4),
        spsc::Mapped::<u8>::geometry(4),
        spsc::Mapped::<[u8; 4096]>::geometry(4),
        Mpmc::geometry(4),
        mpmc::Mapped::<[u8; 9]>::geometry(4),
        Messages::geometry(4),
        Payloads::geometry(4),
        bytes::Mapped::geometry(4),
        Frames::geometry(4),
        Latest::geometry(4),
        latest::Mapped::<[u8; 4096]>::geometry(3),
        Call::geometry(1),
    ];
    let own = rings.into_iter().map(Result::unwrap);
    let others =
        (1..=4).flat_map(|size| Geometry::new(4, size * 8, 8, 8)).chain(Geometry::new(1 << 32, 8, 8, 64));
    let geometries: Vec<Geometry> = own.chain(others).collect();
    for kind in KINDS {
        let Some(with) = kind.with else { continue };
        let taken: Vec<&Geometry> = geometries
            .iter()
            .filter(|geometry| {
                let answer = with(Region::heap(1 << 20), geometry);
                assert!(
                    matches!(
                        answer.as_ref().map_err(AttachError::kind),
                        Ok(()) | Err(AttachErrorKind::Geometry { .. } | AttachErrorKind::TooLarge { .. })
                    ),
                    "{}, {geometry:?}: {answer:?}",
                    kind.name
                );
                answer.is_ok()
            })
            .collect();
        assert_eq!(taken.len(), 1, "{} takes its own only: {taken:?}", kind.name);
    }
}

#[test]
fn sizes_that_wrap_are_no_geometry() {
    for capacity in [1 << 60, 1 << 61, u64::MAX, (1 << 60) + 1] {
        assert!(Spsc::geometry(capacity).is_err() && Mpmc::geometry(capacity).is_err());
        assert!(Messages::geometry(capacity).is_err() && Latest::geometry(capacity).is_err());
        assert!(bytes::Mapped::geometry(capacity).is_err() && Frames::geometry(capacity).is_err());
        assert!(Call::geometry(capacity).is_err());
        assert!(Geometry::new(capacity, 8, 8, 1024).is_none());
    }
    assert!(Geometry::new(4, 8, 8, usize::MAX - 63).is_none());
    assert!(Geometry::new(1 << 32, usize::MAX / 2 - 64, 8, 64).is_none());
}

/// The kernel would end the process at the first store.
#[test]
fn memory_that_may_only_be_read_is_refused() {
    private_namespace();
    for kind in KINDS {
        let memory = SharedMemory::create_new(Key::PRIVATE, (kind.size)(), &Options::default()).unwrap();
        let writable = Region::segment(memory.attach().unwrap());
        let read_only = Region::segment(memory.attach_read_only().unwrap());
        memory.remove().unwrap();
        assert!(read_only.is_read_only() && !writable.is_read_only());
        if let Some(make) = kind.make {
            make(writable).unwrap_or_else(|error| panic!("{}: {error}", kind.name));
        }
        for way in [Some(kind.new), kind.make, kind.open].into_iter().flatten() {
            let answer = way(read_only.clone());
            assert!(
                matches!(answer.as_ref().map_err(AttachError::kind), Err(AttachErrorKind::ReadOnly)),
                "{}: {answer:?}",
                kind.name
            );
        }
    }
}
