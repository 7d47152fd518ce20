//! A process's membership in a pool.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ipc_core::shm::{SharedMemory, ShmId};
use ipc_core::{ErrorKind, ProcessMark};

use super::builder::Builder;
use super::carrier::Inlet;
use super::error::{LoanError, ReceiveError};
use super::loan::Loan;
use super::once;
use super::stats::Stats;
use super::view::View;
use crate::channel::announce::announce;
use crate::channel::roster::EndRole;
use crate::domain::{Domain, Entry, Locked, Owner};
use crate::error::{AttachError, AttachErrorKind, Forked};
use crate::frame::FrameKind;
use crate::layout::{self, Plate};
use crate::region::Region;
use crate::ring::pool::recovery::{self, Report};
use crate::ring::pool::{
    Handle, MAX_MEMBERS, Mapped, Member, Refused, Route, S_PID, SEAT_SIZE, SEATS, Seat, Seats as _,
    Sizes as _,
};

/// A pool, open in this process. Clones share its seat; any thread may use any of them. Opening it again in
/// this process returns a clone.
///
/// The pool is left when the last clone, loan and view of it is dropped.
#[derive(Clone, Debug)]
pub struct Pool {
    inner: Arc<Inner>,
}

/// What clones, loans and views share.
#[derive(Debug)]
pub(super) struct Inner {
    /// The process that opened the pool: a copy of the membership's mark that is faster to reach.
    process: ProcessMark,
    pub(super) member: Member<Mapped>,
    domain: Domain,
    entry: Entry,
}

/// A pool found or made, and checked.
pub(super) struct Found {
    pub(super) memory: Mapped,
    pub(super) entry: Entry,
}

/// How often `accept` yields to another thread, while the block's word keeps changing or that thread is
/// between two steps; after the first `YIELDS` times it sleeps for `NAP` instead.
const PATIENCE: u32 = 600;
const YIELDS: u32 = 50;
const NAP: Duration = Duration::from_micros(200);

impl Pool {
    /// Makes the pool of this name in the user's own domain, with the usual classes, or finds it.
    ///
    /// # Errors
    /// As [`Builder::create`].
    ///
    /// # Blocking
    /// Waits for the domain's lock, held by others for microseconds.
    pub fn create(name: &str) -> Result<Self, AttachError> {
        Builder::new(name).usual_classes().create()
    }

    /// As [`create`](Self::create), but the pool must exist.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create`](Self::create).
    pub fn open(name: &str) -> Result<Self, AttachError> {
        Builder::new(name).open()
    }

    /// Takes a seat, and recovers from dead members on the way. The domain's lock is held.
    pub(super) fn take_seat(_: &Locked<'_>, domain: &Domain, found: Found) -> Result<Self, AttachError> {
        once::share(found, |found| Inner::seated(domain, found)).map(|inner| Self { inner })
    }

    /// Lends a block for `len` bytes, from the smallest class that has this many. Its bytes are what they
    /// last were; initially zero.
    ///
    /// When no block is free, looks once for what dead processes hold.
    ///
    /// # Errors
    /// [`LoanError::Exhausted`], [`LoanError::TooLarge`], [`LoanError::Unknown`].
    ///
    /// # Blocking
    /// Never. A few dozen system calls when no block is free.
    #[inline]
    pub fn loan(&self, len: usize) -> Result<Loan, LoanError> {
        match self.lend(len) {
            Err(LoanError::Exhausted { .. }) => self.loan_after_recovery(len),
            result => result,
        }
    }

    /// As [`loan`](Self::loan), without looking for dead processes: never makes a system call.
    ///
    /// # Errors
    /// [`LoanError::Exhausted`], [`LoanError::TooLarge`].
    #[inline]
    pub fn try_loan(&self, len: usize) -> Result<Loan, LoanError> {
        self.lend(len).inspect_err(|error| self.count(error))
    }

    #[inline(always)]
    pub(in crate::channel) fn lend(&self, len: usize) -> Result<Loan, LoanError> {
        self.inner.ours()?;
        let member = &self.inner.member;
        let classes = member.memory().classes();
        let Some(class) = classes.iter().position(|class| class.size as usize >= len) else {
            let limit = classes.last().map_or(0, |class| class.size as usize);
            return Err(LoanError::TooLarge { len, limit });
        };
        match member.try_loan(class) {
            Some(loaned) => Ok(Loan::new(Arc::clone(&self.inner), loaned, len)),
            None => Err(LoanError::Exhausted {
                class,
                size: classes[class].size as usize,
                count: u64::from(classes[class].count),
            }),
        }
    }

    /// Checks that the pool was opened by this process.
    pub(in crate::channel) fn ours(&self) -> Result<(), Forked> {
        self.inner.ours()
    }

