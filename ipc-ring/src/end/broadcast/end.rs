//! What every end does besides moving messages: waking others, and noticing a publisher that is gone.

use core::sync::atomic::Ordering::{Acquire, Relaxed};

use ipc_core::Error;

use crate::end::item::ended;
use crate::end::pair::PeerState;
use crate::end::participant::{ANY_KEY, Notifiers, Participant, Seats, WaiterClass};
use crate::error::{PeerExit, PopError};
use crate::platform::{Platform, Word as _};
use crate::ring::broadcast::words::{PUBLISHER_SLEEPERS, SUBSCRIBER_SLEEPERS};
use crate::ring::broadcast::{Control, Corruption};
use crate::wait::host::Host;
use crate::wait::news::News;
use crate::wait::signal::{self, CLOSED, DETACHED, POISONED};

/// The publisher, which waits for room.
pub const PUBLISHER: WaiterClass =
    WaiterClass { role: 1, mask: PUBLISHER_SLEEPERS, key: ANY_KEY, notifiers: Notifiers::All };
/// The subscribers, which wait for messages.
pub const SUBSCRIBER: WaiterClass =
    WaiterClass { role: 2, mask: SUBSCRIBER_SLEEPERS, key: ANY_KEY, notifiers: Notifiers::Last };

/// An attached end, without its half of the ring's algorithm. `F` are the words in front of the messages.
#[derive(Debug)]
pub struct End<F: Control, W: Seats, H: Host> {
    /// The words in front of the messages.
    pub front: F,
    /// Its seat among the others.
    pub place: Participant<W, H>,
    /// The count of publishers when a set was last notified that the publisher is gone.
    told: Option<u32>,
    /// Whether a set was notified that the stream has ended.
    ended: bool,
}

impl<F, W, H> End<F, W, H>
where
    F: Control,
    W: Seats<Platform = F::Platform>,
    H: Host,
{
    /// An end of this ring in this seat.
    pub fn new(front: F, place: Participant<W, H>) -> Self {
        Self { front, place, told: None, ended: false }
    }

    /// Wakes all sleeping subscribers. Costs nothing while there are none.
    ///
    /// # Errors
    /// When some could not be woken.
    #[inline(always)]
    pub fn wake_subscribers(&mut self) -> Result<(), Error> {
        self.place.wake_sleepers(SUBSCRIBER, self.front.subscriber_sleepers())
    }

    /// Wakes the publisher if it sleeps. An error is kept.
    #[inline]
    pub fn wake_publisher(&mut self) {
        let woken = self.place.wake_sleepers(PUBLISHER, self.front.publisher_sleepers());
        self.place.keep(woken);
    }

    /// As [`wake_publisher`](Self::wake_publisher), if a pop requests it.
    #[inline]
    pub(crate) fn look_at_publisher(&mut self, look: bool) {
        if look {
            self.wake_publisher();
        }
    }

    /// Whether there are subscribers, and all of them sleep or are about to.
    pub(super) fn do_all_subscribers_wait(&self) -> bool {
        self.place.do_all_wait(SUBSCRIBER.role)
    }

    /// Bits about the stream; check the ring again after seeing one.
    pub(crate) fn bits(&self) -> u32 {
        signal::load_state::<F::Platform>(self.front.state())
    }

    /// Sets bits about the stream and wakes all ends to see them.
    pub fn set_flags(&mut self, bits: u32) {
        signal::set_flags::<F::Platform>(self.front.state(), bits);
        self.place.wake_all(SUBSCRIBER);
        self.place.wake_all(PUBLISHER);
    }

    /// Signals to all ends that the ring is corrupt.
    #[cold]
    pub(crate) fn poison(&mut self, corruption: Corruption) -> PopError {
        self.set_flags(POISONED);
        PopError::Corrupt(corruption)
    }

    /// Nothing was found at this position: how the stream has ended, if it has. Wakes the publisher if the
    /// pop requests it.
    ///
    /// # Errors
    /// That of a wake that was kept.
    pub(crate) fn nothing(&mut self, look: bool, position: u64) -> Result<Option<PopError>, PopError> {
        self.look_at_publisher(look);
        self.place.tell().map_err(PopError::System)?;
        Ok(ended(self.bits(), position))
    }

    /// Whether the publisher is attached. Asks the kernel if it is.
    ///
    /// # Errors
    /// When it is unknown whether its process is alive.
    pub(crate) fn state_of_publisher(&self) -> Result<PeerState, Error> {
        self.place.host.check_process("publisher")?;
        let words = self.place.words();
        let seat = words.seats() - 1; // After those of the subscribers.
        let pid = || self.place.pid(seat);
        publisher_state(&self.front, words.identity(seat), pid, |identity| self.place.is_alive(identity))
    }

    /// How the publisher went, if it died and no successor is waited for. Asks the kernel.
    ///
    /// # Errors
    /// When this is unknown.
    pub(super) fn died(&self) -> Result<Option<PeerExit>, Error> {
        if self.place.waits.awaits_successors() {
            return Ok(None);
        }
        Ok(match self.state_of_publisher()? {
            PeerState::Gone(exit @ PeerExit::Died { .. }) => Some(exit),
            _ => None,
        })
    }

    /// What a set needs to know about the publisher: [`News::Ended`] once when it has ended the stream,
    /// [`News::PeerGone`] once for each one that left without ending it.
    ///
    /// # Errors
    /// With `probe`, when it is unknown whether the publisher's process is alive; that of a wake that was
    /// kept.
    pub(crate) fn news_of_publisher(&mut self, probe: bool) -> Result<Option<News>, Error> {
        self.place.tell()?;
        let bits = self.bits();
        if bits & (CLOSED | POISONED) != 0 {
            return Ok((!std::mem::replace(&mut self.ended, true)).then_some(News::Ended));
        }
        let publishers = self.front.publishers().load(Relaxed); // For an answer only.
        if self.told == Some(publishers) {
            return Ok(None);
        }
        let died = probe && matches!(self.state_of_publisher()?, PeerState::Gone(PeerExit::Died { .. }));
        if bits & DETACHED == 0 && !died {
            return Ok(None);
        }
        self.told = Some(publishers);
        Ok(Some(News::PeerGone))
    }
}

/// Whether the publisher of a ring is attached, whose seat has this identity and process number. Stores
/// nothing.
///
/// # Errors
/// Those of `is_alive`.
pub(crate) fn publisher_state<F: Control>(
    front: &F,
    identity: &<F::Platform as Platform>::U64,
    pid: impl FnOnce() -> u32,
    is_alive: impl FnOnce(u64) -> Result<bool, Error>,
) -> Result<PeerState, Error> {
    if signal::load_state::<F::Platform>(front.state()) & CLOSED != 0 {
        return Ok(PeerState::Closed);
    }
    // [E1] Acquire ← the Release of the end that took or gave up the seat.
    let identity = identity.load(Acquire);
    if identity == 0 {
        let ever = front.publishers().load(Relaxed) > 0; // For the answer only.
        return Ok(PeerState::Gone(if ever { PeerExit::Detached } else { PeerExit::NeverAttached }));
    }
    let pid = pid();
    Ok(if is_alive(identity)? { PeerState::Alive { pid } } else { PeerState::Gone(PeerExit::Died { pid }) })
}
