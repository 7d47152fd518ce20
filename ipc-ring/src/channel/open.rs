//! How a channel is made or found, for every kind of ring.

use ipc_core::shm::{Attachment, Options, SharedMemory, Size};
use ipc_core::{ErrorKind, Key};

use super::lifetime::{self, Lifetime};
use super::settings::Settings;
use crate::domain::{Domain, Entry, Locked, check_name};
use crate::error::AttachError;
use crate::layout::{self, Checked, Expected, Geometry, Identity, Kind, Seen};
use crate::message::Fingerprint;
use crate::platform::Barrier;
use crate::region::Region;

/// Whether a channel may, must or must not exist already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Creation {
    MakeOrFind,
    MustMake,
    MustFind,
}

/// What is asked for: the channel's name, and the ring it should be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) settings: &'a Settings,
    pub(super) kind: Kind,
    pub(super) fingerprint: Fingerprint,
    /// The capacity of a new ring when nobody insists on one.
    pub(super) usual_capacity: u64,
    /// The geometry of such a ring with a given capacity.
    pub(super) geometry: fn(u64) -> Result<Geometry, AttachError>,
    /// Bytes before the first slot.
    pub(super) slots_offset: usize,
}

/// A ring found or made, and checked.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) region: Region,
    pub(super) geometry: Geometry,
    pub(super) barrier: Barrier,
    pub(super) entry: Entry,
}

/// Finds or makes the channel and gives it to `seat`, all under the domain's lock.
///
/// When `seat` answers [`AttachError::Closed`] and a new channel may be made, the old one's name passes to it; who holds
/// the old one keeps it.
pub(super) fn attach<R>(
    request: &Request<'_>,
    creation: Creation,
    seat: impl Fn(&Locked<'_>, &Domain, Found) -> Result<R, AttachError>,
) -> Result<R, AttachError> {
    let name = request.settings.name.as_str();
    check_name(name)?;
    let domain = match &request.settings.domain {
        Some(domain) => domain.clone(),
        None => Domain::default_for_user()?,
    };
    let wanted = request.settings.capacity.map(request.geometry).transpose()?;
    let new = match wanted {
        Some(geometry) => geometry,
        None => (request.geometry)(request.usual_capacity)?,
    };
    domain.member().locked(|locked| {
        let known = match locked.find(name) {
            Some(entry) => Some(entry),
            None => lifetime::adopt(locked, &domain, name)?,
        };
        match (known, creation) {
            (Some(_), Creation::MustMake) => {
                return Err(AttachError::AlreadyExists { name: name.to_owned() });
            }
            (None, Creation::MustFind) => {
                return Err(AttachError::NotFound { name: name.to_owned() });
            }
            (Some(entry), _) => {
                let found = find(request, &domain, entry.clone(), wanted)?;
                match seat(locked, &domain, found) {
                    Err(AttachError::Closed) if creation == Creation::MakeOrFind => {
                        locked.remove(&entry);
                        entry.end()?;
                    }
                    result => return result,
                }
            }
            (None, _) => {}
        }
        let made = make(request, locked, &domain, new)?;
        seat(locked, &domain, made)
    })
}

/// Attaches to a ring that exists.
fn find(
    request: &Request<'_>,
    domain: &Domain,
    entry: Entry,
    wanted: Option<Geometry>,
) -> Result<Found, AttachError> {
    let member = domain.member();
    entry.segment.verify(Size::Any, member.trust())?;
    let region = map(entry.segment.attach()?, request.settings)?;
    let Checked { geometry, barrier } = layout::check(
        &region,
        &Expected {
            kind: request.kind,
            fingerprint: request.fingerprint,
            slots_offset: request.slots_offset,
            geometry: request.geometry,
            capacity: wanted.map(|geometry| geometry.capacity),
            generation: Some(entry.generation),
        },
    )?;
    if barrier == Barrier::Asymmetric && !member.asymmetric() {
        return Err(AttachError::NoMembarrier);
    }
    Ok(Found { region, geometry, barrier, entry })
}

fn map(attached: Attachment, settings: &Settings) -> Result<Region, AttachError> {
    if settings.prefault {
        match attached.prefault() {
            // An old kernel: the pages come one by one, as without the wish.
            Err(error) if error.kind() == ErrorKind::Unsupported => {}
            result => result?,
        }
    }
    Ok(Region::segment(attached))
}

/// Attaches read-only to a ring that exists, whatever its elements, without taking a seat.
pub(super) fn observe(
    name: &str,
    domain: &Domain,
    kind: Kind,
    slots_offset: usize,
) -> Result<(Region, Seen), AttachError> {
    check_name(name)?;
    let member = domain.member();
    member.locked(|locked| {
        let known = match locked.find(name) {
            Some(entry) => Some(entry),
            None => lifetime::adopt(locked, domain, name)?,
        };
        let entry = known.ok_or_else(|| AttachError::NotFound { name: name.to_owned() })?;
        let attachment = entry.segment.attach_read_only()?;
        entry.segment.verify(Size::Any, member.trust())?;
        let region = Region::segment(attachment);
        let seen = layout::look(&region, kind, slots_offset, Some(entry.generation))?;
        Ok((region, seen))
    })
}

/// Makes a ring. The segment of an ephemeral one is marked for removal at once, so that no death leaves it behind; what a
/// death leaves of a persistent one is found by its key.
fn make(
    request: &Request<'_>,
    locked: &Locked<'_>,
    domain: &Domain,
    geometry: Geometry,
) -> Result<Found, AttachError> {
    let member = domain.member();
    let settings = request.settings;
    let barrier = match settings.barrier {
        Some(Barrier::Asymmetric) if !member.asymmetric() => return Err(AttachError::NoMembarrier),
        Some(barrier) => barrier,
        None if member.asymmetric() => Barrier::Asymmetric,
        None => Barrier::Fence,
    };
    let options = Options::default().mode(member.mode());
    let (segment, attached) = match settings.lifetime {
        Lifetime::Ephemeral => locked.making(geometry.total_size, || {
            let segment = SharedMemory::create_new(Key::PRIVATE, geometry.total_size, &options)?;
            let attached = segment.attach();
            segment.remove()?;
            Ok::<_, AttachError>((segment, attached))
        })?,
        Lifetime::Persistent => {
            let key = lifetime::key(member.key(), &settings.name);
            let segment = SharedMemory::create_new(key, geometry.total_size, &options)?;
            (segment, segment.attach())
        }
    };
    let region = map(attached?, settings)?;
    let generation = locked.next_generation();
    let identity = Identity {
        kind: request.kind,
        barrier,
        fingerprint: request.fingerprint,
        generation,
        first_position: 0,
        name: &settings.name,
    };
    layout::write(&region, &geometry, request.slots_offset, identity);
    let entry = locked.enter(&settings.name, request.kind as u32, segment, generation)?;
    Ok(Found { region, geometry, barrier, entry })
}
