//! An outside view of a domain: read-only, without membership and without the lock.
//!
//! A member takes one of the domain's process slots, sweeps what dead processes left and keeps the domain
//! from being removed. An observer does none of that. It attaches the tables read-only for the duration of
//! one look and detaches them, so between two looks it holds nothing. It queries the semaphores' values,
//! which requires only the right to read them.
//!
//! Without the lock, an entry of the directory may change while it is read. So the directory is a hint: a
//! channel counts as found if the header of its segment has the entry's generation and name. If the header
//! differs, the entry is read again.

use std::fmt;
use std::sync::Arc;

use ipc_core::sem::{SemId, SemaphoreSet};
use ipc_core::shm::{Attachment, SharedMemory, Size};
use ipc_core::{Error, ErrorKind, Key, Mode, Trust};

use super::directory::{self, Tables, channel};
use super::layout::{
    C_GENERATION, C_STATE, CHANNELS, DOMAIN_NAME_BYTES, H_MAGIC, H_NAME, H_NAME_LENGTH, H_READY,
    H_SEMAPHORES, H_VERSION, LISTENER, LIVE, MAGIC, READY, SIZE, VERSION,
};
use super::sizes::Sizes;
use super::table::Table;
use super::{Entry, Owner, asking, check_name, join};
use crate::channel::persistent_key;
use crate::error::{AttachError, AttachErrorKind};
use crate::layout::{self, Plate};
use crate::region::Region;

/// How often an entry that changes during a read is read again.
const ATTEMPTS: usize = 100;

/// A read-only view of a domain, for a process that need not be a member.
///
/// It takes none of the domain's process slots, changes no byte, removes nothing and sweeps nothing. Between
/// two calls it has nothing attached, so it does not keep anything from being removed either; what is opened
/// through it documents what it keeps. It works for another user who may read the domain's segment, its
/// semaphores and the channels' segments (`Mode` of [`Domain::open_shared`](crate::Domain::open_shared)); a
/// channel that this user may not read is reported as such.
///
/// Its reports are racy: processes come and go meanwhile.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ipc_ring::observe::DomainObserver;
/// use ipc_ring::{Domain, spsc};
///
/// let domain = Domain::open("doc-example-domain-observer")?;
/// let mut producer = spsc::Builder::<u64>::new("numbers").domain(&domain).create_sender()?;
/// producer.push(7)?;
///
/// let observer = DomainObserver::open("doc-example-domain-observer")?;
/// let listing = observer.list()?;
/// assert_eq!((listing.processes.len(), listing.names[0].name.as_str()), (1, "numbers"));
/// assert_eq!(spsc::Observer::open_in(&observer, "numbers")?.counters().pushed, 1);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct DomainObserver {
    domain: Arc<Observed>,
}

struct Observed {
    name: String,
    /// The user that the domain belongs to.
    user: u32,
    key: Key,
    segment: SharedMemory,
    semaphores: SemaphoreSet,
    sizes: Sizes,
}

/// The domain's tables, attached read-only for the duration of a look.
pub(crate) struct Look<'a> {
    observed: &'a Observed,
    table: Table,
}

impl DomainObserver {
    /// Finds this user's domain of this name.
    ///
    /// # Errors
    /// [`InvalidName`](crate::AttachErrorKind::InvalidName); [`System`](crate::AttachErrorKind::System), with
    /// [`NotFound`](ErrorKind::NotFound) if there is no such domain, with [`Untrusted`](ErrorKind::Untrusted)
    /// if its objects are another user's; [`NotReady`](crate::AttachErrorKind::NotReady) if it is being made;
    /// [`Version`](crate::AttachErrorKind::Version), [`NotADomain`](crate::AttachErrorKind::NotADomain).
    pub fn open(name: &str) -> Result<Self, AttachError> {
        Self::open_of(name, nix::unistd::geteuid().as_raw())
    }

