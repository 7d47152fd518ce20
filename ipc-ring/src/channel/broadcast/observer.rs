//! Observing a channel without reading its messages.

use super::end;
use super::watcher::Counters;
use crate::channel::observe;
use crate::channel::onlooker::found_by_name;
use crate::domain::{Entry, Lookout, Owner, Place};
use crate::end::pair::PeerState;
use crate::error::{AttachError, AttachErrorKind};
use crate::layout::{self, Kind};
use crate::platform::Barrier;
use crate::region::Region;
use crate::ring::broadcast::frames::Mapped as Frames;
use crate::ring::broadcast::front::mode_of;
use crate::ring::broadcast::words::SLOTS_OFFSET;
use crate::ring::broadcast::{Control as _, Front, Mode, Seats as _, Words as _, cursor};
use std::sync::atomic::Ordering::Relaxed;

/// A read-only view of a channel, of messages of any type or of frames, from any process of the domain: as
/// [`spsc::Observer`](crate::spsc::Observer).
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ipc_ring::{Domain, PeerState, broadcast};
///
/// let domain = Domain::open("doc-example-broadcast-observer")?;
/// let mut publisher = broadcast::Builder::<u64>::new("prices").domain(&domain).create_sender()?;
/// publisher.push(7)?;
///
/// let observer = broadcast::Observer::open_in(&domain, "prices")?;
/// assert_eq!((observer.counters().published, observer.counters().subscribers), (1, 0));
/// assert_eq!(observer.publisher()?, PeerState::Alive { pid: std::process::id() });
///
/// let mut reader = broadcast::Builder::<u64>::new("prices").domain(&domain).open_receiver()?;
/// publisher.push(8)?;
/// let behind = || observer.subscribers().iter().map(|one| one.behind).collect::<Vec<_>>();
/// assert_eq!((behind(), reader.pop()?, behind()), (vec![Some(2)], 7, vec![Some(1)]));
/// drop(reader);
/// assert!(observer.subscribers().is_empty());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Observer {
    front: Front,
    lookout: Lookout,
    of_frames: bool,
}

/// A subscriber in its seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscriberInfo {
    /// The identity of its process.
    pub owner: Owner,
    /// Its process number, by its own account.
    pub pid: u32,
    /// Messages published that it has not read, or bytes in a channel of frames; more than the capacity if
    /// some were overwritten, which it will be reported as missed. `None` while it joins, and if it waits
    /// for a position still to come.
    pub behind: Option<u64>,
}

impl Observer {
    found_by_name!();

    fn find(place: &impl Place, name: &str) -> Result<Self, AttachError> {
        let look = |region: &Region, entry: &Entry| {
            let generation = Some(entry.generation);
            let of_frames = entry.kind == Kind::BroadcastBytes as u32;
            let seen = if of_frames {
                layout::look_with(region, Kind::BroadcastBytes, SLOTS_OFFSET, generation, |header| {
                    Frames::geometry(header.capacity).ok()
                })
            } else {
                layout::look(region, Kind::Broadcast, SLOTS_OFFSET, generation)
            };
            Ok((seen?.geometry.capacity(), of_frames))
        };
        let (region, (capacity, of_frames), lookout) =
            observe::observe_from(name, place, Kind::Broadcast, look)?;
        let mode = mode_of(&region).ok_or(AttachErrorKind::NotReady)?;
        // It never sleeps and takes no seat, so the barrier is never used.
        let front = Front::new(region, capacity, Barrier::Fence, mode);
        Ok(Self { front, lookout, of_frames })
    }

    /// What the ends have counted so far. No system call.
    #[must_use]
    pub fn counters(&self) -> Counters {
        if self.of_frames { Counters::read_frames(&self.front) } else { Counters::read(&self.front) }
    }

    /// Whether the publisher is attached. One system call if it is.
    ///
    /// # Errors
    /// When it is unknown whether its process is alive: the domain's semaphores were removed, or this
    /// process may not read them any more.
    pub fn publisher(&self) -> Result<PeerState, ipc_core::Error> {
        end::publisher_state(&self.front, |identity| self.lookout.is_alive(Owner::from_raw(identity)))
    }

    /// The subscribers in their seats, in the order of the seats, and how far each is behind. Racy. No system
    /// call.
    #[must_use]
    pub fn subscribers(&self) -> Vec<SubscriberInfo> {
        let front = &self.front;
        (0..front.seats())
            .filter_map(|number| {
                let identity = front.identity(number).load(Relaxed); // A read from outside, for display.
                // The cursor first: a tail that is read later is not below it.
                let word = front.cursor(number).load(Relaxed); // As above.
                let behind = cursor::behind(word, front.tail().load(Relaxed)); // As above.
                let pid = end::TABLE.pid(front.region(), number);
                (identity != 0).then(|| SubscriberInfo { owner: Owner::from_raw(identity), pid, behind })
            })
            .collect()
    }

    /// Number of slots, or bytes of a ring of frames.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.front.capacity()
    }

    /// How the channel treats slow subscribers.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.front.mode()
    }
}
