//! The common interface of the three kinds of objects.

use crate::error::Result;
use crate::evidence::{Evidence, Kind};
use crate::msg::{MessageQueue, MsgId};
use crate::sem::{SemId, SemaphoreSet};
use crate::shm::{SharedMemory, ShmId};

pub(crate) mod sealed {
    use crate::evidence::Kind;
    use crate::permissions::Permissions;

    /// The part of the common interface that is private to this crate.
    pub trait Sealed: Sized {
        const KIND: Kind;
        fn from_number(id: i32) -> Self;
        fn permissions(&self) -> crate::Result<Permissions>;
    }
}

/// The three kinds of System V objects. Implemented by this crate only.
///
/// ```
/// use ipc_core::{Key, Mode, Object, msg};
///
/// fn throw_away(object: impl Object) -> ipc_core::Result<()> {
///     object.remove_object()
/// }
/// throw_away(msg::MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?)?;
/// # Ok::<(), ipc_core::Error>(())
/// ```
pub trait Object: sealed::Sealed {
    /// Removes the object from the system, as its own `remove` does.
    ///
    /// # Errors
    /// As of the object's own `remove`.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, Object, sem};
    /// sem::SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?.remove_object()?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    fn remove_object(&self) -> Result<()>;

    /// Distinguishes the object that the identifier names now from others that may have had it, or may get it
    /// later.
    ///
    /// # Errors
    /// As of the object's own `stat`.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, Object, RemoveOnDrop, sem};
    /// # let set = RemoveOnDrop::new(sem::SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// assert_eq!(set.evidence()?.id(), set.id().as_raw());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    fn evidence(&self) -> Result<Evidence>;
}

impl sealed::Sealed for MessageQueue {
    const KIND: Kind = Kind::Queue;

    fn from_number(id: i32) -> MessageQueue {
        MessageQueue::from_id(MsgId::from_raw(id))
    }

    fn permissions(&self) -> Result<crate::Permissions> {
        self.stat().map(|stat| stat.permissions())
    }
}

impl Object for MessageQueue {
    fn remove_object(&self) -> Result<()> {
        self.remove()
    }

    fn evidence(&self) -> Result<Evidence> {
        let stat = self.stat()?;
        Ok(Evidence::new(Kind::Queue, self.id().as_raw(), &stat.permissions(), stat.changed_at(), 0, false))
    }
}

impl sealed::Sealed for SemaphoreSet {
    const KIND: Kind = Kind::Set;

    fn from_number(id: i32) -> SemaphoreSet {
        SemaphoreSet::from_id(SemId::from_raw(id))
    }

    fn permissions(&self) -> Result<crate::Permissions> {
        self.stat().map(|stat| stat.permissions())
    }
}

impl Object for SemaphoreSet {
    fn remove_object(&self) -> Result<()> {
        self.remove()
    }

    fn evidence(&self) -> Result<Evidence> {
        let stat = self.stat()?;
        let (id, count) = (self.id().as_raw(), stat.count() as u64);
        Ok(Evidence::new(Kind::Set, id, &stat.permissions(), stat.changed_at(), count, false))
    }
}

impl sealed::Sealed for SharedMemory {
    const KIND: Kind = Kind::Segment;

    fn from_number(id: i32) -> SharedMemory {
        SharedMemory::from_id(ShmId::from_raw(id))
    }

    fn permissions(&self) -> Result<crate::Permissions> {
        self.stat().map(|stat| stat.permissions())
    }
}

impl Object for SharedMemory {
    fn remove_object(&self) -> Result<()> {
        self.remove()
    }

    fn evidence(&self) -> Result<Evidence> {
        let stat = self.stat()?;
        let (id, size, marked) = (self.id().as_raw(), stat.size() as u64, stat.is_marked_for_removal());
        Ok(Evidence::new(Kind::Segment, id, &stat.permissions(), stat.changed_at(), size, marked))
    }
}
