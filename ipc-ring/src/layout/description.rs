//! The text after the slots that describes the elements.
//!
//! Any member of the domain may have written it. Its length is compared with the memory before a byte is
//! read, it is copied once, and no address is computed from it.

use core::mem::offset_of;
use core::sync::atomic::Ordering;

use ipc_describe::{Description, MAX_TEXT};

use super::{Header, Kind};
use crate::error::{AttachError, AttachErrorKind};
use crate::message::Fingerprint;
use crate::region::Region;

/// The longest text, in bytes: two descriptions with an empty line between them.
pub(crate) const MAX_DESCRIPTION: usize = 2 * MAX_TEXT + 1;

/// Bytes of a ring's memory, including the text after its slots.
pub(crate) const fn size_with(total_size: usize, text: &str) -> usize {
    if text.is_empty() { total_size } else { total_size.next_multiple_of(8) + text.len() }
}

/// Writes the text of a new ring, before its header.
///
/// # Panics
/// When it does not fit the memory.
pub(super) fn write(region: &Region, total_size: usize, text: &str) {
    assert!(text.len() <= MAX_DESCRIPTION, "who describes has seen to that");
    if !text.is_empty() {
        region.copy_in(total_size.next_multiple_of(8), text.as_bytes());
    }
}

/// Whether a ring whose header was checked carries a description.
pub(crate) fn is_described(region: &Region) -> bool {
    region.half(offset_of!(Header, description_length)).load(Ordering::Relaxed) != 0 // Behind [R1].
}

impl Header {
    /// Where the text begins, if there is one.
    ///
    /// # Errors
    /// [`InvalidDescription`](crate::AttachErrorKind::InvalidDescription) when it is too long or lies outside
    /// the memory.
    fn description_offset(&self, region: &Region) -> Result<Option<usize>, AttachError> {
        let length = self.description_length as usize;
        if length == 0 {
            return Ok(None);
        }
        if length > MAX_DESCRIPTION {
            return Err(invalid(format!(
                "its length is {length} bytes, and at most {MAX_DESCRIPTION} are possible"
            )));
        }
        let offset = usize::try_from(self.total_size).ok().and_then(|size| size.checked_next_multiple_of(8));
        let is_inside = |offset: &usize| offset.checked_add(length).is_some_and(|end| end <= region.len());
        offset.filter(is_inside).map(Some).ok_or_else(|| {
            let (from, memory) = (self.total_size, region.len());
            invalid(format!("{length} bytes behind byte {from} do not lie in a memory of {memory} bytes"))
        })
    }

    /// A copy of the text, if there is one.
    ///
    /// # Errors
    /// [`InvalidDescription`](crate::AttachErrorKind::InvalidDescription) when it lies outside the memory or
    /// is not text.
    pub(crate) fn description(&self, region: &Region) -> Result<Option<String>, AttachError> {
        let Some(offset) = self.description_offset(region)? else { return Ok(None) };
        let mut text = vec![0; self.description_length as usize];
        region.copy_out(offset, &mut text);
        String::from_utf8(text).map(Some).map_err(|_| invalid("it is not UTF-8".to_owned()))
    }

    /// As [`description`](Self::description), but checks only the length.
    ///
    /// # Errors
    /// As [`description`](Self::description).
    pub(super) fn checks_description(&self, region: &Region) -> Result<(), AttachError> {
        self.description_offset(region).map(drop)
    }

    /// The header's statement about the elements.
    pub(crate) fn element(&self) -> Element {
        Element {
            kind: self.kind,
            size: self.element_size,
            align: self.element_align,
            fingerprint: Fingerprint::from_halves(self.fingerprint[0], self.fingerprint[1]),
        }
    }
}

/// A header's statement about the elements, with which a description must agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) kind: u32,
    pub(crate) size: u64,
    pub(crate) align: u64,
    pub(crate) fingerprint: Fingerprint,
}

