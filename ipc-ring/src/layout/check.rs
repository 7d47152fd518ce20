//! Checking a header against what an opener requires, in a fixed order.

use super::header::{self, FLAG_ASYMMETRIC, HEADER_SIZE, Header, READY};
use super::{Geometry, Kind, MAGIC, VERSION};
use crate::error::{AttachError, AttachErrorKind};
use crate::message::Fingerprint;
use crate::platform::Barrier;
use crate::region::Region;

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

/// Copies the header to private memory and checks it: magic, version, ready, kind, geometry, element.
///
/// # Errors
/// The first thing that is not as expected, with what was found.
pub(crate) fn check(region: &Region, expected: &Expected<'_>) -> Result<Checked, AttachError> {
    let header = read(region, expected.kind)?;
    let one = (expected.geometry)(1)?;
    let (found, expect) = (
        (header.element_size, header.element_align),
        (one.element_size() as u64, one.element_align() as u64),
    );
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
        && geometry.capacity() != capacity
    {
        return Err(AttachErrorKind::Capacity { found: geometry.capacity(), expected: capacity }.into());
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

/// Copies the header to private memory and checks what every opener requires.
pub(crate) fn read(region: &Region, kind: Kind) -> Result<Header, AttachError> {
    let Some((ready, header)) = header::copy(region) else {
        return Err(AttachErrorKind::TooSmall { found: region.len(), needed: HEADER_SIZE }.into());
    };
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
                geometry.capacity() == self.capacity
                    && geometry.stride() as u64 == self.stride
                    && geometry.total_size() as u64 == self.total_size
                    && slots_offset as u64 == self.slots_offset
                    && geometry.total_size() <= region.len()
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

    pub(crate) fn barrier(&self) -> Barrier {
        if self.flags & FLAG_ASYMMETRIC != 0 { Barrier::Asymmetric } else { Barrier::Fence }
    }
}

#[cfg(test)]
mod tests {
    use core::mem::offset_of;
    use core::sync::atomic::Ordering;

    use super::super::{Identity, MAX_CAPACITY, NAME_BYTES, describe, note_type, noted_type, write};
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
        let region = Region::heap(geometry.total_size());
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
        assert_eq!(check(&ring(), &expected()).unwrap().geometry.capacity(), 16);
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
}
