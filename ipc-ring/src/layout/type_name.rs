//! The name of the element type, recorded for error messages.

use core::mem::offset_of;
use core::sync::atomic::Ordering;

use super::{Header, NAME_BYTES, describe};
use crate::region::Region;

/// Records the name of the element type after the channel's, if it fits there, for error messages.
pub(crate) fn note_type(region: &Region, channel: &str, element: &str) {
    if channel.len() + element.len() <= NAME_BYTES {
        let mut names = [0; NAME_BYTES];
        names[..channel.len()].copy_from_slice(channel.as_bytes());
        names[channel.len()..channel.len() + element.len()].copy_from_slice(element.as_bytes());
        region.copy_in(offset_of!(Header, name), &names);
        let length = region.half(offset_of!(Header, type_length));
        length.store(element.len() as u32, Ordering::Relaxed); // For display; under the domain's lock.
    }
}

/// The name of the element type, as far as it was recorded. Any member may have written it.
pub(crate) fn noted_type(region: &Region) -> Option<String> {
    let header = describe(region)?;
    let from = header.name_length as usize;
    let to = from.checked_add(header.type_length as usize)?;
    let bytes = header.name.get(from..to).filter(|bytes| !bytes.is_empty())?;
    Some(String::from_utf8_lossy(bytes).escape_debug().to_string())
}
