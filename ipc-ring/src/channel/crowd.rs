//! What an end does beside moving messages when a ring has many ends on a side: holding its seat's record, sleeping, and
//! waking others.
//!
//! How ends sleep and wake each other is told in [`wait::crowd`](crate::wait::crowd).
//!
//! An end that wakes another one for the first time arranges that its own death posts a token there too. So a sleeper learns
//! at once of the death of whoever has ever woken it, also of one that dies between taking its bit and posting; it clears
//! up, and wakes everybody if there was something. A sleeper that nobody living has woken before finds out by its
//! heartbeat, a tenth of a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use std::time::Instant;

use super::announce;
use super::kernel::Kernel;
use super::open::Found;
use super::roster::EndRole;
use super::settings::Settings;
use super::successor::{self, Followed};
use super::wait_set::sealed::{Bell, Home, Waiting};
use crate::domain::{Domain, Entry, Locked, Owner, Questions, Tokens, WakeSemaphore, WakeSet};
use crate::error::{AttachError, Forked};
use crate::frame::FrameKind;
use crate::interrupter::Interrupter;
use crate::platform::{Barrier, Native, Platform as _};
use crate::region::Region;
use crate::wait::crowd::{self, Crowd, Notifier};
use crate::wait::host::Host as _;
use crate::wait::park::Waiter;
use crate::wait::signal::{self, WAITING};
use crate::wait::{HEARTBEAT, WaitStrategy, Waits, cpu};

/// A seat's record: the identity of its process, which is the ring's, and behind it what is kept here.
const IDENTITY: usize = 0;
const WAKE: usize = 8;
const PID: usize = 12;
const ROLE: usize = 16;
const SIGNAL: usize = 20;
/// Behind eight bytes that are the ring's own.
const MASK: usize = 32;
const TOPIC: usize = 36;
const CPU: usize = 40;

/// No ring has more seats.
const MOST_SEATS: usize = 512;

/// Where the seats of a ring lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    /// Offset of the first record.
    pub(super) offset: usize,
    /// Bytes of a record.
    pub(super) size: usize,
    /// Number of records.
    pub(super) seats: u16,
}

impl Table {
    fn half<'a>(&self, region: &'a Region, number: u16, field: usize) -> &'a AtomicU32 {
        region.half(self.offset + usize::from(number) * self.size + field)
    }

    /// The process number of a seat below the number of seats, for display.
    pub(super) fn pid(&self, region: &Region, number: u16) -> u32 {
        self.half(region, number, PID).load(Ordering::Relaxed) // For display.
    }

    /// The role of a seat's end, for who looks from outside.
    pub(super) fn role(&self, region: &Region, number: u16) -> u32 {
        self.half(region, number, ROLE).load(Ordering::Relaxed) // For display.
    }

    /// Whether a seat's end sleeps, or is about to, for who looks from outside.
    pub(super) fn sleeps(&self, region: &Region, number: u16) -> bool {
        self.half(region, number, SIGNAL).load(Ordering::Relaxed) & WAITING != 0 // For display.
    }

    /// Where the signal of a seat lies.
    pub(super) fn signal(&self, number: u16) -> usize {
        self.offset + usize::from(number) * self.size + SIGNAL
    }

    /// The wake semaphore of a seat, as its record has it.
    pub(super) fn wake_of(&self, region: &Region, number: u16) -> u32 {
        self.half(region, number, WAKE).load(Ordering::Relaxed) // Changes only while nobody waits.
    }

    /// Where the records end.
    pub(super) fn end(&self) -> usize {
        self.offset + usize::from(self.seats) * self.size
    }

    pub(super) fn identity<'a>(&self, region: &'a Region, number: u16) -> &'a AtomicU64 {
        region.word(self.offset + usize::from(number) * self.size + IDENTITY)
    }
}

/// The ends of one role.
#[derive(Clone, Copy, Debug)]
pub(super) struct Side {
    /// What stands in the records of these ends; not 0.
    pub(super) role: u32,
    /// Offset of the word that says who of them sleeps.
    pub(super) mask: usize,
    /// Who waits: what for. Who wakes: those who wait for this, or everybody with [`ANYTHING`].
    pub(super) topic: u32,
}

