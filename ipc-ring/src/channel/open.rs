//! How a channel is made or found, for every kind of ring.

use ipc_core::Key;
use ipc_core::shm::{Options, SharedMemory, Size};

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
    pub(super) name: &'a str,
    /// `None` for the user's own.
    pub(super) domain: Option<&'a Domain>,
    pub(super) kind: Kind,
    pub(super) fingerprint: Fingerprint,
    /// A capacity to insist on.
    pub(super) capacity: Option<u64>,
    /// The capacity of a new ring when nobody insists on one.
    pub(super) usual_capacity: u64,
    /// The geometry of such a ring with a given capacity.
    pub(super) geometry: fn(u64) -> Result<Geometry, AttachError>,
    /// Bytes before the first slot.
    pub(super) slots_offset: usize,
    /// How sleepers and wakers agree in a new ring; `None` for the best the kernel offers.
    pub(super) barrier: Option<Barrier>,
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
    check_name(request.name)?;
    let domain = match request.domain {
        Some(domain) => domain.clone(),
        None => Domain::default_for_user()?,
    };
    let wanted = request.capacity.map(request.geometry).transpose()?;
    let new = match wanted {
        Some(geometry) => geometry,
        None => (request.geometry)(request.usual_capacity)?,
    };
    domain.member().locked(|locked| {
        match (locked.find(request.name), creation) {
            (Some(_), Creation::MustMake) => {
                return Err(AttachError::AlreadyExists { name: request.name.to_owned() });
            }
            (None, Creation::MustFind) => {
                return Err(AttachError::NotFound { name: request.name.to_owned() });
            }
            (Some(entry), _) => {
                let found = find(request, &domain, entry.clone(), wanted)?;
                match seat(locked, &domain, found) {
                    Err(AttachError::Closed) if creation == Creation::MakeOrFind => locked.remove(&entry),
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
    let region = Region::segment(entry.segment.attach()?);
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
        let entry = locked.find(name).ok_or_else(|| AttachError::NotFound { name: name.to_owned() })?;
        let attachment = entry.segment.attach_read_only()?;
        entry.segment.verify(Size::Any, member.trust())?;
        let region = Region::segment(attachment);
        let seen = layout::look(&region, kind, slots_offset, Some(entry.generation))?;
        Ok((region, seen))
    })
}

/// Makes a ring. Its segment is marked for removal at once, so that no death leaves it behind.
fn make(
    request: &Request<'_>,
    locked: &Locked<'_>,
    domain: &Domain,
    geometry: Geometry,
) -> Result<Found, AttachError> {
    let member = domain.member();
    let barrier = match request.barrier {
        Some(Barrier::Asymmetric) if !member.asymmetric() => return Err(AttachError::NoMembarrier),
        Some(barrier) => barrier,
        None if member.asymmetric() => Barrier::Asymmetric,
        None => Barrier::Fence,
    };
    let options = Options::default().mode(member.mode());
    let (segment, attached) = locked.making(geometry.total_size, || {
        let segment = SharedMemory::create_new(Key::PRIVATE, geometry.total_size, &options)?;
        let attached = segment.attach();
        segment.remove()?;
        Ok::<_, AttachError>((segment, attached))
    })?;
    let region = Region::segment(attached?);
    let generation = locked.next_generation();
    let identity = Identity {
        kind: request.kind,
        barrier,
        fingerprint: request.fingerprint,
        generation,
        first_position: 0,
        name: request.name,
    };
    layout::write(&region, &geometry, request.slots_offset, identity);
    let entry = locked.enter(request.name, request.kind, segment, generation)?;
    Ok(Found { region, geometry, barrier, entry })
}
