//! What the benches share.

use ipc_core::msg::MessageQueue;
use ipc_core::{Key, Mode, RemoveOnDrop};
use ipc_ring::spsc::{Builder, Consumer, Producer};
use ipc_ring::{AttachError, Domain, Message, WaitStrategy};

/// Both ends of a ring in shared memory, made exactly as two processes would make it.
///
/// # Errors
/// When the kernel refuses.
pub fn both_ends<T: Message>(capacity: u64) -> Result<(Producer<T>, Consumer<T>), AttachError> {
    let domain = Domain::open("criterion")?;
    let name = format!("{}-{}", std::process::id(), size_of::<T>());
    let channel = Builder::<T>::new(&name).domain(&domain).capacity(capacity).wait(WaitStrategy::Spin);
    Ok((channel.create_new_producer()?, channel.open_consumer()?))
}

/// A message queue that is removed at the end of the scope.
///
/// # Errors
/// When the kernel refuses.
pub fn queue() -> ipc_core::Result<RemoveOnDrop<MessageQueue>> {
    MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE).map(RemoveOnDrop::new)
}