    /// Finds the domain of this name of another user, who made and owns its objects.
    ///
    /// # Errors
    /// As [`open`](Self::open); [`System`](crate::AttachErrorKind::System) with
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) if this user may not read it.
    pub fn open_of(name: &str, user: u32) -> Result<Self, AttachError> {
        Self::find(name, user).map_err(|error| error.in_domain(name).of_user(user))
    }

    fn find(name: &str, user: u32) -> Result<Self, AttachError> {
        if name.is_empty() || name.len() > DOMAIN_NAME_BYTES || name.contains('\0') {
            let most = DOMAIN_NAME_BYTES;
            return Err(AttachErrorKind::InvalidName { name: name.to_owned(), most }.into());
        }
        let key = join::key(name, user);
        let trust = made_by(user);
        let segment = SharedMemory::open_read_only(key, Size::Any, &trust)?;
        let table = Table::new(large_enough(segment.attach_read_only()?)?);
        check(&table, name)?;
        let semaphores = SemaphoreSet::from_id(SemId::from_raw(table.get_half(H_SEMAPHORES) as i32));
        let stat = semaphores.stat()?;
        if stat.permissions().key() != key {
            return Err(AttachErrorKind::NotADomain { reason: "its semaphores are not under its key" }.into());
        }
        trust.check(&stat.permissions())?;
        let reason = "its set has a number of semaphores that no domain has";
        let sizes = Sizes::of_set(stat.count()).ok_or(AttachErrorKind::NotADomain { reason })?;
        let name = name.to_owned();
        Ok(Self { domain: Arc::new(Observed { name, user, key, segment, semaphores, sizes }) })
    }

    /// The domain's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.domain.name
    }

    /// The number of the user that the domain belongs to.
    #[must_use]
    pub fn user(&self) -> u32 {
        self.domain.user
    }

    /// Whether the process that `owner` names is alive, as [`Domain::is_alive`](crate::Domain::is_alive).
    /// Some system calls.
    ///
    /// # Errors
    /// If it cannot be determined: the domain was removed, or this process may not read it any more.
    pub fn is_alive(&self, owner: Owner) -> Result<bool, Error> {
        self.look()?.is_alive(owner)
    }

    /// Attaches the tables.
    ///
    /// # Errors
    /// [`Removed`](ErrorKind::Removed) if the domain is gone.
    pub(crate) fn look(&self) -> Result<Look<'_>, Error> {
        let Observed { segment, .. } = &*self.domain;
        let table = Table::new(segment.attach_read_only()?);
        Ok(Look { observed: &self.domain, table })
    }

    /// The error for a name that is not in the directory.
    pub(crate) fn no_channel(&self, name: &str) -> AttachError {
        self.explain(AttachErrorKind::NotFound.into(), name)
    }

    pub(crate) fn explain(&self, error: AttachError, name: &str) -> AttachError {
        error.in_channel(name).in_domain(self.name()).of_user(self.user())
    }
}

/// Objects made by this user, whatever rights others have: their contents are checked, and nothing is written
/// here.
fn made_by(user: u32) -> Trust {
    let open = Mode::PRIVATE.group_read().group_write().others_read().others_write();
    Trust::same_user().allow_uid(user).mode_at_most(open)
}

/// The attachment, if it is large enough for a domain's tables.
fn large_enough(attachment: Attachment) -> Result<Attachment, AttachError> {
    let reason = "its segment is too small; another program uses its key";
    Some(attachment).filter(|found| found.len() >= SIZE).ok_or(AttachErrorKind::NotADomain { reason }.into())
}

fn check(table: &Table, name: &str) -> Result<(), AttachError> {
    if ![0, MAGIC].contains(&table.get(H_MAGIC)) {
        let reason = "it does not start like one; another program uses its key";
        return Err(AttachErrorKind::NotADomain { reason }.into());
    }
    if table.get_half(H_READY) != READY {
        return Err(AttachErrorKind::NotReady.into());
    }
    let found = table.get_half(H_VERSION);
    if found != VERSION {
        return Err(AttachErrorKind::Version { found, expected: VERSION }.into());
    }
    if table.text(H_NAME_LENGTH, H_NAME, DOMAIN_NAME_BYTES) != name {
        let reason = "another domain's name has the same key";
        return Err(AttachErrorKind::NotADomain { reason }.into());
    }
    Ok(())
}

