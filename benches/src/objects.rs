//! Objects of the kernel, removed at the end of the scope.

use ipc_core::msg::MessageQueue;
use ipc_core::sem::SemaphoreSet;
use ipc_core::{Key, Mode, RemoveOnDrop, Result};

/// A message queue of the kernel's default size.
///
/// # Errors
/// When the kernel refuses.
pub fn message_queue() -> Result<RemoveOnDrop<MessageQueue>> {
    MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE).map(RemoveOnDrop::new)
}

/// A set of one semaphore, which is zero.
///
/// # Errors
/// When the kernel refuses.
pub fn semaphore_set() -> Result<RemoveOnDrop<SemaphoreSet>> {
    SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE).map(RemoveOnDrop::new)
}
