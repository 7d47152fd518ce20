//! What is known of a channel when it is opened: given by the builder, or learned from the header.

use std::time::Instant;

use ipc_describe::Description;

use super::ElementInfo;
use crate::channel::broadcast::options::Readers;
use crate::channel::observe;
use crate::channel::open::{Found, Request, usual_slots};
use crate::channel::settings::Settings;
use crate::channel::successor::Takers;
use crate::domain::{Domain, Entry};
use crate::error::{AttachError, AttachErrorKind};
use crate::layout::{self, Geometry, Kind};
use crate::message::{ElementType, Fingerprint};
use crate::region::Region;
use crate::ring;

/// A channel to be opened.
#[derive(Clone, Debug)]
pub(super) struct Opening {
    settings: Settings,
    kind: Kind,
    /// Size and alignment; the name may be unknown.
    element: ElementType,
    fingerprint: Fingerprint,
    /// The type that the elements must begin with.
    prefix: Option<Description>,
    /// The settings that only a broadcast channel has.
    pub(super) readers: Readers,
}

impl Opening {
    /// The builder's settings, and the header of the channel of its name for what they leave open.
    ///
    /// # Errors
    /// [`NotFound`](AttachErrorKind::NotFound); what is wrong with the header.
    pub(super) fn learn(
        settings: &Settings,
        kind: Option<Kind>,
        element: Option<&ElementType>,
        readers: Readers,
    ) -> Result<Self, AttachError> {
        let (kind, element, fingerprint) = match (kind, element) {
            (Some(kind), Some(element)) if slots_offset(kind).is_some() => {
                (kind, element.clone(), element.fingerprint())
            }
            (asked, insisted) => {
                let (domain, until) = settings.whereabouts()?;
                let (kind, element, fingerprint) = look(&settings.name, asked, (&domain, until))?;
                match insisted {
                    Some(element) => (kind, element.clone(), element.fingerprint()),
                    None => (kind, element, fingerprint),
                }
            }
        };
        Ok(Self { settings: settings.clone(), kind, element, fingerprint, prefix: None, readers })
    }

    /// For an end that follows its channel: see [`Settings::kept`].
    pub(super) fn kept(&self) -> Self {
        Self { settings: self.settings.kept(), ..self.clone() }
    }

    /// With a type that the elements must begin with.
    pub(super) fn prefixed(mut self, prefix: &Description) -> Self {
        self.prefix = Some(prefix.clone());
        self
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) const fn kind(&self) -> Kind {
        self.kind
    }

    /// Bytes of an element that are copied.
    pub(super) fn size(&self) -> usize {
        self.prefix.as_ref().map_or(self.element.size(), |prefix| prefix.element().size() as usize)
    }

    /// The requested ring, with the geometry of [`geometry`](Self::geometry).
    pub(super) fn request<'a>(
        &'a self,
        geometry: &'a dyn Fn(u64) -> Result<Geometry, AttachError>,
        takers: Takers,
    ) -> Request<'a> {
        let mode = self.readers.mode.filter(|_| self.kind == Kind::Broadcast);
        let usual_capacity = match self.kind {
            Kind::Latest => 1,
            _ => usual_slots(self.element.size()),
        };
        Request {
            settings: &self.settings,
            kind: self.kind,
            fingerprint: self.fingerprint,
            element: None,
            usual_capacity,
            geometry,
            slots_offset: slots_offset(self.kind).expect("it was learned of such a kind"),
            mode: mode.map(|mode| (ring::broadcast::words::MODE, mode as u32)),
            takers: Some(takers),
        }
    }

    /// The geometry of such a ring with this capacity.
    pub(super) fn geometry(&self, capacity: u64) -> Result<Geometry, AttachError> {
        geometry(self.kind, &self.element, capacity)
    }

    /// Identifies the elements of a ring, and checks that they begin as required. Under the domain's lock.
    pub(super) fn check(&self, found: &Found) -> Result<ElementInfo, AttachError> {
        let info = ElementInfo::of(&found.region, self.kind, &found.geometry)?;
        if let Some(prefix) = &self.prefix {
            let described = info.description().ok_or(AttachErrorKind::NotDescribed)?;
            described.begins_with(prefix).map_err(|difference| AttachErrorKind::Fields { difference })?;
        }
        Ok(info)
    }
}

/// The kinds that have raw ends.
const KINDS: [Kind; 4] = [Kind::Spsc, Kind::Mpmc, Kind::Broadcast, Kind::Latest];

/// Whether a kind has raw ends.
pub(super) fn has_raw_ends(kind: Kind) -> bool {
    slots_offset(kind).is_some()
}

/// Where the slots of a kind begin; `None` for one that has no raw ends.
fn slots_offset(kind: Kind) -> Option<usize> {
    match kind {
        Kind::Spsc => Some(ring::spsc::SLOTS_OFFSET),
        Kind::Mpmc => Some(ring::mpmc::SLOTS_OFFSET),
        Kind::Broadcast => Some(ring::broadcast::words::SLOTS_OFFSET),
        Kind::Latest => Some(ring::latest::CELLS_OFFSET),
        _ => None,
    }
}

/// The geometry of a ring of this kind and capacity.
fn geometry(kind: Kind, element: &ElementType, capacity: u64) -> Result<Geometry, AttachError> {
    match kind {
        Kind::Latest => ring::latest::geometry_of(element, capacity),
        _ => element.geometry(capacity, slots_offset(kind).expect("a kind that has raw ends")),
    }
}

/// Kind, elements and their fingerprint, as the header of the channel has them.
fn look(
    name: &str,
    asked: Option<Kind>,
    (domain, until): (&Domain, Instant),
) -> Result<(Kind, ElementType, Fingerprint), AttachError> {
    let look = |region: &Region, entry: &Entry| {
        let kind = KINDS.into_iter().find(|kind| *kind as u32 == entry.kind);
        let kind = kind.filter(|kind| asked.is_none_or(|asked| asked == *kind)).ok_or_else(|| {
            let expected = asked.map_or(0, |kind| kind as u32);
            AttachError::from(AttachErrorKind::Kind { found: entry.kind, expected })
        })?;
        let offset = slots_offset(kind).expect("a kind of the list");
        let element = |size: u64, align: u64| {
            ElementType::new(usize::try_from(size).ok()?, usize::try_from(align).ok()?, "").ok()
        };
        let seen = layout::look_with(region, kind, offset, Some(entry.generation), |header| {
            geometry(kind, &element(header.element_size, header.element_align)?, header.capacity).ok()
        })?;
        let (size, align) = (seen.geometry.element_size(), seen.geometry.element_align());
        Ok((kind, ElementType::new(size, align, "")?, seen.fingerprint))
    };
    Ok(observe::observe_any(name, (domain, until), look)?.1)
}
