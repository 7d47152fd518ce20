//! How a channel is attached read-only, without a seat.

use std::time::Instant;

use ipc_core::shm::Size;

use super::Lifetime;
use super::open::{Request, creator_of, explain, map, while_it_is_there};
use super::settings::Pages;
use super::successor::Side;
use crate::domain::layout::LISTENER;
use crate::domain::{Domain, Entry, Locked, check_name};
use crate::error::{AttachError, AttachErrorKind};
use crate::layout::{self, Geometry, Kind, Seen};
use crate::region::Region;

/// Attaches read-only to the ring that is asked for, which must exist, without taking a seat.
pub(super) fn attach_read_only(request: &Request<'_>) -> Result<(Domain, Region, Geometry), AttachError> {
    try_attach_read_only(request).map_err(|error| request.explain(error, Side::Takes))
}

fn try_attach_read_only(request: &Request<'_>) -> Result<(Domain, Region, Geometry), AttachError> {
    let settings = request.settings;
    let (domain, until) = settings.whereabouts()?;
    let wanted = settings.capacity.map(request.geometry).transpose()?;
    let place = (&domain, until, settings.lifetime.unwrap_or_default(), settings.pages);
    let (region, checked) = look_at(&settings.name, place, request.kind, |region, entry| {
        let checked = request.check(region, wanted, entry)?;
        request.wishes(wanted).agree(entry.lifetime(), checked.barrier)?;
        Ok(checked)
    })?;
    Ok((domain, region, checked.geometry))
}

/// Attaches read-only to a ring that exists, whatever its elements, without taking a seat.
pub(super) fn observe(
    name: &str,
    domain: &Domain,
    kind: Kind,
    slots_offset: usize,
) -> Result<(Region, Seen), AttachError> {
    observe_with(name, (domain, domain.until()), kind, |region, entry| {
        layout::look(region, kind, slots_offset, Some(entry.generation))
    })
}

/// As [`observe`], with `look` to check what is there.
pub(super) fn observe_with<R>(
    name: &str,
    (domain, until): (&Domain, Instant),
    kind: Kind,
    look: impl Fn(&Region, &Entry) -> Result<R, AttachError>,
) -> Result<(Region, R), AttachError> {
    look_at(name, (domain, until, Lifetime::Ephemeral, Pages::default()), kind, look)
}

/// Attaches read-only to what exists under a name.
fn look_at<R>(
    name: &str,
    (domain, until, lifetime, pages): (&Domain, Instant, Lifetime, Pages),
    kind: Kind,
    look: impl Fn(&Region, &Entry) -> Result<R, AttachError>,
) -> Result<(Region, R), AttachError> {
    let trust = domain.member().trust();
    let look = |entry: &Entry| {
        if entry.kind == LISTENER {
            return Err(AttachErrorKind::Kind { found: entry.kind, expected: kind as u32 }.into());
        }
        let attachment = entry.segment.attach_read_only()?;
        entry.segment.verify(Size::Any, trust)?;
        let region = map(attachment, pages)?;
        let seen = look(&region, entry)?;
        Ok((region, seen))
    };
    let look = |locked: &Locked<'_>| {
        while_it_is_there(locked, domain, (name, lifetime), |known| {
            let entry = known.ok_or_else(|| domain.no_channel(name))?;
            look(&entry).map_err(|error: AttachError| error.made_by(|| creator_of(&entry)))
        })
    };
    let seen = check_name(name).and_then(|()| domain.locked_until(until, look));
    seen.map_err(|error| explain(error, domain, name))
}
