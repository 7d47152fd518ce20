//! A channel whose parameters are still open, and the ring that replaces its ring once an end chooses them.
//!
//! The end where messages go in decides the parameters of a channel. An end where they come out may attach
//! first; if it does not specify the capacity (or the number of keys), the mode, the lifetime, the barrier or
//! the fields of the elements, it makes a ring with the defaults and notes in its header that this is open.
//! When an end comes that insists on something else, and no end of the first sort has been attached, a new
//! ring takes the name. The old one is marked and closed, so that each end waiting at it is woken and finds
//! that it has ended; an end without requirements then opens the channel again and continues there. No
//! message can be lost, because none was ever pushed.
//!
//! All of this happens under the domain's lock, except the wait of the insisting end: it gives the others a
//! moment to follow, so that they are attached before the first message.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ipc_core::shm::SharedMemory;

use super::Lifetime;
use super::record::{self, Record};
use super::seated::{HasCore, Seat as _};
use super::seats::Table;
use super::settings::Settings;
use crate::domain::{Member, WakeSemaphore};
use crate::error::AttachErrorKind;
use crate::layout;
use crate::platform::{Barrier, Native};
use crate::region::Region;
use crate::wait::seated::Seated as _;
use crate::wait::signal::{self, WAITING};

/// Bits of what is open.
const CAPACITY: u32 = 1;
const MODE: u32 = 2;
const LIFETIME: u32 = 4;
const BARRIER: u32 = 8;
const DESCRIPTION: u32 = 16;
/// Everything that can be open.
const ALL: u32 = CAPACITY | MODE | LIFETIME | BARRIER | DESCRIPTION;
/// Another ring has taken this one's place.
const REPLACED: u32 = 1 << 31;

/// How long an insisting end waits for the others.
const MOMENT: Duration = Duration::from_millis(200);
/// How often it checks.
const NAP: Duration = Duration::from_micros(200);

/// The direction of a channel's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Messages go in there.
    Gives,
    /// They come out there.
    Takes,
}

/// Where a ring's taking ends are found, and how they learn that it has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Takers {
    /// Offset of the word with the bit, and the bit.
    pub(super) closed: (usize, u32),
    pub(super) seats: Seats,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Seats {
    /// One, with its signal at this offset.
    One(Record, usize),
    Many(Table),
}

/// What an end asks for beyond what every ring of its kind is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wishes {
    pub(super) capacity: Option<u64>,
    /// The offset of the mode word, and its required value.
    pub(super) mode: Option<(usize, u32)>,
    pub(super) lifetime: Option<Lifetime>,
    pub(super) barrier: Option<Barrier>,
    pub(super) describes: bool,
}

/// The properties of an existing ring.
pub(super) struct Actual {
    pub(super) capacity: u64,
    pub(super) lifetime: Lifetime,
    pub(super) barrier: Barrier,
    pub(super) is_described: bool,
}

impl Wishes {
    pub(super) fn new(settings: &Settings, capacity: Option<u64>, mode: Option<(usize, u32)>) -> Self {
        Self {
            capacity,
            mode,
            lifetime: settings.lifetime,
            barrier: settings.barrier,
            describes: settings.described.is_some(),
        }
    }

    /// What stays open if this end is the first.
    fn leave_open(&self) -> u32 {
        let open = |bit, is_open| if is_open { bit } else { 0 };
        open(CAPACITY, self.capacity.is_none())
            | open(MODE, self.mode.is_none())
            | open(LIFETIME, self.lifetime.is_none())
            | open(BARRIER, self.barrier.is_none())
            | open(DESCRIPTION, !self.describes)
    }

    /// Whether this end insists on anything.
    pub(super) fn insist(&self) -> bool {
        self.leave_open() != ALL
    }

    /// Whether the ring differs from what this end insists on, in properties that are still open.
    pub(super) fn need_another(&self, region: &Region, actual: &Actual) -> bool {
        let open = layout::open(region).load(Ordering::Relaxed); // Under the lock.
        let mode = |at| region.half(at).load(Ordering::Relaxed); // Under the lock.
        let differs = [
            (CAPACITY, self.capacity.is_some_and(|capacity| capacity != actual.capacity)),
            (MODE, self.mode.is_some_and(|(at, wanted)| !matches!(mode(at), 0) && mode(at) != wanted)),
            (LIFETIME, self.lifetime.is_some_and(|lifetime| lifetime != actual.lifetime)),
            (BARRIER, self.barrier.is_some_and(|barrier| barrier != actual.barrier)),
            // A ring without a description will do, unless one may still be added.
            (DESCRIPTION, self.describes && !actual.is_described && open & DESCRIPTION != 0),
        ];
        let differs =
            differs.into_iter().fold(0, |all, (bit, differs)| if differs { all | bit } else { all });
        // Everything that differs is open.
        open & REPLACED == 0 && differs != 0 && differs & !open == 0
    }

