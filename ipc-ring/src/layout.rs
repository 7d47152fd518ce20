//! The header at the start of every ring's memory, and the order in which its fields are checked.
//!
//! The bytes are specified in `docs/layout.md`; the assertions below keep the code consistent with it. All
//! numbers are in the machine's own byte order: a ring never leaves the machine.

mod description;
mod type_name;

use core::mem::offset_of;
use core::sync::atomic::Ordering;

use zerocopy::{FromBytes, Immutable, IntoBytes};

pub(crate) use description::{Element, MAX_DESCRIPTION, is_described, size_with};
pub(crate) use type_name::{note_type, noted_type};

use crate::error::{AttachError, AttachErrorKind};
use crate::message::Fingerprint;
use crate::platform::Barrier;
use crate::region::Region;

/// The first eight bytes of a ring, readable in a hex dump.
pub(crate) const MAGIC: u64 = u64::from_ne_bytes(*b"ipc-ring");
/// The version of the layout. Any change of the bytes' meaning raises it.
pub(crate) const VERSION: u32 = 3;
/// Bytes between two words that must not share a cache line, nor a pair of lines fetched together.
pub(crate) const APART: usize = 128;
/// A cache line.
pub(crate) const LINE: usize = 64;
/// The longest name of a channel, in bytes.
pub(crate) const NAME_BYTES: usize = 120;

/// `ready` holds this once the header is complete.
const READY: u32 = 0x5244_5931;
/// Flag: sleepers run `membarrier`, notifiers only a compiler fence.
const FLAG_ASYMMETRIC: u32 = 1;

/// The kind of ring that the memory holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u32)]
pub enum Kind {
    /// One producer, one consumer, fixed-size elements.
    Spsc = 1,
    /// One producer, one consumer, frames of any length.
    Bytes = 2,
    /// Many producers, many consumers, fixed-size elements.
    Mpmc = 3,
    /// One publisher, many subscribers, fixed-size elements.
    Broadcast = 4,
    /// One publisher, many subscribers, frames of any length.
    BroadcastBytes = 5,
    /// One writer, many readers, the newest value of each key.
    Latest = 6,
    /// One caller, one responder, request and reply in one line.
    Call = 7,
    /// No ring: blocks for large payloads.
    Pool = 8,
}

/// The name of a kind of channel, by its number in headers and directories.
pub(crate) fn kind_name(raw: u32) -> Option<&'static str> {
    const NAMES: [(u32, &str); 9] = [
        (Kind::Spsc as u32, "spsc"),
        (Kind::Bytes as u32, "bytes"),
        (Kind::Mpmc as u32, "mpmc"),
        (Kind::Broadcast as u32, "broadcast"),
        (Kind::BroadcastBytes as u32, "broadcast-bytes"),
        (Kind::Latest as u32, "latest"),
        (Kind::Call as u32, "call"),
        (Kind::Pool as u32, "pool"),
        (crate::domain::layout::LISTENER, "listener"),
    ];
    NAMES.iter().find(|(kind, _)| *kind == raw).map(|(_, name)| *name)
}

/// The header, written once by the creator; `ready` last.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub(crate) struct Header {
    pub(crate) magic: u64,
    pub(crate) ready: u32,
    pub(crate) version: u32,
    pub(crate) kind: u32,
    pub(crate) flags: u32,
    pub(crate) total_size: u64,
    pub(crate) capacity: u64,
    pub(crate) element_size: u64,
    pub(crate) element_align: u64,
    pub(crate) stride: u64,
    pub(crate) slots_offset: u64,
    pub(crate) fingerprint: [u64; 2],
    pub(crate) generation: u64,
    pub(crate) first_position: u64,
    pub(crate) created_ns: u64,
    pub(crate) creator_pid: u32,
    pub(crate) creator_uid: u32,
    pub(crate) name_length: u32,
    /// Bytes of the text behind the slots that describes the elements; 0: there is none.
    pub(crate) description_length: u32,
    pub(crate) name: [u8; NAME_BYTES],
    pub(crate) open: u32,
    /// Bytes of the element type's name, which stands behind the channel's; 0: it is not there.
    pub(crate) type_length: u32,
}

