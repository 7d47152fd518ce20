//! How a channel is made or found, for every kind of ring.

use std::cell::Cell;
use std::time::Instant;

use ipc_core::ErrorKind;
use ipc_core::shm::{Attachment, SharedMemory, Size};

use super::lifetime::{self, Lifetime};
use super::settings::Pages;
use super::successor::{self, Actual, Seats, Side, Takers, Wishes};
use crate::domain::layout::LISTENER;
use crate::domain::{Domain, Entry, Locked, check_name};
use crate::error::{AttachError, AttachErrorKind, Creator, Elsewhere};
use crate::layout::{self, Checked, Geometry};
use crate::platform::Barrier;
use crate::region::Region;

mod making;
mod request;

use making::make;
pub(super) use making::{Access, make_nameless, make_private};
pub(super) use request::{Request, usual_slots};

/// Whether a channel may, must or must not exist already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creation {
    MakeOrFind,
    MustMake,
    MustFind,
}

/// What is known about an error with a channel of this name, and where else such a channel exists.
pub(crate) fn explain(error: AttachError, domain: &Domain, name: &str) -> AttachError {
    error.in_channel(name).in_domain(domain.name()).looked_elsewhere(|| Elsewhere {
        users: domain.others_of_this_name(),
        refused: lifetime::refused(domain, name),
        namespace: std::fs::read_link("/proc/self/ns/ipc").ok().map(|link| link.display().to_string()),
    })
}

/// The creator of an entry's memory.
pub(super) fn creator_of(entry: &Entry) -> Option<Creator> {
    if entry.kind == LISTENER { None } else { Creator::of(entry.segment) }
}

/// What was found under a name.
enum Ring {
    Usable {
        found: Found,
        is_new: bool,
    },
    /// One whose parameters are still open, and that differs from the request.
    Unchosen {
        region: Region,
        segment: SharedMemory,
    },
}

/// A ring found or made, and checked.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) region: Region,
    pub(super) geometry: Geometry,
    pub(super) barrier: Barrier,
    pub(super) entry: Entry,
}

