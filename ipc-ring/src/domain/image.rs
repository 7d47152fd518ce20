//! Telling a program from one that the same process runs after `exec`.
//!
//! To the kernel both are one process: an `exec` does not trigger the undo that the kernel performs at a
//! process's death, so a token stays raised. But `exec` discards the memory, and with it every attachment. So
//! a process that joins a domain attaches a segment of its own, which no other process attaches and which is
//! marked for removal: the kernel destroys it in the same step as the program's memory, on `exec` as on
//! death, and after the last of its threads. By querying the segment's record, any process in the IPC
//! namespace can tell whether the program still exists, even for another user, in any process namespace, and
//! without permission to trace.
//!
//! The segment is never read or written, so it has no page.

use ipc_core::shm::{Attachment, Options, SharedMemory, ShmId, Size, Stat};
use ipc_core::{Error, ErrorKind, Key, Mode, Trust};
use ipc_describe::Fnv;

use crate::platform::{Native, Platform as _, Site};

/// The number of keys under which a domain's processes make such segments: see [`Image::new`].
const KEYS: u32 = 16;
/// How often all of them are tried.
const ROUNDS: usize = 4;
/// The largest size of such a segment, in bytes. Sizes are random, to distinguish a segment from a later one
/// with the same identifier.
const LARGEST: u16 = (1 << SIZE_BITS) - 1;

const ID_BITS: u32 = 31;
const SIZE_BITS: u32 = 12;
/// The position of the low bits of a generation in a word.
const GENERATION_SHIFT: u32 = ID_BITS + SIZE_BITS;

/// The semaphores of the lock hold the image of its holder: 14 bits and one, 15 bits, and the rest.
const LOW_BITS: u32 = 14;
const MIDDLE_BITS: u32 = 15;
const HIGH_BITS: u32 = ID_BITS - LOW_BITS - MIDDLE_BITS;

/// The evidence that this program is in a domain, or about to join it.
#[derive(Debug)]
pub(super) struct Image {
    id: ImageId,
    #[expect(dead_code, reason = "held for its Drop")]
    attached: Attachment,
}

/// Identifies a program: the identifier and the size of its segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ImageId {
    /// 31 bits.
    id: u32,
    /// 12 bits, not 0.
    size: u16,
}

impl Image {
    /// Attaches a new segment, which users permitted by `mode` may query.
    ///
    /// A process may be killed between making the segment and marking it for removal. So the segment is made
    /// under one of a few keys derived from the domain's. A process that finds such a key taken by a segment
    /// without attachments removes that segment, and takes another key. If the segment's maker is alive and
    /// still at work, the maker does the same.
    ///
    /// # Errors
    /// If the kernel refuses, for instance because its limit on segments is reached.
    pub(super) fn new(domain: Key, mode: Mode) -> Result<Self, Error> {
        let [low, high] = ipc_core::random_bytes()?;
        let size = u16::from_ne_bytes([low, high]) % LARGEST + 1;
        for number in (0..ROUNDS).flat_map(|_| 0..KEYS) {
            let key = key(domain, number);
            match SharedMemory::create_new(key, usize::from(size), &Options::default().mode(mode)) {
                Ok(segment) => {
                    Native::crash_point(Site::DomainImageMade);
                    match attach(segment, size) {
                        Err(error) if error.kind() == ErrorKind::Removed => {}
                        result => return result,
                    }
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => remove_unused(key),
                Err(error) => return Err(error),
            }
        }
        // Left by other users, who alone may remove it.
        attach(
            SharedMemory::create_new(Key::PRIVATE, usize::from(size), &Options::default().mode(mode))?,
            size,
        )
    }

    pub(super) fn id(&self) -> ImageId {
        self.id
    }
}

fn attach(segment: SharedMemory, size: u16) -> Result<Image, Error> {
    let attached = segment.attach().and_then(|mut attached| {
        crate::region::leave_out_of_dumps(&attached);
        // A child must not inherit it: it would keep the segment after this program is gone.
        crate::region::keep_from_children(&mut attached)?;
        Ok(attached)
    });
    Native::crash_point(Site::DomainImageAttached);
    // Another process may have removed it already.
    let removed = segment.remove();
    let attached = attached?;
    match removed {
        Err(error) if error.kind() != ErrorKind::Removed => return Err(error),
        _ => {}
    }
    Ok(Image { id: ImageId { id: segment.id().as_raw().cast_unsigned(), size }, attached })
}

fn key(domain: Key, number: u32) -> Key {
    let mut hash = Fnv::new();
    hash.write(b"ipc-ring image");
    hash.write(&domain.as_raw().to_le_bytes());
    hash.write(&number.to_le_bytes());
    crate::key::of(&hash)
}

/// The segment under a key, if it has no attachments and is one that makers of images leave.
fn unused(key: Key) -> Option<SharedMemory> {
    let segment = SharedMemory::open(key, Size::Any, &Trust::anyone()).ok()?;
    let stat = segment.stat().ok()?;
    is_unused(&stat).then_some(segment)
}

fn is_unused(stat: &Stat) -> bool {
    stat.attachments() == 0 && stat.size() <= usize::from(LARGEST) && !stat.is_marked_for_removal()
}

fn remove_unused(key: Key) {
    if let Some(segment) = unused(key) {
        // Another user's stays for its user.
        let _ = segment.remove();
    }
}

/// Removes the segments of processes that were killed while making their images. Called when the domain is
/// removed.
pub(super) fn remove_all_unused(domain: Key) {
    (0..KEYS).for_each(|number| remove_unused(key(domain, number)));
}

/// Whether a process that was killed while making its image for the domain left this segment.
pub(super) fn is_left_of(domain: Key, stat: &Stat) -> bool {
    is_unused(stat) && (0..KEYS).any(|number| key(domain, number) == stat.permissions().key())
}

impl ImageId {
    /// Whether the program still exists: its segment does. One system call, if this user may query it.
    ///
    /// # Errors
    /// If the kernel does not answer.
    pub(super) fn is_there(self) -> Result<bool, Error> {
        let id = ShmId::from_raw(self.id.cast_signed());
        match SharedMemory::from_id(id).stat() {
            Ok(stat) => Ok(self.is_of(&stat)),
            Err(error) if matches!(error.kind(), ErrorKind::Removed | ErrorKind::NotFound) => Ok(false),
            // The list includes those of other users.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                Ok(ipc_core::list::segments()?.iter().any(|(other, stat)| *other == id && self.is_of(stat)))
            }
            Err(error) => Err(error),
        }
    }