/// Where the words of the ring itself begin.
pub(crate) const HEADER_SIZE: usize = 256;

const _: () = {
    assert!(size_of::<Header>() == HEADER_SIZE);
    assert!(offset_of!(Header, magic) == 0x00);
    assert!(offset_of!(Header, ready) == 0x08);
    assert!(offset_of!(Header, version) == 0x0c);
    assert!(offset_of!(Header, kind) == 0x10);
    assert!(offset_of!(Header, flags) == 0x14);
    assert!(offset_of!(Header, total_size) == 0x18);
    assert!(offset_of!(Header, capacity) == 0x20);
    assert!(offset_of!(Header, element_size) == 0x28);
    assert!(offset_of!(Header, element_align) == 0x30);
    assert!(offset_of!(Header, stride) == 0x38);
    assert!(offset_of!(Header, slots_offset) == 0x40);
    assert!(offset_of!(Header, fingerprint) == 0x48);
    assert!(offset_of!(Header, generation) == 0x58);
    assert!(offset_of!(Header, first_position) == 0x60);
    assert!(offset_of!(Header, created_ns) == 0x68);
    assert!(offset_of!(Header, creator_pid) == 0x70);
    assert!(offset_of!(Header, creator_uid) == 0x74);
    assert!(offset_of!(Header, name_length) == 0x78);
    assert!(offset_of!(Header, description_length) == 0x7c);
    assert!(offset_of!(Header, name) == 0x80);
};

/// The shape of a ring: everything needed to turn positions into addresses.
///
/// Created by the `geometry` of a ring's `Mapped`, and by nothing else outside this library: so the sizes in
/// a value of this type were multiplied with overflow checks. `Mapped::new` still checks it.
///
/// ```compile_fail
/// use ipc_ring::layout::Geometry;
///
/// let geometry = Geometry::new(4, 8, 8, 1024).expect("a small ring");
/// let wraps = Geometry { capacity: 1 << 60, ..geometry }; // 2^60 slots of 16 bytes are 0 bytes.
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    capacity: u64,
    element_size: usize,
    element_align: usize,
    word_offset: usize,
    stride: usize,
    total_size: usize,
}

/// The largest number of slots.
pub const MAX_CAPACITY: u64 = 1 << 32;

impl Geometry {
    /// The geometry of a ring of `capacity` elements of `size` bytes, its slots starting at `slots_offset`.
    ///
    /// The capacity is rounded up to a power of two. `None` when it is 0 or above [`MAX_CAPACITY`], or when
    /// the sum does not fit.
    #[must_use]
    pub fn new(capacity: u64, size: usize, align: usize, slots_offset: usize) -> Option<Self> {
        if capacity == 0 || capacity > MAX_CAPACITY || size == 0 || !align.is_power_of_two() || align > LINE {
            return None;
        }
        let word_offset = size.checked_next_multiple_of(8)?;
        let stride = word_offset.checked_add(8)?.checked_next_multiple_of(align.max(8))?;
        let shape = Self {
            capacity: capacity.next_power_of_two(),
            element_size: size,
            element_align: align,
            word_offset,
            stride,
            total_size: 0,
        };
        shape.behind(slots_offset)
    }

    /// The geometry of a ring of `count` elements of `size` bytes, each `stride` bytes after the previous
    /// one, from `slots_offset` on. `None` when the sum does not fit.
    pub(crate) fn of_cells(
        count: u64,
        size: usize,
        align: usize,
        stride: usize,
        slots_offset: usize,
    ) -> Option<Self> {
        let shape = Self {
            capacity: count,
            element_size: size,
            element_align: align,
            word_offset: 0,
            stride,
            total_size: 0,
        };
        shape.behind(slots_offset)
    }

