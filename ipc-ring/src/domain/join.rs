//! Joining a domain, and leaving it.
//!
//! The semaphores come first because they hold the lock, and a new set on Linux starts with all zeros: lock
//! free, no process alive. So at no moment does a set exist that must not be used yet. Everything else is
//! made and checked under the lock; a process that finds it half-made completes it, and a join that fails
//! removes what it has made: see [`half_made`](super::half_made).

use std::time::Instant;

use ipc_core::sem::{Op, SemaphoreSet};
use ipc_core::shm::{Options, SharedMemory, Size};
use ipc_core::{ErrorKind, Key, Mode, ProcessMark, Trust};
use ipc_describe::Fnv;

use super::former::{self, Former};
use super::image::{self, Image, ImageId};
use super::layout::{
    FREE, H_CHANNELS, H_DEPARTED, H_GENERATION, H_MAGIC, H_NAME, H_NAME_LENGTH, H_NOTES, H_PROCESSES,
    H_QUEUES, H_READY, H_SEMAPHORES, H_VERSION, H_WAKES, LIVE, MAGIC, P_GENERATION, P_IMAGE, P_PID,
    P_STARTED_NS, P_STATE, PROCESS_SIZE, PROCESS_TABLE, PROCESSES, QUEUES, READY, SIZE, VERSION, token,
};
use super::lock::{Lock, NamelessLock};
use super::owner::Owner;
use super::sizes::{self, Sizes};
use super::table::Table;
use super::{Locked, Member, departure, half_made, making, queues};
use crate::asked::Asked;
use crate::error::{AttachError, AttachErrorKind};
use crate::leaving;
use crate::platform::{Native, Platform as _, Site};
use crate::wait::interrupt::Interrupts;

/// How often a join starts over because the domain was removed meanwhile.
const ATTEMPTS: usize = 100;

/// The key of a user's domain of this name, for both its segment and its semaphores.
pub(super) fn key(name: &str, owner: u32) -> Key {
    let mut hash = Fnv::new();
    hash.write(b"ipc-ring domain");
    hash.write(&VERSION.to_le_bytes());
    hash.write(&owner.to_le_bytes());
    hash.write(name.as_bytes());
    crate::key::of(&hash)
}

/// Joins the domain under `key`, making it if it does not exist.
pub(super) fn join(
    name: &str,
    key: Key,
    mode: Mode,
    trust: Trust,
    until: Instant,
    interrupts: Option<&Interrupts>,
) -> Result<Member, AttachError> {
    let mut attempt = 1;
    loop {
        match try_join(name, key, mode, &trust, (until, interrupts)) {
            // The last member removed the domain between two of our steps: a new one can be made.
            Err(error)
                if matches!(error.kind(), AttachErrorKind::System(error)
                    if matches!(error.kind(), ErrorKind::Removed | ErrorKind::NotFound))
                    && attempt < ATTEMPTS =>
            {
                attempt += 1;
            }
            result => return result,
        }
    }
}

/// The domain that is being joined, and its set of semaphores.
struct Home<'a> {
    name: &'a str,
    key: Key,
    mode: Mode,
    trust: &'a Trust,
    semaphores: SemaphoreSet,
    sizes: Sizes,
    is_new: bool,
}