    fn is_of(self, stat: &Stat) -> bool {
        stat.size() == usize::from(self.size) && stat.is_marked_for_removal()
    }

    /// As a word of the process table, along with the low bits of the generation that it belongs to.
    pub(super) fn to_word(self, generation: u64) -> u64 {
        u64::from(self.id) | u64::from(self.size) << ID_BITS | generation << GENERATION_SHIFT
    }

    /// From a word of shared memory, with the bits of the generation; `None` if it holds no image.
    pub(super) fn from_word(word: u64) -> Option<(Self, GenerationBits)> {
        let size = (word >> ID_BITS) as u16 & LARGEST;
        let id = word as u32 & ((1 << ID_BITS) - 1);
        (size != 0).then_some((Self { id, size }, GenerationBits(word >> GENERATION_SHIFT)))
    }

    /// The values of the three semaphores of a lock held by this image. The first one is not 0.
    pub(super) fn to_values(self) -> [u16; 3] {
        let bits = |shift: u32, count: u32| (self.id >> shift) as u16 & ((1 << count) - 1);
        let high = bits(LOW_BITS + MIDDLE_BITS, HIGH_BITS) | self.size << HIGH_BITS;
        [bits(0, LOW_BITS) + 1, bits(LOW_BITS, MIDDLE_BITS), high]
    }

    /// The image of these values; `None` if the lock is free, or its holder did not identify itself.
    pub(super) fn from_values([low, middle, high]: [u16; 3]) -> Option<Self> {
        let (low, middle, size) = (u32::from(low.checked_sub(1)?), u32::from(middle), high >> HIGH_BITS);
        let top = u32::from(high) & ((1 << HIGH_BITS) - 1);
        let id = low | middle << LOW_BITS | top << (LOW_BITS + MIDDLE_BITS);
        (size != 0).then_some(Self { id, size })
    }
}

/// The low bits of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GenerationBits(u64);

impl GenerationBits {
    /// Whether they may be those of this generation.
    pub(super) fn are_of(self, generation: u64) -> bool {
        generation << GENERATION_SHIFT >> GENERATION_SHIFT == self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const _: () = assert!(HIGH_BITS + SIZE_BITS < 15 && LOW_BITS < 15 && MIDDLE_BITS <= 15);

    proptest! {
        #[test]
        fn an_image_comes_back_from_words_and_semaphores(
            id in 0..(1_u32 << ID_BITS),
            size in 1..=LARGEST,
            generation in any::<u64>(),
        ) {
            let image = ImageId { id, size };
            let (found, bits) = ImageId::from_word(image.to_word(generation)).unwrap();
            prop_assert_eq!(found, image);
            prop_assert!(bits.are_of(generation) && !bits.are_of(generation.wrapping_add(1)));
            let values = image.to_values();
            prop_assert!(values[0] > 0 && values.iter().all(|value| *value <= ipc_core::sem::MAX_VALUE));
            prop_assert_eq!(ImageId::from_values(values), Some(image));
        }
    }

    #[test]
    fn a_free_lock_and_an_empty_slot_have_none() {
        assert_eq!(ImageId::from_values([0, 0, 0]), None);
        assert_eq!(ImageId::from_values([1, 0, 0]), None);
        assert_eq!(ImageId::from_word(0), None);
    }
}
