//! Many ends behind one file descriptor.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::task::{Wake, Waker};

use nix::sys::eventfd::{EfdFlags, EventFd};

use super::driver::Driver;
use super::protocol;
use crate::channel::waitable::{Bell, Home, Waiting};
use crate::channel::{Event, WaitSetError, Waitable};
use crate::domain::Domain;
use crate::platform::Native;
use crate::wait::barriers::Barriers;
use crate::wait::together::look;

/// Waits for any of many ends behind a file descriptor, in `epoll`, `poll`, libuv, glib, `asyncio`, or any
/// other loop that waits for descriptors.
///
/// The descriptor is readable when an end may be ready; only [`disarm`](Self::disarm) reads it. It may be
/// watched level-triggered, which is simplest, edge-triggered or one-shot, and stays the same as long as the
/// set lives.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::os::fd::AsFd as _;
/// use ipc_ring::readiness::{Armed, PollSet};
/// use ipc_ring::{Domain, spsc};
/// # use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
///
/// let domain = Domain::open("doc-example-poll-set")?;
/// let numbers = spsc::Builder::<u64>::new("numbers").domain(&domain);
/// let (mut producer, mut consumer) = (numbers.create_sender()?, numbers.open_receiver()?);
///
/// let mut set = PollSet::new(&domain)?;
/// loop {
///     let event = match set.arm(&mut [&mut consumer])? {
///         Armed::Event(event) => Some(event),
///         Armed::Waiting => {
///             # producer.push(7)?;
///             // The loop's own wait, for other descriptors and timers, too.
///             poll(&mut [PollFd::new(set.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE)?;
///             set.disarm(&mut [&mut consumer])?
///         }
///     };
///     if event.is_some() {
///         assert_eq!(consumer.try_pop()?, 7);
///         break;
///     }
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct PollSet {
    driver: Driver,
    descriptor: Arc<Descriptor>,
    waker: Waker,
    /// The slots of the ends, by their position in the list; grows with it.
    slots: Vec<usize>,
    is_armed: bool,
    next: usize,
}

/// The result of [`PollSet::arm`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Armed {
    /// An end is ready now; nothing is armed.
    Event(Event),
    /// No end is ready. Wait for the descriptor to be readable, and for anything else besides, and then call
    /// [`disarm`](PollSet::disarm).
    Waiting,
}

#[derive(Debug)]
struct Descriptor(EventFd);

impl Descriptor {
    /// Makes the descriptor unreadable.
    fn drain(&self) {
        let _ = self.0.read(); // An error means that it was empty already.
    }
}

impl Wake for Descriptor {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let _ = self.0.write(1); // A counter that is full is readable as well.
    }
}

impl PollSet {
    /// A set for ends of this domain. Starts the domain's [`Driver`] if there is none.
    ///
    /// # Errors
    /// That of the kernel when the process has no file descriptor left; otherwise one with an
    /// [`AttachError`](crate::AttachError) in it, as [`Driver::of`].
    ///
    /// # Panics
    /// As [`Driver::of`].
    ///
    /// # Blocking
    /// As [`Driver::of`].
    pub fn new(domain: &Domain) -> io::Result<Self> {
        let driver = Driver::of(domain).map_err(io::Error::other)?;
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let counter = EventFd::from_flags(flags)?;
        let descriptor = Arc::new(Descriptor(counter));
        let waker = Waker::from(Arc::clone(&descriptor));
        Ok(Self { driver, descriptor, waker, slots: Vec::new(), is_armed: false, next: 0 })
    }

    /// Looks at each end, and if none is ready, arms all of them: the descriptor becomes readable when one
    /// is. Until [`disarm`](Self::disarm) with the same ends, use none of them.
    ///
    /// # Errors
    /// [`WaitSetError`], except `TimedOut` and `Interrupted`.
    pub fn arm(&mut self, ends: &mut [&mut dyn Waitable]) -> Result<Armed, WaitSetError> {
        self.check(ends)?;
        self.release(ends);
        if let Some(event) = look(&mut self.next, ends, false).map_err(WaitSetError::System)? {
            return Ok(Armed::Event(event));
        }
        let shared = Arc::clone(&self.driver.0.shared);
        while self.slots.len() < ends.len() {
            self.slots.push(shared.lock().slots.insert());
        }
        let slots = &self.slots[..ends.len()];
        let mut waited = Waited::new(ends, &mut self.next, shared.bell);
        let found = protocol::arm(&*shared, slots, &mut waited, || self.waker.clone());
        if !matches!(found, Ok(None)) {
            self.descriptor.drain();
        }
        if let Some(event) = found.map_err(WaitSetError::System)? {
            return Ok(Armed::Event(event));
        }
        self.is_armed = true;
        // After the arming: a driver that fails later makes the descriptor readable.
        if shared.lock().failed {
            self.release(ends);
            return Err(WaitSetError::System(self.driver.0.failure()));
        }
        self.driver.0.armed(ends.iter().any(|end| end.needs_polling()));
        if ends.iter_mut().any(|end| end.is_soon()) {
            self.waker.wake_by_ref(); // No further notification of the event will come.
        }
        Ok(Armed::Waiting)
    }

