//! How a channel is attached read-only, without a seat: by a member of its domain, or from outside.

use std::time::Instant;

use ipc_core::Trust;
use ipc_core::shm::Size;

use super::Lifetime;
use super::open::{Found, Request, creator_of, explain, map, while_it_is_there};
use super::settings::Pages;
use super::successor::Side;
use crate::domain::layout::LISTENER;
use crate::domain::{
    Domain, DomainObserver, Entry, Locked, Lookout, Place, check_name, has_gone, with_entry,
};
use crate::error::{AttachError, AttachErrorKind};
use crate::layout::{Checked, Kind};
use crate::region::Region;

/// Attaches read-only to the requested ring, which must exist, without taking a seat. `look` makes of it,
/// under the domain's lock, what the caller needs.
pub(super) fn attach_read_only<R>(
    request: &Request<'_>,
    look: impl Fn(Found) -> Result<R, AttachError>,
) -> Result<(Domain, R), AttachError> {
    try_attach_read_only(request, look).map_err(|error| request.explain(error, Side::Takes))
}

fn try_attach_read_only<R>(
    request: &Request<'_>,
    look: impl Fn(Found) -> Result<R, AttachError>,
) -> Result<(Domain, R), AttachError> {
    let settings = request.settings;
    let (domain, until) = settings.whereabouts()?;
    let wanted = settings.capacity.map(request.geometry).transpose()?;
    let place = (&domain, until, settings.lifetime.unwrap_or_default(), settings.pages);
    let (_, seen) = look_at(&settings.name, place, request.kind as u32, |region, entry| {
        let Checked { geometry, barrier } = request.check(region, wanted, entry)?;
        request.wishes(wanted).agree(entry.lifetime(), barrier)?;
        look(Found { region: region.clone(), geometry, barrier, entry: entry.clone() })
    })?;
    Ok((domain, seen))
}

/// Attaches read-only to a ring that exists, whatever its elements, without taking a seat; `look` checks what
/// was found.
pub(super) fn observe_from<R>(
    name: &str,
    place: &impl Place,
    kind: Kind,
    look: impl Fn(&Region, &Entry) -> Result<R, AttachError>,
) -> Result<(Region, R, Lookout), AttachError> {
    let lookout = place.lookout();
    let (region, seen) = match &lookout {
        Lookout::Member(domain) => observe_with(name, (domain, domain.until()), kind, look)?,
        // The owner of a segment matters to ends that trust it: here each word is checked and nothing is
        // written.
        Lookout::Observer(observer) => with_entry(observer, name, |entry| {
            look_into(entry, (kind as u32, &Trust::anyone(), Pages::default()), &look)
                .map_err(|error| error.made_by(|| creator_of(entry)))
        })?,
    };
    Ok((region, seen, lookout))
}

/// Attaches read-only to the pool of this generation, whatever its name: the name, and what `look` made of
/// its memory. `None` if it is not there.
pub(super) fn observe_pool<R>(
    observer: &DomainObserver,
    generation: u64,
    look: impl Fn(&Region) -> Result<R, AttachError>,
) -> Result<Option<(String, R)>, AttachError> {
    let kind = Kind::Pool as u32;
    let find = || {
        let found =
            observer.look()?.find_by(|_, entry| entry.kind == kind && entry.generation == generation)?;
        found
            .map(|(name, entry)| {
                let look = |region: &Region, _: &Entry| look(region);
                look_into(&entry, (kind, &Trust::anyone(), Pages::default()), &look)
                    .map(|(_, seen)| (name, seen))
            })
            .transpose()
    };
    match find() {
        Err(error) if has_gone(&error) => Ok(None),
        found => found,
    }
}

/// Attaches read-only to the memory of an entry.
fn look_into<R>(
    entry: &Entry,
    (kind, trust, pages): (u32, &Trust, Pages),
    look: &impl Fn(&Region, &Entry) -> Result<R, AttachError>,
) -> Result<(Region, R), AttachError> {
    if entry.kind == LISTENER {
        return Err(AttachErrorKind::Kind { found: entry.kind, expected: kind }.into());
    }
    let attachment = entry.segment.attach_read_only()?;
    entry.segment.verify(Size::Any, trust)?;
    let region = map(attachment, pages)?;
    let seen = look(&region, entry)?;
    Ok((region, seen))
}

/// As [`observe_from`], by a member of the domain.
pub(super) fn observe_with<R>(
    name: &str,
    (domain, until): (&Domain, Instant),
    kind: Kind,
    look: impl Fn(&Region, &Entry) -> Result<R, AttachError>,
) -> Result<(Region, R), AttachError> {
    look_at(name, (domain, until, Lifetime::Ephemeral, Pages::default()), kind as u32, look)
}

/// As [`observe_with`], for any kind: `look` checks it.
pub(super) fn observe_any<R>(
    name: &str,
    (domain, until): (&Domain, Instant),
    look: impl Fn(&Region, &Entry) -> Result<R, AttachError>,
) -> Result<(Region, R), AttachError> {
    look_at(name, (domain, until, Lifetime::Ephemeral, Pages::default()), 0, look)
}

/// Attaches read-only to what exists under a name.
fn look_at<R>(
    name: &str,
    (domain, until, lifetime, pages): (&Domain, Instant, Lifetime, Pages),
    kind: u32,
    look: impl Fn(&Region, &Entry) -> Result<R, AttachError>,
) -> Result<(Region, R), AttachError> {
    let trust = domain.member().trust();
    let look = |entry: &Entry| look_into(entry, (kind, trust, pages), &look);
    let look = |locked: &Locked<'_>| {
        while_it_is_there(locked, domain, (name, lifetime), |known| {
            let entry = known.ok_or_else(|| domain.no_channel(name))?;
            look(&entry).map_err(|error: AttachError| error.made_by(|| creator_of(&entry)))
        })
    };
    let seen = check_name(name).and_then(|()| domain.locked_until(until, look));
    seen.map_err(|error| explain(error, domain, name))
}
