//! What the tests of the bytes ring share: rings in both kinds of memory, and frames that show where they
//! belong.
#![allow(dead_code, reason = "each test file uses a part")]

use ipc_core::Key;
use ipc_core::shm::{Options, SharedMemory};
use ipc_ring::Region;
use ipc_ring::platform::Barrier;
use ipc_ring::ring::bytes::{Consumer, Mapped, Pop, Producer};

/// Makes the memory for a ring.
pub type Make = fn(usize) -> Region;

/// Memory of this process.
pub fn heap(len: usize) -> Region {
    Region::heap(len)
}

/// A private segment, marked for removal at once.
pub fn segment(len: usize) -> Region {
    let segment = SharedMemory::create_new(Key::PRIVATE, len, &Options::default()).unwrap();
    let attached = segment.attach();
    segment.remove().unwrap();
    Region::segment(attached.unwrap())
}

/// Both.
pub const MEMORIES: [Make; 2] = [heap, segment];

/// A ring of `capacity` bytes whose first record has `position`.
pub fn ring(make: Make, capacity: u64, position: u64) -> Mapped {
    let geometry = Mapped::geometry(capacity).unwrap();
    let ring = Mapped::new(make(geometry.total_size()), &geometry, Barrier::Fence).unwrap();
    ring.start_at(position);
    ring
}

/// Both ends of such a ring.
pub fn ends(make: Make, capacity: u64, position: u64) -> (Producer<Mapped>, Consumer<Mapped>) {
    let ring = ring(make, capacity, position);
    (Producer::attach(ring.clone()).unwrap(), Consumer::attach(ring).unwrap())
}

/// The frame number `number`, of `len` bytes.
pub fn frame(number: u64, len: usize) -> Vec<u8> {
    (0..len as u64).map(|at| (number.wrapping_mul(31).wrapping_add(at * 7) ^ (at >> 8)) as u8).collect()
}

/// Pops a frame; `None` when there is none.
pub fn pop<M: ipc_ring::ring::bytes::Memory>(consumer: &mut Consumer<M>) -> Option<Vec<u8>> {
    let mut out = vec![0xEE; 3];
    match consumer.try_pop_vec(&mut out) {
        Pop::Frame { len, .. } => {
            assert_eq!(len, out.len());
            Some(out)
        }
        Pop::Empty { .. } => None,
        other => panic!("{other:?}"),
    }
}

/// Small, fast, the same on every machine (Marsaglia's xorshift).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}