fn try_join(
    name: &str,
    key: Key,
    mode: Mode,
    trust: &Trust,
    (until, interrupts): (Instant, Option<&Interrupts>),
) -> Result<Member, AttachError> {
    crate::clock::look()?;
    let (semaphores, sizes, is_new) = sizes::open_or_create(key, mode, trust)?;
    let home = Home { name, key, mode, trust, semaphores, sizes, is_new };
    Native::crash_point(Site::DomainSetMade);
    half_made::mark(semaphores)?;
    Native::crash_point(Site::DomainSetMarked);
    // Before the lock, so that others can tell when its holder is gone.
    let image = match Image::new(key, mode) {
        Ok(image) => image,
        Err(error) => {
            if let Some(lock) = NamelessLock::try_take(semaphores)? {
                home.take_back();
                drop(lock);
                if let Some(tables) = home.tables() {
                    settle(&home.member(tables, Owner::NONE, None), || NamelessLock::try_take(semaphores));
                }
            }
            return Err(error.into());
        }
    };
    let lock = Lock::take(semaphores, image.id(), until, interrupts)?;
    // Members whose programs are gone while their processes live.
    let mut former = Vec::new();
    let part = match home.take_part(image.id(), &mut former) {
        Ok(part) => part,
        Err(error) => {
            home.take_back();
            let id = image.id();
            let outsider = home.tables().map(|tables| home.member(tables, Owner::NONE, None));
            if let Some(outsider) = &outsider {
                outsider.clear_up_after(&former);
            }
            drop(lock);
            if let Some(outsider) = outsider {
                settle(&outsider, || Lock::try_take(semaphores, id));
            }
            drop(image);
            return Err(error);
        }
    };
    Native::crash_point(Site::DomainSlotTaken);
    let Part { tables, slot, generation } = part;
    // From here on the token is held, and Member's Drop gives everything back.
    let member = home.member(tables, Owner::new(slot, generation), Some(image));
    member.clear_up_after(&former);
    // Before it can have an end that another process watches.
    member.ring_bells_at_my_death();
    making::finish_interrupted(&member);
    let swept = Locked { member: &member }.sweep();
    drop(lock); // Before the member, whose drop takes the lock.
    member.settle_departures();
    swept?;
    Ok(member)
}

/// The domain's segment, attached.
type Tables = (SharedMemory, Table);

/// What a join that holds a token has done under the lock.
struct Part {
    tables: Tables,
    slot: usize,
    generation: u64,
}

impl Home<'_> {
    /// Makes or finds the segment, checks it, takes a slot.
    fn take_part(&self, image: ImageId, former: &mut Vec<Former>) -> Result<Part, AttachError> {
        let Self { name, key, trust, semaphores, sizes, .. } = *self;
        let options = Options::default().mode(self.mode);
        let (segment, _) = SharedMemory::open_or_create(key, SIZE, &options, trust)?;
        Native::crash_point(Site::DomainTablesMade);
        let table = Table::new(segment.attach()?);
        prepare(&table, name, semaphores, sizes)?;
        former::retire(&table, semaphores, sizes, former)?;
        let (slot, generation) =
            claim_slot(&table, semaphores, sizes, image)?.ok_or_else(|| sizes.no_process())?;
        Ok(Part { tables: (segment, table), slot, generation })
    }

    /// Removes what is half-made, after a failure. The lock is held.
    fn take_back(&self) {
        half_made::take_back(self.key, self.trust, (self.semaphores, self.sizes), self.is_new);
    }

    /// The tables, if the domain is complete: for a process that works on it without joining.
    fn tables(&self) -> Option<Tables> {
        let segment = SharedMemory::open(self.key, Size::AtLeast(SIZE), self.trust).ok()?;
        let table = Table::new(segment.attach().ok()?);
        let is_whole = table.get_half(H_READY) == READY
            && table.get(H_MAGIC) == MAGIC
            && table.get_half(H_VERSION) == VERSION
            && table.get_half(H_SEMAPHORES) == self.semaphores.id().as_raw() as u32;
        is_whole.then_some((segment, table))
    }

    /// A member, or with [`Owner::NONE`] an outsider, which has nothing to give back.
    fn member(&self, (segment, table): Tables, me: Owner, image: Option<Image>) -> Member {
        Member {
            name: self.name.to_owned(),
            key: self.key,
            table,
            semaphores: self.semaphores,
            sizes: self.sizes,
            together: sizes::operations_in_a_call(),
            segment,
            me,
            process: ProcessMark::current(),
            mode: self.mode,
            trust: self.trust.clone(),
            asymmetric: Asked::new(),
            image,
        }
    }
}