/// The only topic where all ends of a side wait for the same.
pub(super) const ANYTHING: u32 = 0;

/// Takes a seat whose number is in `numbers`: a free one, or one whose process is dead. Under the domain's lock.
///
/// # Errors
/// When there is none, and of some of them it cannot be known.
pub(super) fn claim_seat(
    region: &Region,
    table: Table,
    mut numbers: std::ops::Range<u16>,
    me: u64,
    questions: &Questions<'_>,
) -> Result<Option<u16>, ipc_core::Error> {
    let number = numbers.find(|number| {
        let identity = table.identity(region, *number).load(Ordering::Relaxed); // Under the lock.
        identity == 0 || !questions.is_alive(identity)
    });
    let Some(number) = number else { return questions.answered().map(|()| None) };
    // [E1] Release → `holder`: who sees the identity sees what its predecessor did.
    table.identity(region, number).store(me, Ordering::Release);
    Ok(Some(number))
}

/// Who holds a seat, and its process number.
pub(super) fn holder(region: &Region, table: Table, number: u16) -> (Owner, u32) {
    // [E1] Acquire ← the Release in `claim_seat`.
    let identity = table.identity(region, number).load(Ordering::Acquire);
    let pid = table.half(region, number, PID).load(Ordering::Relaxed); // For display.
    (Owner::from_raw(identity), pid)
}

/// One side of a ring, as the sleep protocol sees it.
struct Ends<'a> {
    region: &'a Region,
    table: Table,
    side: Side,
}

impl Crowd for Ends<'_> {
    type Platform = Native;

    #[inline(always)]
    fn mask(&self) -> &AtomicU64 {
        self.region.word(self.side.mask)
    }

    fn signal(&self, number: u16) -> &AtomicU32 {
        self.table.half(self.region, number, SIGNAL)
    }

    fn belongs(&self, number: u16) -> bool {
        let role = self.table.half(self.region, number, ROLE);
        role.load(Ordering::Relaxed) == self.side.role // Written before the end waits for the first time.
            && self.table.half(self.region, number, MASK).load(Ordering::Relaxed) == self.side.mask as u32 // [W2]
    }

    fn is_concerned(&self, number: u16) -> bool {
        let topic = self.table.half(self.region, number, TOPIC);
        self.side.topic == ANYTHING || topic.load(Ordering::Relaxed) == self.side.topic // [W2] Before the mask's bit.
    }

    fn seats(&self) -> u16 {
        self.table.seats
    }
}

/// An attached end's place among the others.
#[derive(Debug)]
pub(super) struct Place {
    /// Its part of the domain.
    pub(super) host: Kernel,
    table: Table,
    side: Side,
    number: u16,
    region: Region,
    /// The channel, as the directory has it.
    entry: Entry,
    barrier: Barrier,
    pub(super) waits: Waits,
    /// Where to look first for somebody to wake, so that all have their turn.
    turn: u16,
    /// The wake semaphores that this process's death posts to because of this end.
    armed: WakeSet,
    /// What watchers are told when this end goes.
    farewell: FrameKind,
    /// What the last wake came to, if it failed and its caller was told of success.
    untold: Option<ipc_core::Error>,
    /// When this end last asked whether one that it had woken is alive.
    doubted: Option<Instant>,
    /// The role of those who are waited for, if it is of use to know where they run.
    faces: Option<u32>,
}

