//! The policy by which an object that another user may have made is accepted or rejected.

use core::fmt;

use nix::unistd::geteuid;

use crate::error::{Error, ErrorKind, Result};
use crate::permissions::{Mode, Permissions};
use crate::users::{self, Ids};

/// Which users may have created and may own an object that is opened, and which rights its mode may grant.
///
/// Keys are a name space shared by all users: any user may create an object under the key that a program is
/// about to use, with a mode that admits the program. A successful open therefore does not prove who owns the
/// object. Each open here requires a policy and checks it against the kernel's record. The **creator** counts
/// as much as the owner: a creator can give an object away and still keeps all rights.
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
    users: Users,
    mode: Mode,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Users {
    Anyone,
    Only {
        caller: u32,
        /// By [`Trust::allow_uid`].
        named: Vec<u32>,
    },
}

impl Trust {
    /// Creator and owner are the caller's effective user, and the mode gives nothing to group and others. The
    /// default.
    ///
    /// In a user namespace that does not map all users, all users without a number there appear as one user,
    /// 65534, possibly including the caller. As they are indistinguishable, this number never matches then;
    /// [`allow_uid`](Self::allow_uid) with it accepts them all.
    ///
    /// ```
    /// assert_eq!(ipc_core::Trust::same_user(), ipc_core::Trust::default());
    /// ```
    #[must_use]
    pub fn same_user() -> Trust {
        Trust { users: Users::Only { caller: geteuid().as_raw(), named: Vec::new() }, mode: Mode::PRIVATE }
    }

    /// Any creator, any owner, any mode: no check, unless [`mode_at_most`](Self::mode_at_most) follows. For
    /// tools that inspect every object.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, Trust, msg};
    /// # let queue = RemoveOnDrop::new(msg::MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// assert!(Trust::anyone().check(&queue.stat()?.permissions()).is_ok());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub fn anyone() -> Trust {
        Trust { users: Users::Anyone, mode: Mode::ALL }
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
        if let Users::Only { named, .. } = &mut self.users
            && !named.contains(&uid)
        {
            named.push(uid);
        }
        self
    }

    /// Allows modes that give no more rights than this one, for any users. Every mode is within 0777, the
    /// default of [`anyone`](Self::anyone); 0600 is that of [`same_user`](Self::same_user).
    ///
    /// ```
    /// use ipc_core::{Mode, Trust};
    ///
    /// assert_eq!(Trust::same_user().mode_at_most(Mode::PRIVATE), Trust::same_user());
    /// assert_ne!(Trust::anyone().mode_at_most(Mode::PRIVATE), Trust::anyone());
    /// ```
    #[must_use]
    pub fn mode_at_most(mut self, mode: Mode) -> Trust {
        self.mode = mode;
        self
    }

    /// The policy for an object that the caller would create with this mode.
    pub(crate) fn with_mode(&self, mode: Mode) -> Trust {
        Trust { users: self.users.clone(), mode: self.mode.or(mode) }
    }

    /// Checks a permission structure.
    ///
    /// # Errors
    /// [`ErrorKind::Untrusted`], whose text names what was found and what was allowed.
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

    /// What is wrong, and what would be accepted.
    pub(crate) fn objection(&self, found: &Permissions) -> Option<String> {
        let (role, uid) = if !self.allows(found.cuid()) {
            ("creator", found.cuid())
        } else if !self.allows(found.uid()) {
            ("owner", found.uid())
        } else if !found.mode().is_within(self.mode) {
            return Some(format!("its mode is {}, allowed is {self}", found.mode()));
        } else {
            return None;
        };
        let who = if users::is_unmapped(Ids::Users, uid) {
            format!("user {uid}, which here is every user that this user namespace has no number for")
        } else {
            format!("user {uid}")
        };
        Some(format!("its {role} is {who}, allowed is {self}"))
    }

    fn allows(&self, uid: u32) -> bool {
        match &self.users {
            Users::Anyone => true,
            Users::Only { caller, named } => {
                named.contains(&uid) || (uid == *caller && !users::is_unmapped(Ids::Users, uid))
            }
        }
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
            Users::Anyone => f.write_str("anyone")?,
            Users::Only { caller, named } => {
                write!(f, "user {caller}")?;
                for uid in named.iter().filter(|&uid| uid != caller) {
                    write!(f, " or {uid}")?;
                }
            }
        }
        if self.mode == Mode::ALL { Ok(()) } else { write!(f, " with a mode within {}", self.mode) }
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

    #[test]
    fn a_policy_whose_mode_is_narrowed_is_narrowed_for_all_users() {
        let me = geteuid().as_raw();
        for base in
            [Trust::anyone(), Trust::same_user(), Trust::same_user().allow_uid(me + 1), Trust::default()]
        {
            for most in [0o000, 0o400, 0o600, 0o640, 0o666, 0o777] {
                let trust = base.clone().mode_at_most(Mode::new(most).unwrap());
                for found in [0o000, 0o200, 0o400, 0o600, 0o640, 0o604, 0o602, 0o666, 0o700, 0o777] {
                    let refusal = refusal(&trust, me, me, found);
                    assert_eq!(refusal.is_none(), found & !most == 0, "{trust}: {found:o} {refusal:?}");
                }
            }
        }
        let narrowed = refusal(&Trust::anyone().mode_at_most(Mode::PRIVATE), me, me, 0o666).unwrap();
        assert!(
            narrowed.ends_with("its mode is 0666, allowed is anyone with a mode within 0600"),
            "{narrowed}"
        );
    }
}