    /// The geometry from the header for memory whose size does not follow from the number of its parts and
    /// their strides: the caller has computed the size.
    pub(crate) const fn of_parts(
        count: u64,
        size: usize,
        align: usize,
        stride: usize,
        total_size: usize,
    ) -> Self {
        Self { capacity: count, element_size: size, element_align: align, word_offset: 0, stride, total_size }
    }

    /// Including the offset, no larger than an object can be.
    fn behind(self, slots_offset: usize) -> Option<Self> {
        let slots = usize::try_from(self.capacity).ok()?.checked_mul(self.stride)?;
        let total_size = slots.checked_add(slots_offset)?;
        isize::try_from(total_size).ok()?;
        Some(Self { total_size, ..self })
    }

    /// Number of slots: a power of two, except in a table of latest values, whose keys are not rounded up.
    /// Bytes in a ring of frames.
    #[must_use]
    pub const fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Bytes of one element.
    #[must_use]
    pub const fn element_size(&self) -> usize {
        self.element_size
    }

    /// Alignment of one element, in bytes.
    #[must_use]
    pub const fn element_align(&self) -> usize {
        self.element_align
    }

    /// Bytes from the start of a slot, where its payload lies, to its word.
    #[must_use]
    pub const fn word_offset(&self) -> usize {
        self.word_offset
    }

    /// Bytes from one slot to the next. Not rounded up to lines.
    #[must_use]
    pub const fn stride(&self) -> usize {
        self.stride
    }

    /// Bytes of memory that the whole ring takes.
    #[must_use]
    pub const fn total_size(&self) -> usize {
        self.total_size
    }

    /// Checks that this is `own`, which a ring computes for this capacity, and lies entirely in the region.
    ///
    /// # Errors
    /// [`Geometry`](crate::AttachErrorKind::Geometry) for the geometry of another ring or element;
    /// [`TooSmall`](crate::AttachErrorKind::TooSmall).
    pub(crate) fn is_of(&self, own: &Self, region: &Region) -> Result<(), AttachError> {
        if self != own {
            return Err(AttachErrorKind::Geometry {
                capacity: self.capacity,
                stride: self.stride as u64,
                total_size: self.total_size as u64,
                memory: region.len() as u64,
            }
            .into());
        }
        region.holds(own.total_size)
    }
}

/// What a creator writes into the header in addition to the geometry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity<'a> {
    pub(crate) kind: Kind,
    pub(crate) barrier: Barrier,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) generation: u64,
    pub(crate) first_position: u64,
    pub(crate) name: &'a str,
    /// The text that describes the elements; empty if there is none.
    pub(crate) description: &'a str,
}

/// What an opener requires.
#[derive(Clone, Copy)]
pub(crate) struct Expected<'a> {
    pub(crate) kind: Kind,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) slots_offset: usize,
    /// The geometry of such a ring with a given capacity.
    pub(crate) geometry: &'a dyn Fn(u64) -> Result<Geometry, AttachError>,
    /// `None` accepts any.
    pub(crate) capacity: Option<u64>,
    /// `None` accepts any.
    pub(crate) generation: Option<u64>,
}

/// What an opener learns, copied out of shared memory and checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checked {
    pub(crate) geometry: Geometry,
    pub(crate) barrier: Barrier,
}

/// Writes a header and the description into fresh memory, `ready` last.
///
/// # Panics
/// When the region is smaller than a header, or than [`size_with`] the description.
pub(crate) fn write(region: &Region, geometry: &Geometry, slots_offset: usize, identity: Identity<'_>) {
    description::write(region, geometry.total_size, identity.description);
    let mut name = [0; NAME_BYTES];
    let length = identity.name.len().min(NAME_BYTES);
    name[..length].copy_from_slice(&identity.name.as_bytes()[..length]);
    let (low, high) = identity.fingerprint.halves();
    let header = Header {
        magic: MAGIC,
        ready: 0,
        version: VERSION,
        kind: identity.kind as u32,
        flags: if identity.barrier == Barrier::Asymmetric { FLAG_ASYMMETRIC } else { 0 },
        total_size: geometry.total_size as u64,
        capacity: geometry.capacity,
        element_size: geometry.element_size as u64,
        element_align: geometry.element_align as u64,
        stride: geometry.stride as u64,
        slots_offset: slots_offset as u64,
        fingerprint: [low, high],
        generation: identity.generation,
        first_position: identity.first_position,
        created_ns: crate::clock::wall_ns(),
        creator_pid: std::process::id(),
        creator_uid: nix::unistd::geteuid().as_raw(),
        name_length: length as u32,
        description_length: identity.description.len() as u32,
        name,
        open: 0,
        type_length: 0,
    };
    region.copy_in(0, header.as_bytes());
    let ready = region.half(offset_of!(Header, ready));
    // [R1] Release → the Acquire in `check`: the header and the ring's first words are written before.
    ready.store(READY, Ordering::Release);
}

