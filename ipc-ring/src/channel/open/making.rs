//! Making a ring: its segment, and what its header says.

use ipc_core::Mode;
use ipc_core::shm::{Attachment, Options, SharedMemory};

use super::request::Request;
use super::{Found, map};
use crate::channel::barriers;
use crate::channel::described::Described;
use crate::channel::lifetime::{self, Lifetime};
use crate::domain::{Domain, Entry, Locked};
use crate::error::AttachError;
use crate::layout::{self, Geometry, Identity};

/// Makes a ring and enters it in the directory.
pub(super) fn make(
    request: &Request<'_>,
    locked: &Locked<'_>,
    domain: &Domain,
    geometry: Geometry,
) -> Result<Found, AttachError> {
    let access = Access { mode: domain.member().mode(), also: None };
    let mut made = make_ring(request, locked, domain, geometry, access)?;
    made.entry = locked.enter(
        &request.settings.name,
        request.kind as u32,
        made.entry.segment,
        made.entry.generation,
    )?;
    Ok(made)
}

/// Makes a nameless ring for this user and, if different, for the user with the number `also`.
pub(in crate::channel) fn make_nameless(
    request: &Request<'_>,
    locked: &Locked<'_>,
    domain: &Domain,
    also: u32,
) -> Result<Found, AttachError> {
    let capacity = request.settings.capacity.unwrap_or(request.usual_capacity);
    let also = (also != nix::unistd::geteuid().as_raw()).then_some(also);
    let access = Access { mode: Mode::PRIVATE, also };
    make_ring(request, locked, domain, (request.geometry)(capacity)?, access)
}

/// The users that may use a new segment.
pub(in crate::channel) struct Access {
    pub(in crate::channel) mode: Mode,
    /// A user to become the owner; the creator keeps its rights.
    pub(in crate::channel) also: Option<u32>,
}

/// Makes a ring. The segment of an ephemeral one is marked for removal at once, so that no death leaves it
/// behind; what a death leaves of a persistent one is found by its key.
fn make_ring(
    request: &Request<'_>,
    locked: &Locked<'_>,
    domain: &Domain,
    geometry: Geometry,
    access: Access,
) -> Result<Found, AttachError> {
    let member = domain.member();
    let settings = request.settings;
    let barrier = barriers::chosen(member, settings.barrier)?;
    let description = settings.described.as_ref().map_or(Ok(String::new()), Described::text)?;
    let size = layout::size_with(geometry.total_size(), &description);
    let (segment, attached) = match settings.lifetime.unwrap_or_default() {
        Lifetime::Ephemeral => make_private(locked, size, &access)?,
        Lifetime::Persistent => {
            let key = lifetime::key(member.key(), &settings.name);
            let options = Options::default().mode(access.mode);
            let segment = SharedMemory::create_new(key, size, &options)?;
            (segment, lifetime::attach_kept(segment)?)
        }
    };
    let region = map(attached, settings.pages)?;
    let generation = locked.next_generation();
    let identity = Identity {
        kind: request.kind,
        barrier,
        fingerprint: request.fingerprint,
        generation,
        first_position: 0,
        name: &settings.name,
        description: &description,
    };
    layout::write(&region, &geometry, request.slots_offset, identity);
    if let Some(element) = request.type_name() {
        layout::note_type(&region, &settings.name, &element);
    }
    let entry = Entry::nameless(segment, request.kind, generation);
    Ok(Found { region, geometry, barrier, entry })
}

/// Makes a private segment of zeros that is marked for removal, and attaches it.
pub(in crate::channel) fn make_private(
    locked: &Locked<'_>,
    size: usize,
    access: &Access,
) -> Result<(SharedMemory, Attachment), AttachError> {
    locked.make_segment(size, &Options::default().mode(access.mode), access.also)
}