impl Place {
    /// Takes a place under the domain's lock. `seat` takes a seat of the ring for an identity,
    /// with the help of a way to ask whether an identity is alive, and gives the seat's number. It takes no seat of one of whom
    /// that cannot be known.
    ///
    /// # Errors
    /// Those of `seat`; [`DomainFull`](crate::AttachErrorKind::DomainFull) when no wake semaphore is free.
    pub(super) fn take<S>(
        locked: &Locked<'_>,
        domain: &Domain,
        found: Found,
        (table, side): (Table, Side),
        strategy: WaitStrategy,
        seat: impl FnOnce(u64, &Questions<'_>) -> Result<(S, u16), AttachError>,
    ) -> Result<(Self, S), AttachError> {
        let Found { region, barrier, entry, .. } = found;
        let member = Arc::clone(domain.member());
        let wake = locked.claim_wake()?;
        let (seat, number) = match seat(member.me().as_raw(), &member.questions()) {
            Ok(taken) => taken,
            Err(error) => {
                member.free_wake(wake);
                return Err(error);
            }
        };
        // [E1] Acquire ← whoever gave the seat back: what it wrote into the record comes before what is written here.
        fence(Ordering::Acquire);
        let place = Self {
            host: Kernel::new(member, wake),
            table,
            side,
            number,
            region,
            entry,
            barrier,
            waits: Waits::new(strategy),
            turn: number,
            armed: WakeSet::default(),
            untold: None,
            doubted: None,
            faces: None,
            farewell: FrameKind::Left,
        };
        // A predecessor's waiting bit may bring a token or two to the semaphore; they end one sleep early.
        place.own(SIGNAL).fetch_and(!WAITING, Ordering::Relaxed); // Under the lock.
        place.own(WAKE).store(wake.as_raw(), Ordering::Relaxed); // Before the waiting bit.
        place.own(PID).store(std::process::id(), Ordering::Relaxed); // For display.
        place.own(ROLE).store(side.role, Ordering::Relaxed); // Before the waiting bit.
        place.announce_all(FrameKind::Joined);
        place.note_side();
        place.note_cpu();
        Ok((place, seat))
    }

    /// Tells the channel's watchers that this end comes or goes.
    fn announce_all(&self, kind: FrameKind) {
        if let Some(role) = EndRole::from_raw(self.side.role) {
            let subject = (self.host.member.me(), std::process::id());
            announce::announce(&self.host.member, self.entry.generation, kind, role, subject);
        }
    }

    fn own(&self, field: usize) -> &AtomicU32 {
        self.table.half(&self.region, self.number, field)
    }

    /// See `interruptible!`.
    pub(super) fn interrupter(&self) -> Interrupter {
        self.host.interrupter()
    }

    /// See `interruptible!`.
    pub(super) fn set_interruptible(&mut self, by_signals: bool) {
        self.host.set_interruptible(by_signals);
    }

    /// Waits in the way of these settings from now on.
    pub(super) fn settle(&mut self, settings: &Settings) {
        self.host.sleep_by(settings.parker);
        self.waits.set_awaits_successors(settings.awaits_successors);
    }

    /// The channel, for who keeps books about it.
    pub(super) fn entry(&self) -> &Entry {
        &self.entry
    }

    fn ends(&self, side: Side) -> Ends<'_> {
        Ends { region: &self.region, table: self.table, side }
    }

    /// Wakes one sleeper of the side with this mask, after something was published for it. Costs nothing while nobody
    /// sleeps.
    ///
    /// # Errors
    /// When it could not be woken, nor could any other one.
    #[inline(always)]
    pub(super) fn wake_one(&mut self, side: Side, mask: &AtomicU64) -> Result<(), ipc_core::Error> {
        if crowd::is_anybody::<Native>(mask, self.barrier) { self.wake_some(side, 1) } else { Ok(()) }
    }

    /// As [`wake_one`](Self::wake_one), unless `is_woken` says that somebody was woken already who will wake others.
    ///
    /// # Errors
    /// As [`wake_one`](Self::wake_one).
    #[inline(always)]
    pub(super) fn wake_one_unless(
        &mut self,
        side: Side,
        mask: &AtomicU64,
        is_woken: impl FnOnce() -> bool,
    ) -> Result<(), ipc_core::Error> {
        if crowd::is_anybody::<Native>(mask, self.barrier) && !is_woken() {
            self.wake_some(side, 1)
        } else {
            Ok(())
        }
    }

    /// Wakes everybody on a side, and arranges that the death of this process does so too. An error is [kept](Self::keep).
    pub(super) fn wake_all(&mut self, side: Side) {
        Native::light(self.barrier);
        let woken = self.wake_together(side);
        self.keep(woken);
    }

