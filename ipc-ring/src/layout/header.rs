//! The header at the start of a ring, as bytes, and copies of it that are not checked.

use core::mem::offset_of;
use core::sync::atomic::Ordering;

use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::{MAGIC, NAME_BYTES, VERSION};
use crate::region::Region;

/// `ready` holds this once the header is complete.
pub(super) const READY: u32 = 0x5244_5931;
/// Flag: sleepers run `membarrier`, notifiers only a compiler fence.
pub(super) const FLAG_ASYMMETRIC: u32 = 1;

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

/// The settings that are not chosen yet, as in [`Header::open`], and whether another ring has replaced this
/// one. The only field that changes after the header is written; under the domain's lock.
pub(crate) fn open(region: &Region) -> &core::sync::atomic::AtomicU32 {
    region.half(offset_of!(Header, open))
}

/// The position of the first message, as in [`Header::first_position`]. Any value is accepted: it is only
/// counted from.
pub(crate) fn first_position(region: &Region) -> u64 {
    // Never changes.
    region.word(offset_of!(Header, first_position)).load(core::sync::atomic::Ordering::Relaxed)
}

/// Copies `ready` and then the header to private memory. `None` if the region is smaller than a header.
pub(super) fn copy(region: &Region) -> Option<(u32, Header)> {
    if region.len() < HEADER_SIZE {
        return None;
    }
    // [R1] Acquire ← the Release in `write`: what follows is the finished header.
    let ready = region.half(offset_of!(Header, ready)).load(Ordering::Acquire);
    let mut bytes = [0; HEADER_SIZE];
    region.copy_out(0, &mut bytes);
    Some((ready, Header::read_from_bytes(&bytes).expect("the sizes are asserted equal")))
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
    let Some((ready, header)) = copy(region) else { return Plate::Foreign };
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
    let (ready, header) = copy(region)?;
    (header.magic == MAGIC && header.version == VERSION && ready == READY).then_some(header)
}

#[cfg(test)]
mod tests {
    use super::*;

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
