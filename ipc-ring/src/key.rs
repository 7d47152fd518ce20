//! Keys of kernel objects, which follow from names.

use ipc_core::Key;
use ipc_describe::Fnv;

/// The hash of what identifies an object, folded to a key.
pub(crate) const fn of(hash: &Fnv) -> Key {
    let hash = hash.finish();
    let folded = hash ^ (hash >> 32) ^ (hash >> 64) ^ (hash >> 96);
    let word = folded as u32;
    // Never 0, which is private, nor -1, which looks like an error.
    Key::from_raw(if matches!(word, 0 | u32::MAX) { 0x6970_6372 } else { word as i32 })
}