    /// Keeps what a wake came to, by an end that has something in hand which must not be lost.
    #[inline(always)]
    pub(super) fn keep(&mut self, woken: Result<(), ipc_core::Error>) {
        if let Err(error) = woken {
            self.untold = Some(error);
        }
    }

    /// What a wake came to that could not be told when it happened.
    ///
    /// # Errors
    /// That of the last wake that failed. Once.
    #[inline(always)]
    pub(super) fn tell(&mut self) -> Result<(), ipc_core::Error> {
        if self.untold.is_some() { self.untold.take().map_or(Ok(()), Err) } else { Ok(()) }
    }

    /// Wakes everybody on the side with this mask, with one system call for some hundred of them, after something was
    /// published for all. Costs nothing while nobody sleeps.
    ///
    /// # Errors
    /// When somebody could not be woken.
    #[inline(always)]
    pub(super) fn wake_everybody(&mut self, side: Side, mask: &AtomicU64) -> Result<(), ipc_core::Error> {
        if crowd::is_anybody::<Native>(mask, self.barrier) { self.wake_together(side) } else { Ok(()) }
    }

    #[cold]
    #[inline(never)]
    fn wake_together(&mut self, side: Side) -> Result<(), ipc_core::Error> {
        let ends = self.ends(side);
        let mut all = Together {
            place: self,
            armed: self.armed,
            tokens: Tokens::default(),
            waited: [false; MOST_SEATS],
        };
        crowd::wake(&ends, &mut { self.turn }, usize::MAX, &mut all);
        let Together { mut armed, tokens, waited, .. } = all;
        let woken = tokens.post(&self.host.member, &mut armed);
        if woken.is_err() {
            // They wait still; those who were woken all the same get a token too many.
            (0..self.table.seats)
                .filter(|number| waited[usize::from(*number)])
                .for_each(|number| crowd::mark(&ends, number));
        }
        self.armed = armed;
        woken
    }

    #[cold]
    #[inline(never)]
    fn wake_some(&mut self, side: Side, wanted: usize) -> Result<(), ipc_core::Error> {
        let (mut turn, ends) = (self.turn, self.ends(side));
        let mut some = OneByOne {
            place: self,
            ends: &ends,
            armed: self.armed,
            doubted: self.doubted,
            posted: false,
            failure: None,
        };
        crowd::wake(&ends, &mut turn, wanted, &mut some);
        let OneByOne { armed, doubted, posted, failure, .. } = some;
        (self.turn, self.armed, self.doubted) = (turn, armed, doubted);
        match failure {
            Some(error) if !posted || wanted > 1 => Err(error),
            _ => Ok(()),
        }
    }

    /// What the end in a seat sleeps on.
    fn wake_of(&self, number: u16) -> Option<WakeSemaphore> {
        WakeSemaphore::from_raw(self.table.wake_of(&self.region, number))
    }

    /// Arranges that this process's death posts a token to the end in a seat.
    fn arrange(&self, number: u16, armed: &mut WakeSet) {
        if let Some(wake) = self.wake_of(number)
            && armed.insert(wake)
            && !self.host.post_at_death(wake)
        {
            armed.remove(wake);
        }
    }

    /// Posts a token to an end that waited, with one system call. False when nobody has the seat any more.
    ///
    /// # Errors
    /// When the end could not be woken.
    fn post(&self, number: u16, armed: &mut WakeSet) -> Result<bool, ipc_core::Error> {
        let owner = self.table.identity(&self.region, number).load(Ordering::Relaxed); // A guess about whom to wake.
        let Some(wake) = self.wake_of(number).filter(|_| Owner::from_raw(owner).is_some()) else {
            return Ok(false);
        };
        // Once more, for a successor that sleeps on another semaphore.
        self.arrange(number, armed);
        self.host.post(wake)?;
        Ok(true)
    }

    /// Whether nobody else sleeps, so that nobody else could have the token of one that is dead.
    fn is_last(&self, ends: &Ends<'_>) -> bool {
        ends.mask().load(Ordering::Relaxed) == 0 // A guess; who announces itself later looks at the ring.
    }

