//! Opening an object that may have been made by somebody else: the trust policy, and the loop of open-or-create.

use core::fmt;

use nix::unistd::geteuid;

use crate::error::{Error, ErrorKind, Result};
use crate::permissions::{Mode, Permissions};

/// What open-or-create did.
///
/// ```
/// use ipc_core::{Disposition, Key, Mode, RemoveOnDrop, Trust, sem};
///
/// let key = Key::random()?;
/// let (set, first) = sem::SemaphoreSet::open_or_create(key, 1, Mode::PRIVATE, &Trust::same_user())?;
/// let set = RemoveOnDrop::new(set);
/// let (_, second) = sem::SemaphoreSet::open_or_create(key, 1, Mode::PRIVATE, &Trust::same_user())?;
/// assert_eq!((first, second), (Disposition::Created, Disposition::Opened));
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Disposition {
    /// The object is new and ours.
    Created,
    /// The object was there.
    Opened,
}

/// Who may have made and who may own an object that is opened, and how far its mode may be open.
///
/// Keys are a name space shared by all users: anybody may create an object under the key that a program is about to use, with a mode
/// that lets the program in. A successful open therefore says nothing about whose object it is. Each open here demands a policy and
/// checks it against the kernel's record. The **creator** counts as much as the owner: a creator can give an object away and keeps all
/// rights for ever.
///
/// ```
/// use ipc_core::{ErrorKind, Key, Mode, RemoveOnDrop, Trust, msg};
///
/// let key = Key::random()?;
/// let queue = RemoveOnDrop::new(msg::MessageQueue::create_new(key, Mode::PRIVATE.others_write())?);
/// let error = msg::MessageQueue::open(key, &Trust::same_user()).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Untrusted); // strangers could write to it
/// assert!(msg::MessageQueue::open(key, &Trust::same_user().mode_at_most(Mode::PRIVATE.others_write())).is_ok());
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// `None`: anyone.
    users: Option<Vec<u32>>,
    mode: Mode,
}

impl Trust {
    /// Creator and owner are the caller's effective user, and the mode gives nothing to group and others. The default.
    ///
    /// ```
    /// assert_eq!(ipc_core::Trust::same_user(), ipc_core::Trust::default());
    /// ```
    #[must_use]
    pub fn same_user() -> Trust {
        Trust { users: Some(vec![geteuid().as_raw()]), mode: Mode::PRIVATE }
    }

    /// Any creator, any owner, any mode: no check. For tools that look at everything.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, Trust, msg};
    /// # let queue = RemoveOnDrop::new(msg::MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// assert!(Trust::anyone().check(&queue.stat()?.permissions()).is_ok());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub fn anyone() -> Trust {
        Trust { users: None, mode: Mode::PRIVATE.group_read().group_write().others_read().others_write() }
    }

    /// Also allows root as creator and as owner.
    ///
    /// ```
    /// assert_eq!(ipc_core::Trust::same_user().or_root(), ipc_core::Trust::same_user().allow_uid(0));
    /// ```
    #[must_use]
    pub fn or_root(self) -> Trust {
        self.allow_uid(0)
    }

    /// Also allows this user as creator and as owner.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, Trust, msg};
    /// # let queue = RemoveOnDrop::new(msg::MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// let service = 4711;
    /// assert!(Trust::same_user().allow_uid(service).check(&queue.stat()?.permissions()).is_ok());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub fn allow_uid(mut self, uid: u32) -> Trust {
        if let Some(users) = &mut self.users
            && !users.contains(&uid)
        {
            users.push(uid);
        }
        self
    }

    /// Allows modes that give no more rights than this one. Every mode is within 0777; 0600 is the default.
    ///
    /// ```
    /// use ipc_core::{Mode, Trust};
    ///
    /// assert_eq!(Trust::same_user().mode_at_most(Mode::PRIVATE), Trust::same_user());
    /// ```
    #[must_use]
    pub fn mode_at_most(mut self, mode: Mode) -> Trust {
        self.mode = mode;
        self
    }

    /// Checks a permission structure.
    ///
    /// # Errors
    /// [`ErrorKind::Untrusted`], whose text says what was found and what was allowed.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, Trust, msg};
    /// # let queue = RemoveOnDrop::new(msg::MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// Trust::same_user().check(&queue.stat()?.permissions())?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn check(&self, found: &Permissions) -> Result<()> {
        match self.objection(found) {
            None => Ok(()),
            Some(hint) => {
                Err(Error::refused("IPC_STAT", format!("key={}", found.key()), ErrorKind::Untrusted, hint))
            }
        }
    }

    /// What is wrong, and what would be right.
    pub(crate) fn objection(&self, found: &Permissions) -> Option<String> {
        let foreign = |uid| self.users.as_ref().is_some_and(|users| !users.contains(&uid));
        let wrong = if foreign(found.cuid()) {
            format!("its creator is user {}", found.cuid())
        } else if foreign(found.uid()) {
            format!("its owner is user {}", found.uid())
        } else if self.users.is_some() && !found.mode().is_within(self.mode) {
            format!("its mode is {}", found.mode())
        } else {
            return None;
        };
        Some(format!("{wrong}, allowed is {self}"))
    }
}