impl Look<'_> {
    /// As [`DomainObserver::is_alive`], by these tables.
    pub(crate) fn is_alive(&self, owner: Owner) -> Result<bool, Error> {
        let Observed { semaphores, sizes, .. } = self.observed;
        asking::is_alive(&self.table, semaphores, *sizes, owner)
    }

    /// The tables, for listings.
    pub(crate) fn tables(&self) -> Tables<'_> {
        Tables { table: &self.table, is_alive: Box::new(|owner| self.is_alive(owner)) }
    }

    /// Every name and its entry, except for channels whose memory is gone.
    ///
    /// # Errors
    /// If it cannot be determined whether a segment exists.
    pub(crate) fn entries(&self) -> Result<Vec<(String, Entry)>, Error> {
        let entries = (0..CHANNELS).map(|index| self.entry(index));
        entries.filter_map(Result::transpose).collect()
    }

    /// The entry of a name. A persistent channel that is in no directory is found by its key.
    ///
    /// # Errors
    /// As [`entries`](Self::entries).
    pub(crate) fn find(&self, name: &str) -> Result<Option<Entry>, Error> {
        match self.find_by(|found, _| found == name)? {
            Some((_, entry)) => Ok(Some(entry)),
            None => self.kept(name),
        }
    }

    /// The first entry that `is` the one, and its name.
    ///
    /// # Errors
    /// As [`entries`](Self::entries).
    pub(crate) fn find_by(
        &self,
        is: impl Fn(&str, &Entry) -> bool,
    ) -> Result<Option<(String, Entry)>, Error> {
        for index in 0..CHANNELS {
            // A look at first: the entry takes system calls.
            let (name, entry) = directory::entry_at(&self.table, index);
            if is(&name, &entry)
                && let Some((name, entry)) = self.entry(index)?
                && is(&name, &entry)
            {
                return Ok(Some((name, entry)));
            }
        }
        Ok(None)
    }

    fn kept(&self, name: &str) -> Result<Option<Entry>, Error> {
        let key = persistent_key(self.observed.key, name);
        let trust = made_by(self.observed.user);
        let Ok(segment) = SharedMemory::open_read_only(key, Size::Any, &trust) else { return Ok(None) };
        let attached = match segment.attach_read_only() {
            Err(error) if is_gone(&error) => return Ok(None),
            attached => attached?,
        };
        Ok(match layout::name_plate(&Region::segment(attached)) {
            Plate::Ring { kind, generation, name: found } if found == name => Some(Entry {
                index: None,
                generation,
                kind,
                creator: Owner::NONE,
                segment,
                is_persistent: true,
            }),
            _ => None,
        })
    }

    /// The entry at `index` and its name, read consistently.
    fn entry(&self, index: usize) -> Result<Option<(String, Entry)>, Error> {
        let generation = || self.table.get(channel(index) + C_GENERATION);
        for _ in 0..ATTEMPTS {
            if self.table.get_half(channel(index) + C_STATE) != LIVE {
                return Ok(None);
            }
            let (name, mut entry) = directory::entry_at(&self.table, index);
            if entry.kind == LISTENER {
                if generation() == entry.generation {
                    return Ok(self.is_alive(entry.creator)?.then_some((name, entry)));
                }
                continue;
            }
            match entry.segment.stat() {
                Ok(stat) => entry.is_persistent = stat.permissions().key() != Key::PRIVATE,
                // This user may not read the segment: only the entry can be reported.
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
                // The memory is gone; some member will drop the entry.
                Err(error) if is_gone(&error) => return Ok(None),
                Err(error) => return Err(error),
            }
            let plate = match entry.segment.attach_read_only() {
                Ok(attached) => layout::name_plate(&Region::segment(attached)),
                Err(_) => Plate::Foreign,
            };
            let is_whole = match plate {
                Plate::Ring { generation, name: found, .. } if generation == entry.generation => {
                    found == name
                }
                // Not the entry's channel; reported as unreadable if the entry stays so.
                _ => generation() == entry.generation,
            };
            if is_whole {
                return Ok(Some((name, entry)));
            }
        }
        Ok(None)
    }
}