/// Checks that the segment is this domain's, or initializes it if it is new or its maker died.
fn prepare(table: &Table, name: &str, semaphores: SemaphoreSet, sizes: Sizes) -> Result<(), AttachError> {
    let stored = semaphores.id().as_raw() as u32;
    if table.get_half(H_READY) == READY {
        if table.get(H_MAGIC) != MAGIC {
            return Err(AttachErrorKind::NotADomain {
                reason: "it does not start like one; another program uses its key",
            }
            .into());
        }
        if table.get_half(H_VERSION) != VERSION {
            return Err(
                AttachErrorKind::Version { found: table.get_half(H_VERSION), expected: VERSION }.into()
            );
        }
        let numbers = |offsets: [usize; 2]| offsets.map(|offset| table.get_half(offset) as usize);
        if numbers([H_CHANNELS, H_QUEUES]) != [super::layout::CHANNELS, QUEUES] {
            return Err(AttachErrorKind::NotADomain { reason: "its tables have other sizes" }.into());
        }
        if table.text(H_NAME_LENGTH, H_NAME, super::layout::DOMAIN_NAME_BYTES) != name {
            return Err(
                AttachErrorKind::NotADomain { reason: "another domain's name has the same key" }.into()
            );
        }
        if table.get_half(H_SEMAPHORES) == stored {
            if numbers([H_PROCESSES, H_WAKES]) != [sizes.processes(), sizes.wakes()] {
                return Err(
                    AttachErrorKind::NotADomain { reason: "its set has other sizes than it says" }.into()
                );
            }
            return Ok(());
        }
        // The semaphores were removed by hand. The members that used them are cut off; the tables' records of
        // them are worthless.
    } else if table.get(H_MAGIC) != 0 && table.get(H_MAGIC) != MAGIC {
        return Err(AttachErrorKind::NotADomain {
            reason: "it does not start like one; another program uses its key",
        }
        .into());
    }
    // Generations continue counting, so that no earlier identity can be mistaken for a new one.
    let generations: Vec<u64> =
        (0..PROCESSES).map(|slot| table.get(PROCESS_TABLE + slot * PROCESS_SIZE + P_GENERATION)).collect();
    table.set_half(H_READY, 0);
    Native::crash_point(Site::DomainTablesCleared);
    queues::remove_all(table);
    table.clear_tables();
    for (slot, generation) in generations.into_iter().enumerate() {
        table.set(
            PROCESS_TABLE + slot * PROCESS_SIZE + P_GENERATION,
            (generation.wrapping_add(1) & GENERATION_MASK).max(first_process_generation()),
        );
    }
    table.set(H_MAGIC, MAGIC);
    table.set_half(H_VERSION, VERSION);
    table.set_half(H_PROCESSES, sizes.processes() as u32);
    table.set_half(H_CHANNELS, super::layout::CHANNELS as u32);
    table.set_half(H_WAKES, sizes.wakes() as u32);
    table.set_half(H_QUEUES, QUEUES as u32);
    table.set(H_GENERATION, table.get(H_GENERATION).max(first_generation()));
    table.set_half(H_SEMAPHORES, stored);
    table.set_text(H_NAME_LENGTH, H_NAME, name, super::layout::DOMAIN_NAME_BYTES);
    table.set_half(H_READY, READY);
    Ok(())
}

/// A process generation has 48 bits, since it shares a word with the slot.
const GENERATION_MASK: u64 = (1 << 48) - 1;

/// The first generation of channels: the time, so that the generations of a domain that was removed and
/// remade differ.
fn first_generation() -> u64 {
    crate::clock::wall_ns()
}

/// The first generation of processes in a new domain: the time since boot in units of 1024 ns, so that an
/// identity that a persistent channel keeps from a removed domain names no process in the next one. Joining
/// takes several system calls, so the count of joins does not overtake this clock; and neither clock nor
/// memory outlives a boot.
fn first_process_generation() -> u64 {
    (crate::clock::since_boot_ns() >> 10) & GENERATION_MASK
}