    /// Whether an end that was woken is dead, so that another one should have a token. Asks only if no such question was asked for
    /// a heartbeat: whoever wakes others more often than that pays one system call a wake. A token that went to the dead
    /// meanwhile is missed for a heartbeat at most, when those who sleep look by themselves.
    fn is_dead(&self, number: u16, doubted: &mut Option<Instant>) -> bool {
        let now = Instant::now();
        if doubted.is_some_and(|doubted| now.duration_since(doubted) < HEARTBEAT) {
            return false;
        }
        *doubted = Some(now);
        // A guess about whom to wake. One of whom it cannot be known has the token.
        matches!(self.is_alive(self.table.identity(&self.region, number).load(Ordering::Relaxed)), Ok(false))
    }

    /// Whether all ends of a role were last seen on the CPU this thread runs on, so that none of them can run while this one
    /// polls. Notes this thread's CPU for the others.
    fn shares_cpu_with(&self, role: u32) -> bool {
        let mine = self.note_cpu();
        let mut others = (0..self.table.seats)
            .filter(|number| {
                // A guess, all of it.
                self.table.identity(&self.region, *number).load(Ordering::Relaxed) != 0
                    && self.table.half(&self.region, *number, ROLE).load(Ordering::Relaxed) == role
            })
            .map(|number| self.table.half(&self.region, number, CPU).load(Ordering::Relaxed))
            .peekable();
        mine != 0 && others.peek().is_some() && others.all(|cpu| cpu == mine)
    }

    /// Writes down where this thread runs, when it comes and when it waits; 0 when that cannot be known.
    fn note_cpu(&self) -> u32 {
        let mine = cpu::current();
        let noted = self.own(CPU);
        if noted.load(Ordering::Relaxed) != mine {
            noted.store(mine, Ordering::Relaxed); // A guess for the others' comfort.
        }
        mine
    }

    /// Wakes everybody on two sides whom it concerns, after something was published for them. `masks` are the sides' own.
    /// Costs nothing while nobody sleeps.
    ///
    /// # Errors
    /// When somebody could not be woken.
    #[inline(always)]
    pub(super) fn wake_concerned(
        &mut self,
        sides: [Side; 2],
        masks: [&AtomicU64; 2],
    ) -> Result<(), ipc_core::Error> {
        // The first look's barrier orders both.
        if crowd::is_anybody::<Native>(masks[0], self.barrier) || masks[1].load(Ordering::Relaxed) != 0 {
            let woken = self.wake_together(sides[0]);
            self.wake_together(sides[1]).and(woken)
        } else {
            Ok(())
        }
    }

    /// An end that waits for ends of this role.
    pub(super) fn facing(mut self, role: u32) -> Self {
        self.faces = Some(role);
        self
    }

    /// What this end waits for from now on.
    pub(super) fn wait_for(&mut self, side: Side) {
        self.side = side;
        self.note_side();
    }

    fn note_side(&self) {
        self.own(MASK).store(self.side.mask as u32, Ordering::Relaxed); // Before the mask's bit.
        self.own(TOPIC).store(self.side.topic, Ordering::Relaxed); // Before the mask's bit.
    }

    /// From now on, when this end goes, watchers are told that it was closed.
    pub(super) fn closes(&mut self) {
        self.farewell = FrameKind::Closing;
    }

    /// Gives the seat back.
    pub(super) fn free_seat(region: &Region, table: Table, number: u16) {
        // [E1] Release: what its end did lies before.
        table.identity(region, number).store(0, Ordering::Release);
    }

    /// The seat's number.
    pub(super) fn number(&self) -> u16 {
        self.number
    }

    /// Whether something about the ring was open when this end came.
    pub(super) fn is_open(&self) -> bool {
        successor::is_open(&self.region)
    }

    /// Whether nobody has chosen the capacity of the ring yet.
    pub(super) fn is_capacity_open(&self) -> bool {
        successor::is_capacity_open(&self.region)
    }

    /// Whether the channel outlives its processes.
    pub(super) fn is_persistent(&self) -> bool {
        self.entry.is_persistent
    }

