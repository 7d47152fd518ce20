//! What a channel's header says about its elements.

use ipc_describe::Description;

use crate::error::AttachError;
use crate::layout::{self, Geometry, Kind};
use crate::message::Fingerprint;
use crate::region::Region;

/// The elements of a channel, from a checked copy of its header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElementInfo {
    size: usize,
    align: usize,
    fingerprint: Fingerprint,
    description: Option<Description>,
}

impl ElementInfo {
    /// For a ring whose header was checked and has this geometry.
    ///
    /// # Errors
    /// [`InvalidDescription`](crate::AttachErrorKind::InvalidDescription).
    pub(super) fn of(region: &Region, kind: Kind, geometry: &Geometry) -> Result<Self, AttachError> {
        let header = layout::read(region, kind)?;
        let element = header.element();
        let described = header.description(region)?.map(|text| element.parse(&text)).transpose()?;
        Ok(Self {
            size: geometry.element_size(),
            align: geometry.element_align(),
            fingerprint: element.fingerprint,
            description: described.and_then(|parts| parts.into_iter().next()),
        })
    }

    /// Bytes of an element.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }

    /// Its alignment, in bytes, in the program that made the channel.
    #[must_use]
    pub const fn align(&self) -> usize {
        self.align
    }

    /// Identity of its type.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Its fields, if the channel was described. As stated by the program that made it.
    #[must_use]
    pub const fn description(&self) -> Option<&Description> {
        self.description.as_ref()
    }
}