    /// This process's member of the pool. The memory is not mapped in a child made by `fork`: check
    /// [`ours`](Self::ours) first.
    #[inline(always)]
    pub(in crate::channel) fn member(&self) -> &Member<Mapped> {
        &self.inner.member
    }

    /// The domain of the pool.
    pub(in crate::channel) fn domain(&self) -> &Domain {
        &self.inner.domain
    }

    #[cold]
    #[inline(never)]
    fn loan_after_recovery(&self, len: usize) -> Result<Loan, LoanError> {
        let recovered = self.recover();
        match (self.try_loan(len), recovered) {
            (Err(LoanError::Exhausted { .. }), Err(error)) => {
                Err(LoanError::Unknown { reason: error.kind() })
            }
            (result, _) => result,
        }
    }

    #[cold]
    fn count(&self, error: &LoanError) {
        if let LoanError::Exhausted { class, .. } = error {
            self.inner.member.count_exhausted(*class);
        }
    }

    /// The payload that a handle names. Call it before the handle's slot is given back, inside `pop_with` of
    /// the consumer: then a death in between loses nothing for good. [`receive`](Self::receive) does that.
    ///
    /// # Errors
    /// [`Refused`].
    ///
    /// # Blocking
    /// Never, unless other threads of this process are stopped while they open or drop a view of the same
    /// shared block.
    #[inline]
    pub fn accept(&self, handle: &Handle) -> Result<View, Refused> {
        if !self.inner.is_ours() {
            return Err(Refused::Forked);
        }
        match self.inner.member.accept(handle) {
            Ok(reading) => Ok(View::new(Arc::clone(&self.inner), reading, handle.len())),
            Err(Refused::Contended) => self.accept_patiently(handle),
            Err(refused) => Err(refused),
        }
    }

    #[cold]
    fn accept_patiently(&self, handle: &Handle) -> Result<View, Refused> {
        for time in 0..PATIENCE {
            if time < YIELDS {
                std::thread::yield_now();
            } else {
                // On a busy machine the other thread needs this one's CPU.
                std::thread::sleep(NAP);
            }
            match self.inner.member.accept(handle) {
                Err(Refused::Contended) => {}
                result => {
                    let reading = result?;
                    return Ok(View::new(Arc::clone(&self.inner), reading, handle.len()));
                }
            }
        }
        Err(Refused::Contended)
    }

    /// Pops the next handle, waiting for it, and takes its payload.
    ///
    /// # Errors
    /// [`ReceiveError::Channel`] as the consumer's pop; [`ReceiveError::Refused`] when the popped handle
    /// names no payload, such as that of a sender that died while sending: continue with the next.
    ///
    /// # Blocking
    /// By the consumer's wait strategy.
    #[inline]
    pub fn receive<I: Inlet>(&self, from: &mut I) -> Result<View, ReceiveError<I::Error>> {
        settle(from.take(None, |handle| self.accept(&handle)))
    }

    /// As [`receive`](Self::receive), with a timeout.
    ///
    /// # Errors
    /// As [`receive`](Self::receive), and when the time is over.
    pub fn receive_timeout<I: Inlet>(
        &self,
        from: &mut I,
        timeout: Duration,
    ) -> Result<View, ReceiveError<I::Error>> {
        self.receive_deadline(from, crate::clock::after(timeout))
    }

    /// As [`receive`](Self::receive), until a deadline.
    ///
    /// # Errors
    /// As [`receive`](Self::receive), and when the time is over.
    pub fn receive_deadline<I: Inlet>(
        &self,
        from: &mut I,
        deadline: Instant,
    ) -> Result<View, ReceiveError<I::Error>> {
        settle(from.take(Some(deadline), |handle| self.accept(&handle)))
    }

    /// As [`receive`](Self::receive), without waiting.
    ///
    /// # Errors
    /// As [`receive`](Self::receive), and when there is nothing.
    ///
    /// # Blocking
    /// Never.
    #[inline]
    pub fn try_receive<I: Inlet>(&self, from: &mut I) -> Result<View, ReceiveError<I::Error>> {
        settle(from.try_take(|handle| self.accept(&handle)))
    }