/// Finds or makes the channel and gives it to `seat`, all under the domain's lock; `end` makes an end of the
/// result when the lock is free again.
///
/// When `seat` returns [`Closed`](crate::AttachErrorKind::Closed) and a new channel may be made, the old
/// one's name passes to it; processes attached to the old one keep it. The same happens with the name of a
/// ring that differs from the request while its parameters are still open: see [`successor`].
pub(super) fn attach<R, E>(
    request: &Request<'_>,
    creation: Creation,
    side: Side,
    seat: impl Fn(&Locked<'_>, &Domain, Found) -> Result<R, AttachError>,
    end: impl FnOnce(R) -> Result<E, AttachError>,
) -> Result<E, AttachError> {
    try_attach(request, creation, side, seat).and_then(end).map_err(|error| request.explain(error, side))
}

fn try_attach<R>(
    request: &Request<'_>,
    creation: Creation,
    side: Side,
    seat: impl Fn(&Locked<'_>, &Domain, Found) -> Result<R, AttachError>,
) -> Result<R, AttachError> {
    let wanted = request.settings.capacity.map(request.geometry).transpose()?;
    let new = match wanted {
        Some(geometry) => geometry,
        None => (request.geometry)(request.usual_capacity)?,
    };
    let wishes = request.wishes(wanted);
    let replaced = Cell::new(None);
    let attached = find_or_make(
        &request.settings.name,
        &request.settings.whereabouts()?,
        (creation, request.settings.lifetime.unwrap_or_default()),
        |domain, entry| find(request, domain, entry, wanted, (&wishes, side, creation)),
        |locked, domain| make(request, locked, domain, new).map(|found| Ring::Usable { found, is_new: true }),
        |locked, domain, ring| match (ring, &request.takers) {
            (Ring::Unchosen { region, segment }, Some(takers)) => {
                successor::close(&region, takers, domain.member());
                replaced.set(Some((region, segment)));
                Ok(None)
            }
            (Ring::Unchosen { .. }, None) => unreachable!("nothing is open where no successor is possible"),
            (Ring::Usable { found, is_new }, takers) => {
                let region = found.region.clone();
                let seated = seat(locked, domain, found)?;
                if takers.is_some() {
                    wishes.settle(&region, side, is_new);
                }
                Ok(Some(seated))
            }
        },
    )?;
    if let Some((_region, segment)) = replaced.take() {
        successor::wait_for_the_others(segment);
    }
    Ok(attached)
}

/// As [`attach`], for anything that `find` finds in a segment of this name and `make` makes. `seat` returns
/// `None` for what a new one is to replace.
pub(super) fn find_or_make<F, R>(
    name: &str,
    (domain, until): &(Domain, Instant),
    (creation, lifetime): (Creation, Lifetime),
    find: impl Fn(&Domain, Entry) -> Result<F, AttachError>,
    make: impl Fn(&Locked<'_>, &Domain) -> Result<F, AttachError>,
    seat: impl Fn(&Locked<'_>, &Domain, F) -> Result<Option<R>, AttachError>,
) -> Result<R, AttachError> {
    let attach = |locked: &Locked<'_>| {
        while_it_is_there(locked, domain, (name, lifetime), |known| {
            match (known, creation) {
                (Some(entry), Creation::MustMake) => {
                    let exists = AttachError::from(AttachErrorKind::AlreadyExists);
                    return Err(exists.made_by(|| creator_of(&entry)));
                }
                (None, Creation::MustFind) => return Err(domain.no_channel(name)),
                (Some(entry), _) => {
                    let found = find(domain, entry.clone());
                    let found = found.map_err(|error| error.made_by(|| creator_of(&entry)))?;
                    match seat(locked, domain, found) {
                        Ok(Some(seated)) => return Ok(seated),
                        Ok(None) => {}
                        Err(error)
                            if matches!(error.kind(), AttachErrorKind::Closed)
                                && creation == Creation::MakeOrFind => {}
                        Err(error) => return Err(error.made_by(|| creator_of(&entry))),
                    }
                    locked.remove(&entry);
                    entry.end()?;
                }
                (None, _) => {}
            }
            let made = make(locked, domain)?;
            Ok(seat(locked, domain, made)?.expect("what is new is not replaced"))
        })
    };
    let attached = check_name(name).and_then(|()| domain.locked_until(*until, attach));
    attached.map_err(|error| explain(error, domain, name))
}

/// Finds a channel and gives it to `f`; retries if it vanished in between, because the kernel frees a
/// channel's memory with its last user, which needs no lock for that.
pub(super) fn while_it_is_there<R>(
    locked: &Locked<'_>,
    domain: &Domain,
    (name, lifetime): (&str, Lifetime),
    mut f: impl FnMut(Option<Entry>) -> Result<R, AttachError>,
) -> Result<R, AttachError> {
    let is_gone = |error: &ipc_core::Error| matches!(error.kind(), ErrorKind::Removed | ErrorKind::NotFound);
    loop {
        let known = match locked.find(name)? {
            Some(entry) => Some(entry),
            None => lifetime::adopt_for(lifetime, locked, domain, name)?,
        };
        let segment = known.as_ref().filter(|entry| entry.kind != LISTENER).map(|entry| entry.segment);
        match f(known) {
            Err(error)
                if matches!(error.kind(), AttachErrorKind::System(error) if is_gone(error))
                    && segment.is_some_and(|segment| segment.stat().is_err_and(|error| is_gone(&error))) => {}
            result => return result,
        }
    }
}

/// Attaches to a ring that exists.
fn find(
    request: &Request<'_>,
    domain: &Domain,
    entry: Entry,
    wanted: Option<Geometry>,
    (wishes, side, creation): (&Wishes, Side, Creation),
) -> Result<Ring, AttachError> {
    if entry.kind == LISTENER {
        return Err(AttachErrorKind::Kind { found: entry.kind, expected: request.kind as u32 }.into());
    }
    entry.segment.verify(Size::Any, domain.member().trust())?;
    // Where there is only one taker, it keeps its seat as long as it is alive.
    let may_replace = |takers: &Takers| match (takers.seats, side) {
        (Seats::One(..), Side::Takes) => entry.segment.stat().is_ok_and(|stat| stat.attachments() == 0),
        _ => true,
    };
    if wishes.insist() && request.takers.as_ref().is_some_and(may_replace) {
        let region = Region::segment(entry.segment.attach()?);
        let checked = request.check(&region, None, &entry)?;
        let actual = Actual {
            capacity: checked.geometry.capacity(),
            lifetime: entry.lifetime(),
            barrier: checked.barrier,
            is_described: layout::is_described(&region),
        };
        if wishes.need_another(&region, &actual) {
            return Ok(Ring::Unchosen { region, segment: entry.segment });
        }
    }
    let found = attach_to(request, domain, entry, wanted)?;
    // A ring that has ended gives its name to a new one, made as requested.
    let passes = request.takers.as_ref().is_some_and(|takers| successor::is_closed(&found.region, takers))
        && side == Side::Gives
        && creation == Creation::MakeOrFind;
    if !passes {
        wishes.agree(found.entry.lifetime(), found.barrier)?;
    }
    Ok(Ring::Usable { found, is_new: false })
}

/// Attaches to the ring of an entry and checks its header.
fn attach_to(
    request: &Request<'_>,
    domain: &Domain,
    entry: Entry,
    wanted: Option<Geometry>,
) -> Result<Found, AttachError> {
    let region = map(entry.segment.attach()?, request.settings.pages)?;
    let Checked { geometry, barrier } = request.check(&region, wanted, &entry)?;
    if barrier == Barrier::Asymmetric && !domain.member().asymmetric() {
        return Err(AttachErrorKind::NoMembarrier.into());
    }
    Ok(Found { region, geometry, barrier, entry })
}

/// The memory of an attached segment, with all its pages supplied if requested.
pub(super) fn map(mut attached: Attachment, pages: Pages) -> Result<Region, AttachError> {
    if pages.kept_from_children {
        crate::region::keep_from_children(&mut attached)?;
    }
    if pages.prefault {
        match attached.prefault() {
            // An old kernel: the pages come one by one, as without the request.
            Err(error) if error.kind() == ErrorKind::Unsupported => {}
            result => result?,
        }
    }
    Ok(if pages.dumped { Region::dumped_segment(attached) } else { Region::segment(attached) })
}

/// Attaches to a ring without a name, whose identifier and generation its maker sent. The caller has verified
/// the segment's owner.
pub(super) fn adopt(
    request: &Request<'_>,
    domain: &Domain,
    segment: SharedMemory,
    generation: u64,
) -> Result<Found, AttachError> {
    attach_to(request, domain, Entry::nameless(segment, request.kind, generation), None)
}