    /// Takes back that somebody waits for this end. True when a notifier was faster.
    pub(super) fn withdraw(&self) -> bool {
        signal::withdraw::<Native>(self.own(SIGNAL))
    }

    /// As [`arm`](Waiter::arm), for a set. Gives the barrier that must follow.
    pub(super) fn arm_for(&self, bell: Bell) -> Barrier {
        self.arm(bell.0);
        self.barrier
    }

    /// The domain that this end belongs to, for who waits for it.
    pub(super) fn home(&self) -> Home<'_> {
        self.host.home()
    }

    /// Where this end's waiting bit lies.
    pub(super) fn waiting(&self) -> Option<Waiting> {
        Some(Waiting::new(
            &self.region,
            self.table.offset + usize::from(self.number) * self.table.size + SIGNAL,
        ))
    }

    /// Whether the process of this identity, as a seat holds it, is alive. A system call.
    ///
    /// # Errors
    /// When it cannot be known.
    pub(super) fn is_alive(&self, identity: u64) -> Result<bool, ipc_core::Error> {
        self.host.member.is_alive(Owner::from_raw(identity))
    }

    /// Whether a seat is a dead process's: one that may have died before it woke another. A system call for each seat
    /// that is taken.
    pub(super) fn has_anybody_died(&self) -> bool {
        (0..self.table.seats).any(|number| {
            // [M8] Acquire ← who gave a seat back.
            let identity = self.table.identity(&self.region, number).load(Ordering::Acquire);
            identity != 0 && matches!(self.is_alive(identity), Ok(false))
        })
    }

    /// Whether some end of a role is attached, and all that are sleep, or are about to: they have nothing to do, and have
    /// said so to whom it concerns.
    pub(super) fn do_all_wait(&self, role: u32) -> bool {
        let mut ends = (0..self.table.seats)
            .filter(|number| {
                // [M8] Acquire ← who gave a seat back; the role was written under the lock.
                self.table.identity(&self.region, *number).load(Ordering::Acquire) != 0
                    && self.table.role(&self.region, *number) == role
            })
            .peekable();
        ends.peek().is_some() && ends.all(|number| self.table.sleeps(&self.region, number))
    }

    /// As [`Member::asking`].
    ///
    /// # Errors
    /// When one of the questions had no answer.
    pub(super) fn asking<R>(&self, f: impl FnOnce(&dyn Fn(u64) -> bool) -> R) -> Result<R, ipc_core::Error> {
        self.host.member.asking(f)
    }

    /// The process number of a seat, for display.
    pub(super) fn pid(&self, number: u16) -> u32 {
        if number < self.table.seats { self.table.pid(&self.region, number) } else { 0 }
    }

    /// Whether a seat of a role is taken. Asks nobody whether its process is alive.
    pub(super) fn anybody(&self, role: u32) -> bool {
        (0..self.table.seats).any(|number| {
            // [M8] Acquire ← who gave a seat back; the role was written under the lock.
            self.table.identity(&self.region, number).load(Ordering::Acquire) != 0
                && self.table.half(&self.region, number, ROLE).load(Ordering::Relaxed) == role
        })
    }

    /// Whether this is the process that attached, not a forked child.
    pub(super) fn is_ours(&self) -> bool {
        self.host.is_ours()
    }

    /// That this end was opened by the calling process. Asked at the beginning of each operation: a load and a comparison.
    #[inline(always)]
    pub(super) fn ours(&self) -> Result<(), Forked> {
        if self.host.is_ours() { Ok(()) } else { Err(Forked) }
    }

    /// Frees what the seat's record names, and with `give_back` the seat itself. The last end takes the channel out of the
    /// directory; when `is_finished` says so, a persistent one ends. Never waits: see [`departure`](crate::domain).
    pub(super) fn leave(&mut self, give_back: impl FnOnce(), is_finished: impl FnOnce() -> bool) {
        let (member, place) = (Arc::clone(&self.host.member), &*self);
        member.depart(
            &place.entry,
            || {
                place.own(WAKE).store(0, Ordering::Relaxed); // Before the seat is free, [E1].
                place.own(ROLE).store(0, Ordering::Relaxed); // Before the seat is free, [E1].
                give_back();
                member.free_wake(place.host.wake());
                place.announce_all(place.farewell);
            },
            || {
                member.asking(|is_alive| {
                    !(0..place.table.seats).any(|number| {
                        let identity = place.table.identity(&place.region, number).load(Ordering::Relaxed); // Taken under the lock.
                        Owner::from_raw(identity).is_some() && is_alive(identity)
                    })
                })
            },
            is_finished,
        );
        // A token that was meant for this end goes to another.
        Native::light(self.barrier);
        let _ = self.wake_some(self.side, 1); // Otherwise it looks by itself.
        for wake in std::mem::take(&mut self.armed).iter() {
            self.host.member.no_wake_at_my_death(wake);
        }
    }
}

