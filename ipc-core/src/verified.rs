//! Handles that remember the object they were made for.

use crate::error::{Error, ErrorKind, Result};
use crate::evidence::Evidence;
use crate::object::Object;
use crate::shm::{Attachment, SharedMemory};
use crate::trust::Trust;

/// A handle that remembers the object it was made for, and rejects another one to which the kernel gave the
/// same identifier.
///
/// A plain handle is a number. After its object is removed, the kernel eventually reuses the number: after
/// some four million creations, or at once when `/proc/sys/kernel/*_next_id` is written. In another IPC
/// namespace it names another object in any case. This handle checks before each use: [`get`](Self::get)
/// returns the plain handle if the record is still the one seen before.
///
/// The object can still be replaced between check and use. For a segment, [`attach`](Verified::attach) has no
/// such gap: an attached segment keeps its identifier.
///
/// A change by `IPC_SET`, or a reset of a semaphore, is indistinguishable from a replacement by the same
/// creator. After such a change by another process, create the handle again; make your own changes through
/// [`change`](Self::change).
///
/// ```
/// use ipc_core::{ErrorKind, Key, Mode, Trust, Verified, sem::SemaphoreSet};
///
/// let set = Verified::new(SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE)?, &Trust::same_user())?;
/// set.get()?.post(0)?;
/// set.get()?.remove()?;
/// assert_eq!(set.get().unwrap_err().kind(), ErrorKind::Removed);
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Verified<T> {
    object: T,
    evidence: Evidence,
}

impl<T: Object + Copy> Verified<T> {
    /// Checks creator, owner and mode of the object, and remembers it.
    ///
    /// # Errors
    /// [`ErrorKind::Untrusted`], and those of the object's `stat`.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, Trust, Verified, msg::MessageQueue};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// let queue = Verified::new(*queue, &Trust::same_user())?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn new(object: T, trust: &Trust) -> Result<Verified<T>> {
        // Both queries are about one object, whatever happens between them: the second finds the same one as
        // the first.
        let evidence = object.evidence()?;
        trust.check(&object.permissions()?)?;
        evidence.confirm(&object.evidence()?)?;
        Ok(Verified { object, evidence })
    }

    /// The handle of an object that was seen before, by this or by another process.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`]: the evidence is of another kind of object. [`ErrorKind::Removed`] and [`ErrorKind::Untrusted`] as of [`get`](Self::get); `Untrusted` also when the policy does
    /// not allow it.
    ///
    /// ```
    /// # use ipc_core::{ErrorKind, Key, Mode, Object, RemoveOnDrop, Trust, Verified, msg::MessageQueue, sem::SemaphoreSet};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// let evidence = queue.evidence()?;
    /// let again: Verified<MessageQueue> = Verified::from_evidence(&evidence, &Trust::same_user())?;
    /// let error = Verified::<SemaphoreSet>::from_evidence(&evidence, &Trust::same_user()).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Invalid);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn from_evidence(evidence: &Evidence, trust: &Trust) -> Result<Verified<T>> {
        if evidence.kind() != T::KIND {
            let hint = format!("it is the evidence of a {}, asked for was a {}", evidence.kind(), T::KIND);
            return Err(Error::refused(
                "Verified::from_evidence",
                evidence.to_string(),
                ErrorKind::Invalid,
                hint,
            ));
        }
        let verified = Verified { object: T::from_number(evidence.id()), evidence: *evidence };
        trust.check(&verified.object.permissions()?)?;
        verified.get()?;
        Ok(verified)
    }

    /// What it remembers.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, Object, RemoveOnDrop, Trust, Verified, msg::MessageQueue};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// assert_eq!(*Verified::new(*queue, &Trust::same_user())?.evidence(), queue.evidence()?);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// The plain handle, for one use, if the identifier still names the object. Two system calls.
    ///
    /// # Errors
    /// - [`ErrorKind::Removed`]: the identifier names nothing, or certainly another object. The text says
    ///   what was found.
    /// - [`ErrorKind::Untrusted`]: the record was changed since, or the object was replaced by one of the
    ///   same creator, key and size.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, Trust, Verified, msg::{MessageQueue, MessageType}};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// let queue = Verified::new(*queue, &Trust::same_user())?;
    /// queue.get()?.send_bytes(MessageType::ONE, b"to this queue only")?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn get(&self) -> Result<T> {
        self.evidence.confirm(&self.object.evidence()?)?;
        Ok(self.object)
    }

    /// Changes the record of the object, or resets a semaphore, and remembers the new record.
    ///
    /// # Errors
    /// As of [`get`](Self::get), before the change is made; those of `how`.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, Trust, Verified, sem::SemaphoreSet};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE)?);
    /// let mut set = Verified::new(*set, &Trust::same_user())?;
    /// set.change(|set| set.set_value(0, 3))?;
    /// assert_eq!(set.get()?.value(0)?, 3);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn change<R>(&mut self, how: impl FnOnce(T) -> Result<R>) -> Result<R> {
        let changed = how(self.get()?)?;
        let found = self.object.evidence()?;
        if !self.evidence.may_have_become(&found) {
            self.evidence.confirm(&found)?;
        }
        self.evidence = found;
        Ok(changed)
    }
}

impl Verified<SharedMemory> {
    /// Attaches for reading and writing, and then checks that it is the intended segment: an attached segment
    /// cannot be replaced any more.
    ///
    /// # Errors
    /// As of [`SharedMemory::attach`] and [`get`](Self::get); nothing stays attached.
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, Trust, Verified, shm::{Options, SharedMemory}};
    /// # let memory = RemoveOnDrop::new(SharedMemory::create_new(Key::PRIVATE, 64, &Options::default())?);
    /// assert_eq!(Verified::new(*memory, &Trust::same_user())?.attach()?.len(), 64);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn attach(&self) -> Result<Attachment> {
        let attached = self.object.attach()?;
        self.get()?;
        Ok(attached)
    }

    /// As [`attach`](Self::attach), for reading only.
    ///
    /// # Errors
    /// As of [`SharedMemory::attach_read_only`] and [`get`](Self::get); nothing stays attached.
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, Trust, Verified, shm::{Options, SharedMemory}};
    /// # let memory = RemoveOnDrop::new(SharedMemory::create_new(Key::PRIVATE, 64, &Options::default())?);
    /// assert!(Verified::new(*memory, &Trust::same_user())?.attach_read_only()?.is_read_only());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn attach_read_only(&self) -> Result<Attachment> {
        let attached = self.object.attach_read_only()?;
        self.get()?;
        Ok(attached)
    }
}