/// The settings that are not chosen yet, as in [`Header::open`], and whether another ring has replaced this
/// one. The only field that changes after the header is written; under the domain's lock.
pub(crate) fn open(region: &Region) -> &core::sync::atomic::AtomicU32 {
    region.half(offset_of!(Header, open))
}

/// Copies the header to private memory and checks it: magic, version, ready, kind, geometry, element.
///
/// # Errors
/// The first thing that is not as expected, with what was found.
pub(crate) fn check(region: &Region, expected: &Expected<'_>) -> Result<Checked, AttachError> {
    let header = read(region, expected.kind)?;
    let one = (expected.geometry)(1)?;
    let (found, expect) =
        ((header.element_size, header.element_align), (one.element_size as u64, one.element_align as u64));
    if found != expect {
        return Err(AttachErrorKind::ElementSize { found, expected: expect }.into());
    }
    let [low, high] = header.fingerprint;
    let fingerprint = Fingerprint::from_halves(low, high);
    if fingerprint != expected.fingerprint {
        return Err(
            AttachErrorKind::ElementType { found: fingerprint, expected: expected.fingerprint }.into()
        );
    }
    let geometry = (expected.geometry)(header.capacity).ok();
    let geometry = header.agrees(geometry, expected.slots_offset, region)?;
    if let Some(capacity) = expected.capacity
        && geometry.capacity != capacity
    {
        return Err(AttachErrorKind::Capacity { found: geometry.capacity, expected: capacity }.into());
    }
    header.checks_description(region)?;
    header.is_of(expected.generation)?;
    Ok(Checked { geometry, barrier: header.barrier() })
}

/// What an observer learns about a ring without knowing its element type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) geometry: Geometry,
    pub(crate) barrier: Barrier,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) first_position: u64,
    pub(crate) created_ns: u64,
}

/// As [`check`], for the elements given in the header, in a ring of fixed-size slots.
///
/// # Errors
/// As [`check`].
pub(crate) fn look(
    region: &Region,
    kind: Kind,
    slots_offset: usize,
    generation: Option<u64>,
) -> Result<Seen, AttachError> {
    look_with(region, kind, slots_offset, generation, |header| {
        let number = |word: u64| usize::try_from(word).ok();
        number(header.element_size)
            .filter(|size| *size <= crate::message::MAX_MESSAGE_SIZE)
            .zip(number(header.element_align))
            .and_then(|(size, align)| Geometry::new(header.capacity, size, align, slots_offset))
    })
}

/// As [`look`], for a ring whose geometry follows from the header in another way.
///
/// # Errors
/// As [`check`].
pub(crate) fn look_with(
    region: &Region,
    kind: Kind,
    slots_offset: usize,
    generation: Option<u64>,
    geometry: impl FnOnce(&Header) -> Option<Geometry>,
) -> Result<Seen, AttachError> {
    let header = read(region, kind)?;
    let geometry = header.agrees(geometry(&header), slots_offset, region)?;
    header.checks_description(region)?;
    header.is_of(generation)?;
    let [low, high] = header.fingerprint;
    Ok(Seen {
        geometry,
        barrier: header.barrier(),
        fingerprint: Fingerprint::from_halves(low, high),
        first_position: header.first_position,
        created_ns: header.created_ns,
    })
}