fn is_gone(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Removed | ErrorKind::NotFound)
}

/// Whether what was observed went meanwhile.
pub(crate) fn has_gone(error: &AttachError) -> bool {
    match error.kind() {
        AttachErrorKind::Generation { .. } => true,
        AttachErrorKind::System(error) => is_gone(error),
        _ => false,
    }
}

impl fmt::Debug for DomainObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DomainObserver").field("name", &self.domain.name).finish_non_exhaustive()
    }
}

/// An observed channel: applies `look` to the memory of the channel of this name.
///
/// # Errors
/// [`NotFound`](crate::AttachErrorKind::NotFound), and the errors of `look`.
pub(crate) fn with_entry<R>(
    observer: &DomainObserver,
    name: &str,
    look: impl Fn(&Entry) -> Result<R, AttachError>,
) -> Result<R, AttachError> {
    check_name(name)?;
    let mut attempt = 0;
    let looked = loop {
        let entry = observer.look()?.find(name)?.ok_or_else(|| observer.no_channel(name))?;
        match look(&entry) {
            // It went, and another channel has its name or will have it.
            Err(error) if has_gone(&error) && attempt < ATTEMPTS => attempt += 1,
            result => break result,
        }
    };
    looked.map_err(|error| observer.explain(error, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Domain;
    use crate::control::Named;
    use crate::domain::layout::{C_KIND, C_NAME, C_NAME_LENGTH, C_SEGMENT, FREE};
    use crate::layout::NAME_BYTES;
    use crate::spsc;

    /// A look without the lock can see one part of an entry from before it was rewritten and another part
    /// from after.
    #[test]
    fn an_entry_of_two_channels_is_neither() {
        if let Err(errno) = nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWIPC) {
            eprintln!("NOTICE: no private IPC namespace ({errno})");
        }
        let name = format!("torn-{}", std::process::id());
        let domain = Domain::open(&name).unwrap();
        let make = |name| spsc::Builder::<u64>::new(name).domain(&domain).create_sender().unwrap();
        let _ends = [make("a"), make("bb")];
        let table = &domain.member().table;
        let [a, b] = [0, 1].map(|index| directory::entry_at(table, index));
        let put = |name: &str, generation: u64, segment: SharedMemory| {
            let at = channel(CHANNELS - 1);
            table.set(at + C_GENERATION, generation);
            table.set_half(at + C_KIND, a.1.kind);
            table.set_half(at + C_SEGMENT, segment.id().as_raw() as u32);
            table.set_text(at + C_NAME_LENGTH, at + C_NAME, name, NAME_BYTES);
            table.set_half(at + C_STATE, LIVE);
        };
        let observer = DomainObserver::open(&name).unwrap();
        let look = observer.look().unwrap();
        put(&a.0, a.1.generation, a.1.segment);
        let (name, whole) = look.entry(CHANNELS - 1).unwrap().unwrap();
        assert_eq!((name, whole.segment), (a.0.clone(), a.1.segment));
        // The next channel's name, with the first channel's generation and segment.
        put(&b.0, a.1.generation, a.1.segment);
        assert!(look.entry(CHANNELS - 1).unwrap().is_none());
        // The next channel's segment, if it stays so: not this entry's channel.
        put("c", a.1.generation, b.1.segment);
        let found = observer.look_up("c").unwrap().unwrap();
        assert!(matches!(found.what, Named::Unreadable { .. }), "{found:?}");
        assert!(spsc::Observer::open_in(&observer, "c").is_err());
        table.set_half(channel(CHANNELS - 1) + C_STATE, FREE);
    }
}
