//! How a channel is made or found, for every kind of ring.

use std::cell::Cell;
use std::time::Instant;

use ipc_core::shm::{Attachment, Options, SharedMemory, Size};
use ipc_core::{ErrorKind, Mode};

use super::barriers;
use super::described::Described;
use super::lifetime::{self, Lifetime};
use super::settings::{Pages, Settings};
use super::successor::{self, Actual, Seats, Side, Takers, Wishes};
use crate::domain::layout::LISTENER;
use crate::domain::{DEFAULT_NAME, Domain, Entry, Locked, check_name};
use crate::error::{AttachError, AttachErrorKind, Creator, Elsewhere, Types};
use crate::layout::{self, Checked, Expected, Geometry, Identity, Kind};
use crate::message::{Fingerprint, short_name};
use crate::platform::Barrier;
use crate::region::Region;

/// Whether a channel may, must or must not exist already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Creation {
    MakeOrFind,
    MustMake,
    MustFind,
}

/// The request: the channel's name, and the ring it should be.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) settings: &'a Settings,
    pub(super) kind: Kind,
    pub(super) fingerprint: Fingerprint,
    /// The Rust type of the elements, for messages; `None` where there is none.
    pub(super) element: Option<&'static str>,
    /// The capacity of a new ring when none was requested.
    pub(super) usual_capacity: u64,
    /// The geometry of such a ring with a given capacity.
    pub(super) geometry: &'a dyn Fn(u64) -> Result<Geometry, AttachError>,
    /// Bytes before the first slot.
    pub(super) slots_offset: usize,
    /// The offset of the mode word, where there are several modes, and the required mode.
    pub(super) mode: Option<(usize, u32)>,
    /// The ends that may attach before the channel's parameters are chosen, and follow it then; `None` where
    /// none can.
    pub(super) takers: Option<Takers>,
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
    pub(super) fn check(
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
    pub(super) fn with_description<R>(
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

    pub(super) fn wishes(&self, wanted: Option<Geometry>) -> Wishes {
        Wishes::new(self.settings, wanted.map(|geometry| geometry.capacity()), self.mode)
    }

    /// The name of the element type: the agreed one, or the type's own.
    fn type_name(&self) -> Option<String> {
        let described = self.settings.described.as_ref().and_then(Described::type_name);
        described.or_else(|| self.settings.type_name.clone()).or_else(|| self.element.map(short_name))
    }

    /// Adds context to an error.
    pub(super) fn explain(&self, error: AttachError, side: Side) -> AttachError {
        let (end, unit) = words(self.kind, side);
        let domain = self.settings.domain.as_ref().map_or(DEFAULT_NAME, Domain::name);
        error
            .in_channel(&self.settings.name)
            .in_domain(domain)
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
        barrier: Barrier,
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

/// Finds or makes the channel and gives it to `seat`, all under the domain's lock.
///
/// When `seat` returns [`Closed`](crate::AttachErrorKind::Closed) and a new channel may be made, the old
/// one's name passes to it; processes attached to the old one keep it. The same happens with the name of a
/// ring that differs from the request while its parameters are still open: see [`successor`].
pub(super) fn attach<R>(
    request: &Request<'_>,
    creation: Creation,
    side: Side,
    seat: impl Fn(&Locked<'_>, &Domain, Found) -> Result<R, AttachError>,
) -> Result<R, AttachError> {
    try_attach(request, creation, side, seat).map_err(|error| request.explain(error, side))
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
            (Ring::Unchosen { region, barrier, segment }, Some(takers)) => {
                successor::close(&region, takers, barrier, domain.member());
                replaced.set(Some((region, segment)));
                Ok(None)
            }
            (Ring::Unchosen { .. }, None) => unreachable!("nothing is open where nobody can follow"),
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
            return Ok(Ring::Unchosen { region, barrier: checked.barrier, segment: entry.segment });
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

/// Makes a ring and enters it in the directory.
fn make(
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
pub(super) fn make_nameless(
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
pub(super) struct Access {
    pub(super) mode: Mode,
    /// A user to become the owner; the creator keeps its rights.
    pub(super) also: Option<u32>,
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
pub(super) fn make_private(
    locked: &Locked<'_>,
    size: usize,
    access: &Access,
) -> Result<(SharedMemory, Attachment), AttachError> {
    locked.make_segment(size, &Options::default().mode(access.mode), access.also)
}