impl Default for Trust {
    fn default() -> Trust {
        Trust::same_user()
    }
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.users {
            None => f.write_str("anyone"),
            Some(users) => {
                let users: Vec<String> = users.iter().map(u32::to_string).collect();
                write!(f, "user {} with a mode within {}", users.join(" or "), self.mode)
            }
        }
    }
}

/// Rounds of create and open before giving up. Each round needs somebody who creates and removes the object in between.
const ROUNDS: usize = 100;

/// Creates, or opens what is there, and says which; goes round when the object comes and goes in between.
///
/// Plain `IPC_CREAT` would not tell created from opened, and would accept any object of the right size.
pub(crate) fn open_or_create<T>(
    create: impl Fn() -> Result<T>,
    open: impl Fn() -> Result<T>,
) -> Result<(T, Disposition)> {
    let mut round = 0;
    loop {
        match create() {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            created => return created.map(|object| (object, Disposition::Created)),
        }
        round += 1;
        match open() {
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Removed) && round < ROUNDS => {}
            opened => return opened.map(|object| (object, Disposition::Opened)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(trust: &Trust, uid: u32, cuid: u32, mode: u16) -> Option<String> {
        trust.check(&Permissions::for_test(uid, cuid, mode)).err().map(|error| error.to_string())
    }

    #[test]
    fn owner_creator_and_mode_are_all_checked() {
        let me = geteuid().as_raw();
        let other = me + 1;
        let trust = Trust::same_user();
        assert_eq!(refusal(&trust, me, me, 0o600), None);
        assert_eq!(refusal(&trust, me, me, 0o400), None);
        assert!(
            refusal(&trust, other, me, 0o600)
                .unwrap()
                .contains(&format!("its owner is user {other}, allowed is user {me}"))
        );
        assert!(refusal(&trust, me, other, 0o600).unwrap().contains("its creator is user"));
        assert!(refusal(&trust, me, me, 0o604).unwrap().contains("its mode is 0604"));
        assert_eq!(refusal(&trust.clone().allow_uid(other), other, me, 0o600), None);
        assert_eq!(refusal(&Trust::anyone(), other, other, 0o777), None);
    }

    fn failing(kind: ErrorKind) -> Error {
        Error::refused("test", String::new(), kind, String::new())
    }

    #[test]
    fn an_object_that_keeps_coming_and_going_ends_the_loop() {
        let rounds = core::cell::Cell::new(0);
        let create = || -> Result<()> { Err(failing(ErrorKind::AlreadyExists)) };
        let open = || -> Result<()> {
            rounds.set(rounds.get() + 1);
            Err(failing(ErrorKind::NotFound))
        };
        assert_eq!(open_or_create(create, open).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(rounds.get(), ROUNDS);
    }
}
