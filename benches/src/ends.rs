//! Both ends of each kind of channel.

use std::sync::atomic::{AtomicU32, Ordering};

use ipc_ring::broadcast::{self, Mode, Publisher, Subscriber, payloads};
use ipc_ring::call::{Caller, Responder};
use ipc_ring::latest::{Reader, Writer};
use ipc_ring::pool::{self, Handle, Pool};
use ipc_ring::{AttachError, Domain, Message, WaitStrategy};
use ipc_ring::{bytes, call, latest, mpmc, spsc};

/// The ends of a channel, or why the kernel refused.
pub type Ends<A, B> = Result<(A, B), AttachError>;

/// Both ends of a one-to-one ring that only polls.
///
/// # Errors
/// When the kernel refuses.
pub fn both_ends<T: Message>(capacity: u64) -> Ends<spsc::Producer<T>, spsc::Consumer<T>> {
    let (domain, name) = place()?;
    let channel = spsc::Builder::<T>::new(&name).domain(&domain).capacity(capacity).wait(WaitStrategy::Spin);
    Ok((channel.create_new_sender()?, channel.open_receiver()?))
}

/// Both ends of a one-to-one ring.
///
/// # Errors
/// When the kernel refuses.
pub fn spsc<T: Message>(slots: u64) -> Ends<spsc::Producer<T>, spsc::Consumer<T>> {
    let (domain, name) = place()?;
    let channel = spsc::Builder::<T>::new(&name).domain(&domain).capacity(slots);
    Ok((channel.create_new_sender()?, channel.open_receiver()?))
}

/// Both ends of a ring of frames, with room for this number of bytes.
///
/// # Errors
/// When the kernel refuses.
pub fn bytes(room: u64) -> Ends<bytes::Producer, bytes::Consumer> {
    let (domain, name) = place()?;
    let channel = bytes::Builder::new(&name).domain(&domain).capacity(room.next_power_of_two());
    Ok((channel.create_new_sender()?, channel.open_receiver()?))
}

/// One producer and one consumer of a ring for many.
///
/// # Errors
/// When the kernel refuses.
pub fn mpmc<T: Message>(slots: u64) -> Ends<mpmc::Producer<T>, mpmc::Consumer<T>> {
    let (domain, name) = place()?;
    let channel = mpmc::Builder::<T>::new(&name).domain(&domain).capacity(slots);
    Ok((channel.create_sender()?, channel.open_receiver()?))
}

/// A publisher and one subscriber.
///
/// # Errors
/// When the kernel refuses.
pub fn broadcast<T: Message>(mode: Mode, slots: u64) -> Ends<Publisher<T>, Subscriber<T>> {
    let (domain, name) = place()?;
    let channel = broadcast::Builder::<T>::new(&name).domain(&domain).mode(mode).capacity(slots);
    Ok((channel.create_new_sender()?, channel.open_receiver()?))
}

/// A writer of the newest value and one reader.
///
/// # Errors
/// When the kernel refuses.
pub fn latest<T: Message>() -> Ends<Writer<T>, Reader<T>> {
    let (domain, name) = place()?;
    let channel = latest::Builder::<T>::new(&name).domain(&domain);
    Ok((channel.create_sender()?, channel.open_receiver()?))
}

/// A caller and its responder.
///
/// # Errors
/// When the kernel refuses.
pub fn call<Req: Message, Rep: Message>() -> Ends<Caller<Req, Rep>, Responder<Req, Rep>> {
    let (domain, name) = place()?;
    let channel = call::Builder::<Req, Rep>::new(&name).domain(&domain);
    Ok((channel.create_sender()?, channel.open_receiver()?))
}

/// A pool of blocks of one size, and both ends of a one-to-one ring that carries their handles.
///
/// # Errors
/// When the kernel refuses.
pub fn pool(
    size: usize,
    blocks: u64,
) -> Result<(Pool, spsc::Producer<Handle>, spsc::Consumer<Handle>), AttachError> {
    let (domain, name) = place()?;
    let pool = pool::Builder::new(&name).domain(&domain).class(size, blocks).create_new()?;
    let (producer, consumer) = spsc::<Handle>(blocks)?;
    Ok((pool, producer, consumer))
}

/// A publisher of blocks of one size, with more of them than the channel has places, and one subscriber.
///
/// # Errors
/// When the kernel refuses.
pub fn payloads(mode: Mode, size: usize, places: u64) -> Ends<payloads::Publisher, payloads::Subscriber> {
    let (pool, ..) = pool(size, 2 * places)?;
    let (domain, name) = place()?;
    let channel = payloads::Builder::new(&name, &pool).domain(&domain).mode(mode).capacity(places);
    Ok((channel.create_new_sender()?, channel.open_receiver()?))
}

/// The domain of the benches, and a name that no other channel of this or another process has.
fn place() -> Result<(Domain, String), AttachError> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Relaxed: only the number matters.
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    Ok((Domain::open("criterion")?, format!("{}-{number}", std::process::id())))
}