/// Takes a process slot whose token is 0: gives it a new generation, so that everything its last holder had
/// is recognised as a dead process's, and then raises the token. The lock is held; no token is raised without
/// it.
fn claim_slot(
    table: &Table,
    semaphores: SemaphoreSet,
    sizes: Sizes,
    image: ImageId,
) -> Result<Option<(usize, u64)>, AttachError> {
    for slot in 0..sizes.processes() {
        if !semaphores.try_perform(&[Op::wait_zero(token(slot))])? {
            continue;
        }
        let process = PROCESS_TABLE + slot * PROCESS_SIZE;
        let generation = table.get(process + P_GENERATION).wrapping_add(1) & GENERATION_MASK;
        table.set_half(process + P_STATE, FREE);
        // Before the token: as soon as the token is raised the program may be gone, and others must be able
        // to tell.
        table.set(process + P_IMAGE, image.to_word(generation));
        table.set(process + P_GENERATION, generation);
        Native::crash_point(Site::DomainSlotNamed);
        if !semaphores.try_perform(&[Op::wait_zero(token(slot)), Op::add(token(slot), 1).undo()])? {
            continue;
        }
        Native::crash_point(Site::DomainSlotRaised);
        table.set_half(process + P_PID, std::process::id());
        table.set(process + P_STARTED_NS, crate::clock::wall_ns());
        table.set_half(process + P_STATE, LIVE);
        return Ok(Some((slot, generation)));
    }
    Ok(None)
}

/// Gives the slot back, and removes the whole domain if it has no other member. Never waits.
///
/// The slot and everything this process holds are given back without the lock. Whether the domain goes is
/// decided under the lock, by this process or, if another process holds the lock, by that one: see
/// [`departure`](super::departure).
pub(super) fn leave(member: &Member) {
    let slot = member.me.slot().expect("a member has a slot");
    let process = PROCESS_TABLE + slot * PROCESS_SIZE;
    member.give_back_wakes(member.me);
    member.abandon_queues();
    if member.table.get(process + P_GENERATION) == member.me.generation() {
        member.table.set_half(process + P_STATE, FREE);
        member.table.set(process + P_GENERATION, (member.me.generation() + 1) & GENERATION_MASK);
    }
    // The counterpart of the claim: it also reverts the adjustment for this process's death.
    let _ = member.semaphores.try_perform(&[Op::take(token(slot), 1).undo()]);
    member.no_bells_at_my_death();
    Native::crash_point(Site::DomainLeft);
    leaving::count::<Native>(member.table.half(H_DEPARTED));
    settle(member, || Lock::try_take(member.semaphores, member.image_id()));
}

/// Does what was left to the next holder of the lock, and removes the domain if it has no member. To be
/// called after each release of the lock by a process that leaves, or does not become a member. Never waits.
fn settle<L>(member: &Member, try_lock: impl Fn() -> Result<Option<L>, ipc_core::Error>) {
    while departure::is_unsettled(&member.table) {
        // The set was removed, or the lock is held by another process, which checks the count when it
        // releases the lock.
        let Ok(Some(lock)) = try_lock() else { return };
        making::finish_interrupted(member);
        let locked = Locked { member };
        // Before the check for live members: a process that leaves after that check is counted again.
        let departed = locked.departed();
        let is_inhabited = (0..PROCESSES).any(|other| {
            let process = PROCESS_TABLE + other * PROCESS_SIZE;
            member.table.get_half(process + P_STATE) == LIVE
                // A process whose liveness cannot be determined stays in its domain.
                && member.is_alive(Owner::new(other, member.table.get(process + P_GENERATION))).unwrap_or(true)
        });
        // Only now: a process that dies after a check for the dead, and before the check for the living,
        // would leave its queue for ever.
        let swept = locked.sweep_departed(departed);
        // What died since the last sweep.
        let _ = locked.sweep_queues();
        // Notes about objects that this user may not remove keep the domain: without them no process would
        // find those objects.
        let is_empty = member.table.get_half(H_NOTES) == 0 && locked.queues() == 0;
        if !is_inhabited && is_empty {
            // A process that waits for the lock gets the error that the set is gone, and makes a new domain.
            // The lock is removed last, so that no other process works in a domain that is half removed.
            image::remove_all_unused(member.key);
            let _ = member.segment.remove();
            Native::crash_point(Site::DomainTablesRemoved);
            let _ = member.semaphores.remove();
            return;
        }
        drop(lock);
        if swept.is_err() {
            return; // What cannot be determined is left to the next process.
        }
    }
}
