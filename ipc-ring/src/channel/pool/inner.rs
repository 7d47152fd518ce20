//! What the clones of an opened pool share, with its loans and views: the seat.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ipc_core::ProcessMark;

use crate::channel::notify_watchers::notify_watchers;
use crate::channel::role::EndRole;
use crate::channel::seats::{Segment, Table};
use crate::domain::{self, Domain, Entry, Owner};
use crate::end::pool::Lenders;
use crate::error::{AttachError, AttachErrorKind, Forked, LoanError};
use crate::frame::FrameKind;
use crate::platform::Barrier;
use crate::ring::pool::{
    self, Class, Loaned, MAX_LENDERS, MAX_MEMBERS, Mapped, Member, S_PID, SEAT_SIZE, SEATS, Seat, Seats as _,
    Sizes as _,
};

/// The records of a pool's lenders.
pub(super) const LENDERS: Table =
    Table { offset: pool::LENDERS, size: SEAT_SIZE, seats: MAX_LENDERS, used: 0 };

/// What clones, loans and views share.
#[derive(Debug)]
pub(super) struct Inner {
    /// The process that opened the pool: a copy of the membership's mark that is faster to reach.
    pub(super) process: ProcessMark,
    pub(super) member: Member<Mapped>,
    /// The lenders of this pool, to be woken when this process gives a block back.
    pub(super) lenders: Lenders<Segment, Arc<domain::Member>>,
    pub(super) domain: Domain,
    pub(super) entry: Entry,
}

/// A pool found or made, and checked.
pub(super) struct Found {
    pub(super) memory: Mapped,
    pub(super) barrier: Barrier,
    pub(super) entry: Entry,
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

    /// The smallest class whose blocks have this many bytes.
    #[inline(always)]
    pub(super) fn class_for(&self, len: usize) -> Result<usize, LoanError> {
        let classes = self.member.memory().classes();
        classes.iter().position(|class| class.size as usize >= len).ok_or_else(|| {
            let limit = classes.last().map_or(0, |class| class.size as usize);
            LoanError::TooLarge { len, limit }
        })
    }

    /// The error of a request that found no block of a class.
    #[cold]
    pub(super) fn exhausted(&self, class: usize) -> LoanError {
        let Class { size, count, .. } = self.member.memory().classes()[class];
        LoanError::Exhausted { class, size: size as usize, count: u64::from(count) }
    }

    /// Gives back a block that was not sent.
    #[inline(always)]
    pub(super) fn abandon(&self, loaned: Loaned) {
        let class = loaned.class();
        self.member.abandon(loaned);
        self.gave_back(class);
    }

    /// A block of a class was given back: wakes a lender that waits for it.
    #[inline(always)]
    pub(super) fn gave_back(&self, class: u32) {
        self.lenders.gave_back(&self.member, class as usize);
    }

    /// A seat in the pool that was found. The domain's lock is held.
    pub(super) fn seated(domain: &Domain, found: Found) -> Result<Self, AttachError> {
        let Found { memory, barrier, entry } = found;
        let process = domain.member();
        let identity = NonZeroU64::new(process.me().as_raw()).expect("a member's identity is not zero");
        let seat = match Seat::take(&memory, identity) {
            Ok(seat) => seat,
            Err(_) => {
                process.asking(|is_alive| pool::recovery::recover(&memory, is_alive))?;
                Seat::take(&memory, identity).map_err(|_| AttachErrorKind::DomainFull {
                    what: "members of one pool",
                    limit: usize::from(MAX_MEMBERS),
                })?
            }
        };
        let pid = memory.region().half(SEATS + usize::from(seat.number()) * SEAT_SIZE + S_PID);
        pid.store(std::process::id(), Ordering::Relaxed); // For display.
        let region = memory.region().clone();
        let words = Segment::new(region, LENDERS, entry.clone());
        let lenders = Lenders::new(words, Arc::clone(process), barrier, seat.number());
        let member = Member::new(memory, seat);
        // With a seat of its own: if this process dies in between, it is found dead, and lenders that it did
        // not wake look again.
        if let Err(error) = lenders.recover(&member, None) {
            member.leave();
            return Err(error.into());
        }
        notify_watchers(process, entry.generation, FrameKind::Joined, EndRole::Member, myself(domain));
        Ok(Self { process: process.process(), member, lenders, domain: domain.clone(), entry })
    }

    /// Whether this process still has its seat.
    pub(super) fn has_its_seat(&self) -> bool {
        let seat = self.member.seat();
        let found = self.member.memory().identity(seat.number()).load(Ordering::Relaxed); // Under the lock.
        found == seat.identity().get()
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
                let seat = self.member.seat();
                let (leaked, _) = pool::recovery::sweep(memory, seat.number(), seat.identity().get());
                if leaked > 0 {
                    self.lenders.wake_all(&self.member);
                }
                self.lenders.leave();
                let subject = myself(&self.domain);
                notify_watchers(process, self.entry.generation, FrameKind::Left, EndRole::Member, subject);
            },
            || {
                process.asking(|is_alive| {
                    !(0..MAX_MEMBERS).any(|number| {
                        // Taken under the lock.
                        let identity = memory.identity(number).load(Ordering::Relaxed);
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