/// What the start of a segment says about itself, before any requirement is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Plate {
    /// A finished ring.
    Ring {
        /// The number of its kind.
        kind: u32,
        /// Its generation.
        generation: u64,
        /// Its channel's name.
        name: String,
    },
    /// Blank, or an unfinished header.
    Unfinished,
    /// Something else.
    Foreign,
}

/// Reads the start of a segment.
pub(crate) fn name_plate(region: &Region) -> Plate {
    if region.len() < HEADER_SIZE {
        return Plate::Foreign;
    }
    // [R1] Acquire ← the Release in `write`: what follows is the finished header.
    let ready = region.half(offset_of!(Header, ready)).load(Ordering::Acquire);
    let mut bytes = [0; HEADER_SIZE];
    region.copy_out(0, &mut bytes);
    let header = Header::read_from_bytes(&bytes).expect("the sizes are asserted equal");
    match (header.magic, ready) {
        (MAGIC, READY) => {
            let length = (header.name_length as usize).min(NAME_BYTES);
            let name = String::from_utf8_lossy(&header.name[..length]).into_owned();
            Plate::Ring { kind: header.kind, generation: header.generation, name }
        }
        (MAGIC | 0, 0) => Plate::Unfinished,
        _ => Plate::Foreign,
    }
}

/// A copy of a finished ring's header, of any kind, for display: unchecked. `None` for anything else.
pub(crate) fn describe(region: &Region) -> Option<Header> {
    if region.len() < HEADER_SIZE {
        return None;
    }
    // [R1] Acquire ← the Release in `write`: what follows is the finished header.
    let ready = region.half(offset_of!(Header, ready)).load(Ordering::Acquire);
    let mut bytes = [0; HEADER_SIZE];
    region.copy_out(0, &mut bytes);
    let header = Header::read_from_bytes(&bytes).expect("the sizes are asserted equal");
    (header.magic == MAGIC && header.version == VERSION && ready == READY).then_some(header)
}

/// Copies the header to private memory and checks what every opener requires.
pub(crate) fn read(region: &Region, kind: Kind) -> Result<Header, AttachError> {
    let len = region.len();
    if len < HEADER_SIZE {
        return Err(AttachErrorKind::TooSmall { found: len, needed: HEADER_SIZE }.into());
    }
    // [R1] Acquire ← the Release in `write`: what follows is the finished header.
    let ready = region.half(offset_of!(Header, ready)).load(Ordering::Acquire);
    let mut bytes = [0; HEADER_SIZE];
    region.copy_out(0, &mut bytes);
    let header = Header::read_from_bytes(&bytes).expect("the sizes are asserted equal");

    if header.magic != MAGIC {
        return Err(AttachErrorKind::NotARing { found: header.magic }.into());
    }
    if header.version != VERSION {
        return Err(AttachErrorKind::Version { found: header.version, expected: VERSION }.into());
    }
    if ready != READY {
        return Err(AttachErrorKind::NotReady.into());
    }
    if header.kind != kind as u32 {
        return Err(AttachErrorKind::Kind { found: header.kind, expected: kind as u32 }.into());
    }
    Ok(header)
}

impl Header {
    /// The geometry computed from the header, if all of the header and the size of the memory agree with it.
    fn agrees(
        &self,
        geometry: Option<Geometry>,
        slots_offset: usize,
        region: &Region,
    ) -> Result<Geometry, AttachError> {
        geometry
            .filter(|geometry| {
                geometry.capacity == self.capacity
                    && geometry.stride as u64 == self.stride
                    && geometry.total_size as u64 == self.total_size
                    && slots_offset as u64 == self.slots_offset
                    && geometry.total_size <= region.len()
            })
            .ok_or_else(|| {
                AttachErrorKind::Geometry {
                    capacity: self.capacity,
                    stride: self.stride,
                    total_size: self.total_size,
                    memory: region.len() as u64,
                }
                .into()
            })
    }