    /// Takes the arming back, and returns an event if there is one: the descriptor is sometimes readable
    /// without an event. May be called whether it is readable or not; afterwards it is not.
    ///
    /// # Errors
    /// As [`arm`](Self::arm).
    pub fn disarm(&mut self, ends: &mut [&mut dyn Waitable]) -> Result<Option<Event>, WaitSetError> {
        self.check(ends)?;
        self.release(ends);
        // The descriptor may have become readable because of a death.
        look(&mut self.next, ends, true).map_err(WaitSetError::System)
    }

    fn check(&self, ends: &[&mut dyn Waitable]) -> Result<(), WaitSetError> {
        if !self.driver.0.member.is_ours() {
            return Err(WaitSetError::Forked);
        }
        let home = Home(&self.driver.0.member);
        match ends.iter().position(|end| !end.is_at(&home)) {
            Some(index) => Err(WaitSetError::Foreign { index }),
            None => Ok(()),
        }
    }

    /// Disarms every end, and makes the descriptor unreadable.
    fn release(&mut self, ends: &mut [&mut dyn Waitable]) {
        if !std::mem::take(&mut self.is_armed) {
            return;
        }
        let shared = &self.driver.0.shared;
        let mut waited = Waited::new(ends, &mut self.next, shared.bell);
        protocol::disarm(&**shared, &self.slots, &mut waited, drop);
        self.descriptor.drain();
    }
}

/// The ends of a set, and the driver's semaphore.
struct Waited<'a, 'b, 'c> {
    ends: &'a mut [&'b mut dyn Waitable],
    /// As [`PollSet::next`].
    next: &'c mut usize,
    bell: Bell,
    /// The barriers that must follow the waiting bits.
    barriers: Barriers,
}

impl<'a, 'b, 'c> Waited<'a, 'b, 'c> {
    fn new(ends: &'a mut [&'b mut dyn Waitable], next: &'c mut usize, bell: Bell) -> Self {
        Self { ends, next, bell, barriers: Barriers::default() }
    }
}

impl protocol::Ends for Waited<'_, '_, '_> {
    type Signal = Option<Waiting>;
    type News = Event;
    type Error = ipc_core::Error;

    fn signal(&mut self, number: usize) -> Option<Waiting> {
        self.ends[number].waiting()
    }

    fn needs_polling(&mut self, number: usize) -> bool {
        self.ends[number].needs_polling() || self.ends[number].is_soon()
    }

    fn set_waiting(&mut self, number: usize) {
        self.barriers.add(self.ends[number].set_waiting(self.bell));
    }

    fn barrier(&mut self) -> Result<(), ipc_core::Error> {
        std::mem::take(&mut self.barriers).run::<Native>()
    }

    /// There are slots of more ends if a caller disarms with fewer than it armed.
    fn clear_waiting(&mut self, number: usize) -> bool {
        self.ends.get_mut(number).is_some_and(|end| end.clear_waiting())
    }

    fn look(&mut self) -> Result<Option<Event>, ipc_core::Error> {
        look(self.next, self.ends, true)
    }
}

impl AsFd for PollSet {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.0.as_fd()
    }
}

impl AsRawFd for PollSet {
    fn as_raw_fd(&self) -> RawFd {
        self.descriptor.0.as_fd().as_raw_fd()
    }
}

impl Drop for PollSet {
    fn drop(&mut self) {
        if self.driver.0.member.is_ours() {
            let mut state = self.driver.0.shared.lock();
            for slot in &self.slots {
                state.slots.disarm(*slot, false);
                state.slots.remove(*slot);
            }
        }
    }
}
