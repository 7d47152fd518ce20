//! The walk over the kernel's slots: `SHM_STAT_ANY`, `SEM_STAT_ANY`, `MSG_STAT_ANY`.

use nix::libc;

use crate::error::{Error, ErrorKind, Result};
use crate::limits::{MessageUsage, SemaphoreUsage, SharedMemoryUsage};
use crate::sys::{self, Raw};
use crate::{msg, sem, shm};

/// Queries each slot up to the highest in use. A slot that is empty, or whose object is removed meanwhile, is
/// skipped. Kernels before 4.17 have only the call that checks the right to read; there, unreadable objects
/// are skipped too.
fn walk<T>(call: &'static str, highest: i32, ask: impl Fn(i32, bool) -> Raw<T>) -> Result<Vec<T>> {
    let mut found = Vec::new();
    let mut any = true;
    let mut slot = 0;
    while slot <= highest {
        match ask(slot, any) {
            Ok(object) => found.push(object),
            // An old kernel returns EINVAL for an unknown command as for an empty slot; the second call
            // distinguishes the two.
            Err(errno)
                if any && errno.0 == libc::EINVAL && ask(slot, false).is_ok() && ask(slot, true).is_err() =>
            {
                any = false;
                continue;
            }
            Err(errno) if matches!(errno.0, libc::EINVAL | libc::EIDRM | libc::EACCES) => {}
            Err(errno) => {
                return Err(Error::os(call, format!("slot={slot}, STAT_ANY"), errno, ErrorKind::Other));
            }
        }
        slot += 1;
    }
    Ok(found)
}

/// All segments, by slot.
///
/// # Errors
/// [`ErrorKind::Unsupported`] (ENOSYS): no System V IPC here.
///
/// ```
/// use ipc_core::{Key, RemoveOnDrop, list, shm};
///
/// let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 100, &shm::Options::default())?);
/// let (_, stat) = list::segments()?.into_iter().find(|(id, _)| *id == memory.id()).unwrap();
/// assert_eq!(stat.size(), 100);
/// # Ok::<(), ipc_core::Error>(())
/// ```
///
/// # References
/// shmctl(2)
#[doc(alias = "SHM_STAT_ANY")]
pub fn segments() -> Result<Vec<(shm::ShmId, shm::Stat)>> {
    walk("shmctl", SharedMemoryUsage::read()?.highest_slot, |slot, any| {
        sys::shm_stat_slot(slot, any).map(|(id, raw)| (shm::ShmId::from_raw(id), shm::Stat::from_raw(&raw)))
    })
}

/// All semaphore sets, by slot.
///
/// # Errors
/// [`ErrorKind::Unsupported`] (ENOSYS): no System V IPC here.
///
/// ```
/// use ipc_core::{Key, Mode, RemoveOnDrop, list, sem};
///
/// let set = RemoveOnDrop::new(sem::SemaphoreSet::create_new(Key::PRIVATE, 3, Mode::PRIVATE)?);
/// let (_, stat) = list::sets()?.into_iter().find(|(id, _)| *id == set.id()).unwrap();
/// assert_eq!(stat.count(), 3);
/// # Ok::<(), ipc_core::Error>(())
/// ```
///
/// # References
/// semctl(2)
#[doc(alias = "SEM_STAT_ANY")]
pub fn sets() -> Result<Vec<(sem::SemId, sem::Stat)>> {
    walk("semctl", SemaphoreUsage::read()?.highest_slot, |slot, any| {
        sys::sem_stat_slot(slot, any).map(|(id, raw)| (sem::SemId::from_raw(id), sem::Stat::from_raw(&raw)))
    })
}

/// All message queues, by slot.
///
/// # Errors
/// [`ErrorKind::Unsupported`] (ENOSYS): no System V IPC here.
///
/// ```
/// use ipc_core::{Key, Mode, RemoveOnDrop, list, msg};
///
/// let queue = RemoveOnDrop::new(msg::MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
/// assert!(list::queues()?.iter().any(|(id, _)| *id == queue.id()));
/// # Ok::<(), ipc_core::Error>(())
/// ```
///
/// # References
/// msgctl(2)
#[doc(alias = "MSG_STAT_ANY")]
pub fn queues() -> Result<Vec<(msg::MsgId, msg::Stat)>> {
    walk("msgctl", MessageUsage::read()?.highest_slot, |slot, any| {
        sys::msg_stat_slot(slot, any).map(|(id, raw)| (msg::MsgId::from_raw(id), msg::Stat::from_raw(&raw)))
    })
}