    /// Whether the ring is of the generation asked for.
    pub(crate) fn is_of(&self, generation: Option<u64>) -> Result<(), AttachError> {
        match generation {
            Some(expected) if self.generation != expected => {
                Err(AttachErrorKind::Generation { found: self.generation, expected }.into())
            }
            _ => Ok(()),
        }
    }

    fn barrier(&self) -> Barrier {
        if self.flags & FLAG_ASYMMETRIC != 0 { Barrier::Asymmetric } else { Barrier::Fence }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOTS: usize = 1024;

    fn expected() -> Expected<'static> {
        Expected {
            kind: Kind::Spsc,
            fingerprint: Fingerprint::of::<u64>(),
            slots_offset: SLOTS,
            geometry: &|capacity| {
                Geometry::new(capacity, 8, 8, SLOTS).ok_or_else(|| {
                    AttachErrorKind::TooLarge { capacity, most: MAX_CAPACITY, element_size: 8 }.into()
                })
            },
            capacity: None,
            generation: Some(7),
        }
    }

    fn ring() -> Region {
        let geometry = Geometry::new(16, 8, 8, SLOTS).unwrap();
        let region = Region::heap(geometry.total_size);
        let identity = Identity {
            kind: Kind::Spsc,
            barrier: Barrier::Fence,
            fingerprint: Fingerprint::of::<u64>(),
            generation: 7,
            first_position: 0,
            name: "numbers",
            description: "",
        };
        write(&region, &geometry, SLOTS, identity);
        region
    }

    #[test]
    fn every_wrong_field_is_named() {
        assert_eq!(check(&ring(), &expected()).unwrap().geometry.capacity, 16);
        macro_rules! is {
            ($variant:ident) => {
                (|error| matches!(error.kind(), AttachErrorKind::$variant { .. })) as fn(&AttachError) -> bool
            };
        }
        // Offset of a 32-bit word, its wrong value, and the error.
        let wrong = [
            (offset_of!(Header, magic), 1, is!(NotARing)),
            (offset_of!(Header, version), 99, is!(Version)),
            (offset_of!(Header, ready), 0, is!(NotReady)),
            (offset_of!(Header, kind), 77, is!(Kind)),
            (offset_of!(Header, element_size), 16, is!(ElementSize)),
            (offset_of!(Header, element_align), 4, is!(ElementSize)),
            (offset_of!(Header, fingerprint), 1, is!(ElementType)),
            (offset_of!(Header, fingerprint) + 8, 1, is!(ElementType)),
            (offset_of!(Header, capacity), 0, is!(Geometry)),
            (offset_of!(Header, capacity), 17, is!(Geometry)),
            (offset_of!(Header, capacity), 32, is!(Geometry)),
            (offset_of!(Header, capacity) + 4, u32::MAX, is!(Geometry)),
            (offset_of!(Header, stride), 8, is!(Geometry)),
            (offset_of!(Header, slots_offset), 0, is!(Geometry)),
            (offset_of!(Header, total_size), 4096, is!(Geometry)),
            (offset_of!(Header, generation), 8, is!(Generation)),
            (offset_of!(Header, description_length), 1, is!(InvalidDescription)),
            (offset_of!(Header, description_length), u32::MAX, is!(InvalidDescription)),
        ];
        for (offset, value, answer) in wrong {
            let region = ring();
            region.half(offset).store(value, Ordering::Relaxed); // One thread.
            let error = check(&region, &expected()).unwrap_err();
            assert!(answer(&error), "word at {offset:#x} = {value:#x}: {error}");
        }
        let small = Region::heap(HEADER_SIZE - 1);
        let error = check(&small, &expected()).unwrap_err();
        assert!(matches!(error.kind(), AttachErrorKind::TooSmall { .. }), "{error}");
    }