/// Wakes all that are found at once, when all are known.
struct Together<'a> {
    place: &'a Place,
    armed: WakeSet,
    tokens: Tokens,
    waited: [bool; MOST_SEATS],
}

impl Notifier for Together<'_> {
    fn arrange(&mut self, number: u16) {
        self.place.arrange(number, &mut self.armed);
    }

    fn post(&mut self, number: u16) -> bool {
        if let Some(wake) = self.place.wake_of(number) {
            self.tokens.add(wake);
            self.waited[usize::from(number)] = true;
        }
        true
    }
}

/// Wakes each when it is found.
struct OneByOne<'a> {
    place: &'a Place,
    ends: &'a Ends<'a>,
    armed: WakeSet,
    doubted: Option<Instant>,
    posted: bool,
    failure: Option<ipc_core::Error>,
}

impl Notifier for OneByOne<'_> {
    fn arrange(&mut self, number: u16) {
        self.place.arrange(number, &mut self.armed);
    }

    fn post(&mut self, number: u16) -> bool {
        // Before the token: who has one may sleep again at once.
        let last = self.place.is_last(self.ends);
        match self.place.post(number, &mut self.armed) {
            Ok(true) => self.posted = true,
            Ok(false) => return false,
            Err(error) => {
                // It waits still, for somebody else to wake it.
                crowd::mark(self.ends, number);
                self.failure = Some(error);
                return false;
            }
        }
        last || !self.place.is_dead(number, &mut self.doubted)
    }
}

impl Waiter for Place {
    type Platform = Native;
    type Host = Kernel;

    fn host(&self) -> &Kernel {
        &self.host
    }

    fn waits(&self) -> &Waits {
        &self.waits
    }

    fn waits_mut(&mut self) -> &mut Waits {
        &mut self.waits
    }

    fn barrier(&self) -> Barrier {
        self.barrier
    }

    fn arm(&self, wake: WakeSemaphore) {
        self.own(WAKE).store(wake.as_raw(), Ordering::Relaxed); // Before the waiting bit.
        crowd::mark(&self.ends(self.side), self.number);
    }

    fn disarm(&self) -> usize {
        usize::from(self.withdraw())
    }

    fn shares_cpu(&self) -> bool {
        self.faces.is_some_and(|role| self.shares_cpu_with(role))
    }

    /// Somebody's death may be, but not everybody's whom this end waits for.
    fn is_told_of_death(&self) -> bool {
        false
    }

    fn has_peer_died(&self) -> bool {
        self.has_anybody_died()
    }
}

impl Followed for Place {
    fn is_replaced(&self) -> bool {
        successor::is_replaced(&self.region)
    }

    fn generation(&self) -> u64 {
        self.entry.generation
    }

    fn hand_over(&mut self, new: &mut Self) {
        self.host.hand_over(&mut new.host);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specification_has_the_same_offsets() {
        crate::documented::assert_table(
            "Seat of an mpmc ring",
            &[
                ("identity", IDENTITY),
                ("wake", WAKE),
                ("pid", PID),
                ("role", ROLE),
                ("signal", SIGNAL),
                ("mask", MASK),
                ("topic", TOPIC),
                ("cpu", CPU),
            ],
        );
    }
}