impl Element {
    /// Whether the description of such a channel must describe its elements; otherwise it may be any text.
    pub(crate) fn is_described_by_fields(&self) -> bool {
        [Kind::Spsc, Kind::Mpmc, Kind::Broadcast, Kind::Latest, Kind::Call]
            .iter()
            .any(|kind| *kind as u32 == self.kind)
    }

    /// The descriptions in a text: one, or that of the request and that of the reply of a call; none of
    /// frames, whose text may be anything.
    ///
    /// # Errors
    /// [`InvalidDescription`](crate::AttachErrorKind::InvalidDescription) when the text is not canonical, or
    /// not of such elements.
    pub(crate) fn parse(&self, text: &str) -> Result<Vec<Description>, AttachError> {
        if !self.is_described_by_fields() {
            return Ok(Vec::new());
        }
        let parse = |text: &str| text.parse::<Description>().map_err(|error| invalid(error.to_string()));
        if self.kind == Kind::Call as u32 {
            let two = text.split_once("\n\n");
            let (request, reply) =
                two.ok_or_else(|| invalid("it is not one of a request and a reply".to_owned()))?;
            let both = [parse(&format!("{request}\n"))?, parse(reply)?];
            let fingerprint = Fingerprint::of_call(both.each_ref().map(Fingerprint::described));
            self.agrees(fingerprint)?;
            return Ok(both.into());
        }
        let one = parse(text)?;
        let element = one.element();
        if (u64::from(element.size()), u64::from(element.align())) != (self.size, self.align) {
            return Err(invalid(format!(
                "it is of {} bytes aligned to {}, and the header says {} bytes aligned to {}",
                element.size(),
                element.align(),
                self.size,
                self.align
            )));
        }
        self.agrees(Fingerprint::described(&one))?;
        Ok(vec![one])
    }

    fn agrees(&self, described: Fingerprint) -> Result<(), AttachError> {
        if described == self.fingerprint {
            return Ok(());
        }
        Err(invalid(format!("its fingerprint is {described}, and the header's {}", self.fingerprint)))
    }
}

#[cold]
fn invalid(reason: String) -> AttachError {
    AttachErrorKind::InvalidDescription { reason }.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{self, Geometry, Identity};
    use crate::platform::Barrier;

    /// A ring with this text after its slots, in memory that has room for more.
    fn ring(description: &str) -> Region {
        let geometry = Geometry::new(16, 8, 8, 1024).unwrap();
        let region = Region::heap(geometry.total_size() + 2 * MAX_DESCRIPTION);
        let fingerprint = Fingerprint::of::<u64>();
        let (kind, barrier) = (Kind::Spsc, Barrier::Fence);
        let identity = Identity {
            kind,
            barrier,
            fingerprint,
            generation: 7,
            first_position: 0,
            name: "numbers",
            description,
        };
        layout::write(&region, &geometry, 1024, identity);
        region
    }

    #[test]
    fn a_text_longer_than_the_longest_is_refused_wherever_it_lies() {
        let region = ring("type u64 size 8 align 8\n0 u64 value\n");
        let length = region.half(offset_of!(Header, description_length));
        let read = || layout::read(&region, Kind::Spsc).unwrap().description(&region);
        assert_eq!(read().unwrap().as_deref(), Some("type u64 size 8 align 8\n0 u64 value\n"));
        length.store(MAX_DESCRIPTION as u32, Ordering::Relaxed); // One thread.
        assert_eq!(read().unwrap().map(|text| text.len()), Some(MAX_DESCRIPTION));
        length.store(MAX_DESCRIPTION as u32 + 1, Ordering::Relaxed); // One thread.
        let error = read().unwrap_err();
        assert!(matches!(error.kind(), AttachErrorKind::InvalidDescription { .. }), "{error}");
        assert!(layout::look(&region, Kind::Spsc, 1024, None).is_err());
    }
}
