//! What the ends of each kind of channel are made of: what the one [`Sender`](super::Sender) and the one
//! [`Receiver`](super::Receiver) need to know of a kind.

use std::fmt::Debug;
use std::mem::MaybeUninit;
use std::time::Instant;

use super::end::End;
use super::pair::Ending;
use super::seated::Seat;
use crate::end::pair::PeerState;
use crate::error::{AttachError, PopError, PushError};
use crate::message::Message;
use crate::wait::seated::Seated;

/// A kind of channel, such as [`Spsc`](crate::spsc::Spsc). No other type can implement it.
pub trait Kind: Parts {}

impl<K: Parts> Kind for K {}

/// The kinds of channels through which elements of one type move: [`Spsc`](crate::spsc::Spsc),
/// [`Mpmc`](crate::mpmc::Mpmc), [`Broadcast`](crate::broadcast::Broadcast).
pub trait Elements: Kind<Sending: Push<Self::Item>, Receiving: Pop<Self::Item>> {
    /// What is pushed and popped.
    type Item: Message;
    /// What an iteration over a receiver returns: messages or, where some may be missed, results.
    type Yield;

    /// What an iteration returns for this result of a pop.
    ///
    /// # Errors
    /// The end of the iteration.
    #[doc(hidden)]
    fn yields(popped: Result<Self::Item, PopError>) -> Result<Self::Yield, PopError>;
}

/// The kinds of channels with one end on each side: [`Spsc`](crate::spsc::Spsc),
/// [`Bytes`](crate::bytes::Bytes).
pub trait OneToOne: Kind<Sending: Seated<Seat = End>, Receiving: Seated<Seat = End>> {}

impl<K: Kind<Sending: Seated<Seat = End>, Receiving: Seated<Seat = End>>> OneToOne for K {}

/// The parts of a kind's ends. Cannot be named outside this crate.
pub trait Parts: Sized {
    /// The sending end's half of the ring, with its seat.
    type Sending: Core<Counters = Self::Counters>;
    /// The receiving end's half of the ring, with its seat.
    type Receiving: Core<Counters = Self::Counters>;
    /// What the ends count.
    type Counters;

    /// Whether a stream that ends like this may continue at another ring.
    fn may_continue(error: &PopError) -> bool {
        matches!(error, PopError::Closed)
    }
}

/// An end without what is common to all kinds.
pub trait Core: Seated<Seat: Seat> + Debug {
    /// What the ends count.
    type Counters;

    /// What they have counted so far.
    fn counters(&self) -> Self::Counters;
    /// The capacity of the ring.
    fn capacity(&self) -> u64;
    /// Gives the seat up. Does nothing in a child process that inherited the end through a fork.
    fn leave(&mut self, ending: Ending);
}

/// An end with one peer.
pub trait Peered: Core {
    /// The state of the peer. Asks the kernel if it is attached.
    fn peer(&self) -> Result<PeerState, ipc_core::Error>;
    /// Sleeps until the peer is attached or closed, or the deadline has passed; returns its state then. A
    /// ring that was replaced is closed.
    fn wait_for_peer(&self, deadline: Option<Instant>) -> Result<PeerState, ipc_core::Error>;
    /// Kills the peer's process, and waits until it is gone. True when there is none any more.
    fn evict_peer(&self, deadline: Instant) -> Result<bool, AttachError>;
}

impl<C: Core + Seated<Seat = End>> Peered for C {
    fn peer(&self) -> Result<PeerState, ipc_core::Error> {
        Ok(self.seat().unless_replaced(self.seat().peer()?))
    }

    fn wait_for_peer(&self, deadline: Option<Instant>) -> Result<PeerState, ipc_core::Error> {
        self.seat().wait_for_peer(deadline)
    }

    fn evict_peer(&self, deadline: Instant) -> Result<bool, AttachError> {
        self.seat().evict_peer(deadline)
    }
}