    /// Takes back what dead processes hold, and what was lost with its channel; nothing in a child process
    /// that inherited the pool through a fork. [`loan`](Self::loan) does so when it finds no free block, and
    /// so does each process that opens the pool.
    ///
    /// # Blocking
    /// Never. One system call for each member, and two for each channel that holds a payload.
    ///
    /// # Errors
    /// When it is unknown whether some process is alive: the domain's semaphores were removed, or this
    /// process may not read them any more. Nothing was taken from that one; what the others held, and what
    /// was lost, was taken back.
    pub fn recover(&self) -> Result<Report, ipc_core::Error> {
        self.inner.process.check("Pool::recover")?;
        let Inner { member, domain, .. } = &*self.inner;
        let dead = domain.member().asking(|is_alive| recovery::recover(member.memory(), is_alive));
        let mut known: Vec<(Route, bool)> = Vec::new();
        let lost = recovery::reclaim(member.memory(), |route| {
            if let Some((_, there)) = known.iter().find(|(other, _)| *other == route) {
                return *there;
            }
            let there = is_there(route);
            known.push((route, there));
            there
        });
        Ok(Report { lost, ..dead? })
    }

    /// How many blocks of each class are held, and by whom, and the events counted so far. Reads each block's
    /// word. Empty in a forked child that inherited the pool.
    #[must_use]
    pub fn stats(&self) -> Stats {
        if !self.inner.is_ours() {
            return Stats { classes: Vec::new() };
        }
        Stats::of(self.inner.member.memory())
    }

    /// The size classes: bytes of a block, number of blocks.
    #[must_use]
    pub fn classes(&self) -> Vec<(usize, u64)> {
        self.inner.member.memory().shape().as_asked()
    }

    /// Bytes of the largest block.
    #[must_use]
    pub fn largest(&self) -> usize {
        self.inner.member.memory().classes().last().map_or(0, |class| class.size as usize)
    }
}

fn settle<E>(taken: Result<Result<View, Refused>, E>) -> Result<View, ReceiveError<E>> {
    taken.map_err(ReceiveError::Channel)?.map_err(ReceiveError::Refused)
}

/// Whether the memory of a channel still exists, that is, some process has it attached. True when this is
/// unknown.
fn is_there(route: Route) -> bool {
    let [generation, segment] = route.words();
    let Ok(segment) = i32::try_from(segment) else { return false };
    match SharedMemory::from_id(ShmId::from_raw(segment)).attach_read_only() {
        Ok(attached) => match layout::name_plate(&Region::segment(attached)) {
            Plate::Ring { generation: found, .. } => found == generation,
            Plate::Unfinished | Plate::Foreign => false,
        },
        Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Removed | ErrorKind::Invalid),
    }
}

/// How this process is named to watchers.
fn myself(domain: &Domain) -> (Owner, u32) {
    (domain.me(), std::process::id())
}

impl Inner {
    /// Whether the pool was opened by this process, not inherited through a fork.
    #[inline]
    pub(super) fn is_ours(&self) -> bool {
        self.process.is_current()
    }

    /// A seat in the pool that was found. The domain's lock is held.
    fn seated(domain: &Domain, found: Found) -> Result<Self, AttachError> {
        let Found { memory, entry } = found;
        let process = domain.member();
        process.asking(|is_alive| recovery::recover(&memory, is_alive))?;
        let identity = NonZeroU64::new(process.me().as_raw()).expect("a member is somebody");
        let seat = Seat::take(&memory, identity).map_err(|_| AttachErrorKind::DomainFull {
            what: "members of one pool",
            limit: usize::from(MAX_MEMBERS),
        })?;
        let pid = memory.region().half(SEATS + usize::from(seat.number()) * SEAT_SIZE + S_PID);
        pid.store(std::process::id(), Ordering::Relaxed); // For display.
        announce(process, entry.generation, FrameKind::Joined, EndRole::Member, myself(domain));
        let member = Member::new(memory, seat);
        Ok(Self { process: process.process(), member, domain: domain.clone(), entry })
    }

    /// Whether this process still has its seat.
    pub(super) fn has_its_seat(&self) -> bool {
        let seat = self.member.seat();
        self.member.memory().identity(seat.number()).load(Ordering::Relaxed) == seat.identity().get() // Under the lock.
    }

    /// Checks that the pool was opened by this process. A load and a comparison.
    #[inline(always)]
    pub(super) fn ours(&self) -> Result<(), Forked> {
        if self.is_ours() { Ok(()) } else { Err(Forked) }
    }

    /// Gives the seat back, and the pool's name when no other living process has it open. Never waits.
    fn leave(&self) {
        let process = self.domain.member();
        let memory = self.member.memory();
        process.depart(
            &self.entry,
            || {
                self.member.leave();
                let subject = myself(&self.domain);
                announce(process, self.entry.generation, FrameKind::Left, EndRole::Member, subject);
            },
            || {
                process.asking(|is_alive| {
                    !(0..MAX_MEMBERS).any(|number| {
                        let identity = memory.identity(number).load(Ordering::Relaxed); // Taken under the lock.
                        Owner::from_raw(identity).is_some() && is_alive(identity)
                    })
                })
            },
            || false,
        );
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.is_ours() {
            self.leave();
        }
    }
}