    /// # Errors
    /// When the ring lives longer or shorter than this end insists on, or has another barrier. (A ring's own
    /// check compares the capacity, and taking a seat the mode.)
    pub(super) fn agree(&self, lifetime: Lifetime, barrier: Barrier) -> Result<(), AttachErrorKind> {
        match (self.lifetime, self.barrier) {
            (Some(expected), _) if expected != lifetime => {
                Err(AttachErrorKind::Lifetime { found: lifetime, expected })
            }
            (_, Some(expected)) if expected != barrier => {
                Err(AttachErrorKind::Barrier { found: barrier, expected })
            }
            _ => Ok(()),
        }
    }

    /// Notes what is still open once this end has its seat.
    pub(super) fn settle(&self, region: &Region, side: Side, is_new: bool) {
        let word = layout::open(region);
        let before = word.load(Ordering::Relaxed); // Under the lock.
        let after = match side {
            Side::Gives => 0,
            Side::Takes if is_new => self.leave_open(),
            Side::Takes => before & self.leave_open(),
        };
        if after != before {
            word.store(after, Ordering::Relaxed); // Under the lock.
        }
    }
}

/// Ends a ring that is being replaced, and wakes all who wait at it. Under the domain's lock.
pub(super) fn close(region: &Region, takers: &Takers, member: &Member) {
    layout::open(region).store(REPLACED, Ordering::Relaxed); // Before the bit, [C1].
    let (word, bit) = takers.closed;
    // [C1] Release → an end that finds the ring closed: it is marked.
    signal::set_flags::<Native>(region.half(word), bit);
    let wake = |signal: usize, wake: u32| {
        let signal = region.half(signal);
        if signal::peek::<Native>(signal, Barrier::Fence) & WAITING != 0
            && signal::claim_wake::<Native>(signal)
            && let Some(wake) = WakeSemaphore::from_raw(wake)
        {
            // An end that cannot be woken finds out by itself.
            let _ = member.wake(wake);
        }
    };
    match takers.seats {
        Seats::One(record, signal) => wake(signal, record::wake_of(region, record)),
        Seats::Many(table) => {
            (0..table.seats).for_each(|number| wake(table.signal(number), table.wake_of(region, number)));
        }
    }
}

/// Whether a ring takes no new givers: an opener that may make a channel then gets a new one in its place.
pub(super) fn is_closed(region: &Region, takers: &Takers) -> bool {
    let (word, bit) = takers.closed;
    region.half(word).load(Ordering::Relaxed) & bit != 0 // Under the lock.
}

/// Whether another ring has taken the place of this one.
pub(super) fn is_replaced(region: &Region) -> bool {
    layout::open(region).load(Ordering::Relaxed) & REPLACED != 0 // Behind [C1], where it counts.
}

/// Whether something about a ring is open, or was when this end came.
pub(super) fn is_open(region: &Region) -> bool {
    layout::open(region).load(Ordering::Relaxed) != 0 // A hint: an end that keeps its builder may follow.
}

/// Whether the capacity of a ring is open, or was until another ring replaced it.
pub(super) fn is_capacity_open(region: &Region) -> bool {
    layout::open(region).load(Ordering::Relaxed) & (CAPACITY | REPLACED) != 0 // A hint, until a giver comes.
}

/// An end that leaves the channel's parameters open.
pub(super) trait Follower: HasCore + Sized {
    /// Opens the end again as it was opened before; `None` when it left nothing open, or when the kernel
    /// refuses.
    fn reopened(&self) -> Option<Self>;
}

/// Continues at the ring that has replaced this end's, where no message has been pushed yet. False when there
/// is none, or it cannot be opened.
pub(super) fn follow<F: Follower>(end: &mut F) -> bool {
    if !end.core().seat().is_replaced() {
        return false;
    }
    let Some(mut successor) = end.reopened() else { return false };
    if successor.core().seat().generation() == end.core().seat().generation() {
        return false; // It claims to replace itself; no process that keeps to the protocol writes that.
    }
    end.core_mut().seat_mut().hand_over(successor.core_mut().seat_mut());
    *end = successor;
    true
}

/// Gives the ends attached to a replaced ring a moment to leave it.
pub(super) fn wait_for_the_others(segment: SharedMemory) {
    let until = Instant::now() + MOMENT;
    // This process's own attachment is one.
    while segment.stat().is_ok_and(|stat| stat.attachments() > 1) && Instant::now() < until {
        std::thread::sleep(NAP);
    }
}