/// A sending end of elements.
pub trait Push<T>: Core {
    /// Pushes an element if there is room.
    fn try_put(&mut self, item: &T) -> Result<(), PushError<()>>;
    /// Pushes an element, waiting for room.
    fn put(&mut self, item: &T, deadline: Option<Instant>) -> Result<(), PushError<()>>;
    /// Pushes elements from the front of a slice while there is room.
    fn try_put_slice(&mut self, items: &[T]) -> Result<usize, PushError<usize>>;
    /// Pushes a whole slice, waiting for room.
    fn put_slice(&mut self, items: &[T], deadline: Option<Instant>) -> Result<(), PushError<usize>>;

    /// As [`try_put`](Self::try_put), by value.
    #[inline(always)]
    fn try_put_value(&mut self, item: T) -> Result<(), PushError<T>> {
        self.try_put(&item).map_err(|error| error.with(item))
    }

    /// As [`put`](Self::put), by value.
    #[inline(always)]
    fn put_value(&mut self, item: T, deadline: Option<Instant>) -> Result<(), PushError<T>> {
        self.put(&item, deadline).map_err(|error| error.with(item))
    }
}

/// A receiving end of elements.
///
/// A pop has up to three steps, so that what is ready returns before anything else: [by the
/// value](super::by_value) in the caller's frame; in a call that is not inlined, where a kind has something
/// left to try; and in a cold one, which may wait.
///
/// # Safety
/// Receivers take a place for a whole message, and give the places of messages to be replaced, by what these
/// methods return:
///
/// - After `Ok(())`, and after [`take_claimed`](Self::take_claimed) with what
///   [`claim_ready`](Self::claim_ready) has just returned, every byte of the place has been written.
/// - After `Ok(count)` that is so of the first `count` places; there are at least that many.
/// - Whatever is returned, only initialised bytes were written to any place: one that held a message still
///   holds one, since any bytes are a message.
pub unsafe trait Pop<T>: Core {
    /// What the first step found instead of an element.
    type Found;
    /// What is passed between the halves of a first step.
    type Claimed;
    /// What the second step found instead of an element. `None`: the end is not this process's.
    type Nothing;

    /// The first step for a caller's variable.
    fn take_known(&mut self, place: &mut MaybeUninit<T>) -> Result<(), Self::Found>;
    /// The first step for a variable whose address no call is given.
    fn take_ready(&mut self, place: &mut MaybeUninit<T>) -> Result<(), Self::Found>;
    /// The half of a first step that can fail.
    fn claim_ready(&mut self) -> Result<Self::Claimed, Self::Found>;
    /// The half that cannot: it fills the place. Not inlined.
    fn take_claimed(&mut self, claimed: Self::Claimed, place: &mut MaybeUninit<T>);
    /// The second step.
    fn take_next(
        &mut self,
        found: Self::Found,
        place: &mut MaybeUninit<T>,
    ) -> Result<(), Option<Self::Nothing>>;
    /// The third step of an attempt, after what the second found.
    fn try_take_on(&mut self, nothing: Self::Nothing, place: &mut MaybeUninit<T>) -> Result<(), PopError>;
    /// The third step of a pop that waits, after what the second found.
    fn take_on(
        &mut self,
        nothing: Self::Nothing,
        place: &mut MaybeUninit<T>,
        deadline: Option<Instant>,
    ) -> Result<(), PopError>;
    /// An attempt as a whole.
    fn try_take(&mut self, place: &mut MaybeUninit<T>) -> Result<(), PopError>;
    /// A pop that waits as a whole.
    fn take(&mut self, place: &mut MaybeUninit<T>, deadline: Option<Instant>) -> Result<(), PopError>;
    /// Pops as many elements as are ready and fit.
    fn try_take_slice(&mut self, places: &mut [MaybeUninit<T>]) -> Result<usize, PopError>;
    /// Waits for an element, then pops it and as many more as are ready and fit.
    fn take_slice(
        &mut self,
        places: &mut [MaybeUninit<T>],
        deadline: Option<Instant>,
    ) -> Result<usize, PopError>;
}
