//! What is to be opened: the ring that a channel should be.

use crate::channel::described::Described;
use crate::channel::settings::Settings;
use crate::channel::successor::{Side, Takers, Wishes};
use crate::domain::Entry;
use crate::error::{AttachError, AttachErrorKind, Types};
use crate::layout::{self, Checked, Expected, Geometry, Kind};
use crate::message::{Fingerprint, Message, short_name};
use crate::region::Region;

/// The request: the channel's name, and the ring it should be.
#[derive(Clone, Copy)]
pub(in crate::channel) struct Request<'a> {
    pub(in crate::channel) settings: &'a Settings,
    pub(in crate::channel) kind: Kind,
    pub(in crate::channel) fingerprint: Fingerprint,
    /// The Rust type of the elements, for messages; `None` where there is none.
    pub(in crate::channel) element: Option<&'static str>,
    /// The capacity of a new ring when none was requested.
    pub(in crate::channel) usual_capacity: u64,
    /// The geometry of such a ring with a given capacity.
    pub(in crate::channel) geometry: &'a dyn Fn(u64) -> Result<Geometry, AttachError>,
    /// Bytes before the first slot.
    pub(in crate::channel) slots_offset: usize,
    /// The offset of the mode word, where there are several modes, and the required mode.
    pub(in crate::channel) mode: Option<(usize, u32)>,
    /// The ends that may attach before the channel's parameters are chosen, and follow it then; `None` where
    /// none can.
    pub(in crate::channel) takers: Option<Takers>,
}

/// Payload bytes of a ring of elements without a chosen capacity.
const USUAL_BYTES: usize = 1 << 20;

/// Number of slots of a ring of elements of this size without a chosen capacity.
pub(in crate::channel) fn usual_slots(size: usize) -> u64 {
    1 << (USUAL_BYTES / size.max(1)).clamp(16, 1024).ilog2()
}

impl<'a> Request<'a> {
    /// That of a kind whose elements are of type `T`.
    pub(in crate::channel) fn of_elements<T: Message>(
        settings: &'a Settings,
        kind: Kind,
        geometry: &'a dyn Fn(u64) -> Result<Geometry, AttachError>,
        slots_offset: usize,
        takers: Takers,
    ) -> Self {
        Self {
            settings,
            kind,
            fingerprint: settings.fingerprint::<T>(),
            element: Some(core::any::type_name::<T>()),
            usual_capacity: usual_slots(size_of::<T>()),
            geometry,
            slots_offset,
            mode: None,
            takers: Some(takers),
        }
    }
}

impl Request<'_> {
    /// What the header must contain.
    fn expected(&self, wanted: Option<Geometry>, entry: &Entry) -> Expected<'_> {
        Expected {
            kind: self.kind,
            fingerprint: self.fingerprint,
            slots_offset: self.slots_offset,
            geometry: self.geometry,
            capacity: wanted.map(|geometry| geometry.capacity()),
            generation: Some(entry.generation),
        }
    }

    /// Copies the header of an entry's ring and checks it.
    pub(in crate::channel) fn check(
        &self,
        region: &Region,
        wanted: Option<Geometry>,
        entry: &Entry,
    ) -> Result<Checked, AttachError> {
        let checked = layout::check(region, &self.expected(wanted, entry));
        self.with_description(region, checked).map_err(|error| {
            error.with_types(|| Types { found: layout::noted_type(region), expected: self.type_name() })
        })
    }

    /// The result of a check, with the descriptions compared as well: where the elements differ, they may
    /// show how.
    pub(in crate::channel) fn with_description<R>(
        &self,
        region: &Region,
        checked: Result<R, AttachError>,
    ) -> Result<R, AttachError> {
        use AttachErrorKind::{ElementSize, ElementType};
        let of_elements =
            |error: &AttachError| matches!(error.kind(), ElementSize { .. } | ElementType { .. });
        if let Some(described) = &self.settings.described
            && checked.as_ref().err().is_none_or(of_elements)
        {
            described.compare(region, self.kind)?;
        }
        checked
    }

    pub(in crate::channel) fn wishes(&self, wanted: Option<Geometry>) -> Wishes {
        Wishes::new(self.settings, wanted.map(|geometry| geometry.capacity()), self.mode)
    }

    /// The name of the element type: the agreed one, or the type's own.
    pub(super) fn type_name(&self) -> Option<String> {
        let described = self.settings.described.as_ref().and_then(Described::type_name);
        described.or_else(|| self.settings.type_name.clone()).or_else(|| self.element.map(short_name))
    }

    /// Adds context to an error.
    pub(in crate::channel) fn explain(&self, error: AttachError, side: Side) -> AttachError {
        let (end, unit) = words(self.kind, side);
        self.settings
            .explain(error)
            .in_words(end, unit)
            .with_types(|| Types { found: None, expected: self.type_name() })
    }
}

/// The names of an end of such a channel, and of what its capacity counts.
fn words(kind: Kind, side: Side) -> (&'static str, &'static str) {
    let (gives, takes, unit) = match kind {
        Kind::Spsc | Kind::Mpmc => ("producer", "consumer", "slots"),
        Kind::Bytes => ("producer", "consumer", "bytes"),
        Kind::Broadcast => ("publisher", "subscriber", "slots"),
        Kind::BroadcastBytes => ("publisher", "subscriber", "bytes"),
        Kind::Latest => ("writer", "reader", "keys"),
        Kind::Call => ("caller", "responder", "calls"),
        Kind::Pool => ("member", "member", "blocks"),
    };
    (if side == Side::Gives { gives } else { takes }, unit)
}