    #[test]
    fn the_name_of_a_type_stands_behind_that_of_the_channel_if_it_fits() {
        let region = ring();
        assert_eq!(noted_type(&region), None);
        let before = describe(&region).unwrap().name_length;
        let channel = "c".repeat(before as usize);
        note_type(&region, &channel, "Pair<Tick,[u8;4]>");
        assert_eq!(noted_type(&region).as_deref(), Some("Pair<Tick,[u8;4]>"));
        check(&region, &expected()).unwrap();
        let long = ring();
        note_type(&long, &channel, &"T".repeat(NAME_BYTES - channel.len() + 1));
        assert_eq!(noted_type(&long), None);
        // Any bytes there are accepted as text.
        let length = region.half(offset_of!(Header, type_length));
        length.store(u32::MAX, Ordering::Relaxed); // One thread.
        assert_eq!(noted_type(&region), None);
        length.store(2, Ordering::Relaxed); // One thread.
        let mut names = [0x1b; NAME_BYTES];
        names[channel.len() + 1] = 0xff;
        region.copy_in(offset_of!(Header, name), &names);
        assert_eq!(noted_type(&region).as_deref(), Some("\\u{1b}\u{fffd}"));
    }

    #[test]
    fn a_ring_larger_than_its_memory_is_refused() {
        let whole = ring();
        let cut = Region::heap(whole.len() - 8);
        let mut bytes = vec![0; HEADER_SIZE];
        whole.copy_out(0, &mut bytes);
        cut.copy_in(0, &bytes);
        cut.half(offset_of!(Header, ready)).store(READY, Ordering::Relaxed); // One thread.
        let error = check(&cut, &expected()).unwrap_err();
        assert!(matches!(error.kind(), AttachErrorKind::Geometry { .. }), "{error}");
    }

    #[test]
    fn absurd_geometries_are_refused() {
        assert!(Geometry::new(0, 8, 8, 1024).is_none());
        assert!(Geometry::new(MAX_CAPACITY + 1, 8, 8, 1024).is_none());
        assert!(Geometry::new(MAX_CAPACITY, usize::MAX / 2, 8, 1024).is_none());
        assert!(Geometry::new(8, usize::MAX - 3, 8, 1024).is_none());
        assert!(Geometry::new(8, 8, 3, 1024).is_none());
        assert!(Geometry::new(8, 0, 1, 1024).is_none());
    }

    #[test]
    fn strides_are_packed_not_rounded_to_lines() {
        for (size, align, stride) in
            [(1, 1, 16), (8, 8, 16), (56, 8, 64), (64, 8, 72), (112, 8, 120), (16, 16, 32)]
        {
            assert_eq!(Geometry::new(8, size, align, 1024).unwrap().stride, stride, "size {size}");
        }
        assert_eq!(Geometry::new(5, 8, 8, 1024).unwrap().capacity, 8);
    }

    #[test]
    fn the_specification_has_the_same_offsets() {
        crate::documented::assert_table(
            "Header of a ring",
            &[
                ("magic", offset_of!(Header, magic)),
                ("ready", offset_of!(Header, ready)),
                ("version", offset_of!(Header, version)),
                ("kind", offset_of!(Header, kind)),
                ("flags", offset_of!(Header, flags)),
                ("total_size", offset_of!(Header, total_size)),
                ("capacity", offset_of!(Header, capacity)),
                ("element_size", offset_of!(Header, element_size)),
                ("element_align", offset_of!(Header, element_align)),
                ("stride", offset_of!(Header, stride)),
                ("slots_offset", offset_of!(Header, slots_offset)),
                ("fingerprint", offset_of!(Header, fingerprint)),
                ("generation", offset_of!(Header, generation)),
                ("first_position", offset_of!(Header, first_position)),
                ("created_ns", offset_of!(Header, created_ns)),
                ("creator_pid", offset_of!(Header, creator_pid)),
                ("creator_uid", offset_of!(Header, creator_uid)),
                ("name_length", offset_of!(Header, name_length)),
                ("description_length", offset_of!(Header, description_length)),
                ("name", offset_of!(Header, name)),
                ("open", offset_of!(Header, open)),
                ("type_length", offset_of!(Header, type_length)),
            ],
        );
    }
}
