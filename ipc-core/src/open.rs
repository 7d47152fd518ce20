//! Opening an object, or creating it where there is none.

use crate::error::{ErrorKind, Result};

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

/// Rounds of create and open before giving up. A round fails only if another process creates and removes the
/// object in between.
const ROUNDS: usize = 100;

/// Creates the object, or opens the existing one, and reports which; retries if it appears and disappears in
/// between.
///
/// Plain `IPC_CREAT` would not distinguish created from opened, and would accept any object of the right
/// size.
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
    use crate::error::Error;

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
