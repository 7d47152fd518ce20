//! The kernel's record of an object, read by its identifier.

use nix::libc;

use crate::sys::Raw;

/// `IPC_STAT`, and without the right to read `…_STAT_ANY`, which needs none: the record is public in any
/// case, and a writer or owner without that right needs it. The second call goes by the slot in the
/// identifier, and returns the identifier of the record it found. Kernels before 4.17 have only the first;
/// there its error is returned.
pub(crate) fn of<T>(id: i32, stat: fn(i32) -> Raw<T>, stat_any: fn(i32, bool) -> Raw<(i32, T)>) -> Raw<T> {
    match stat(id) {
        Err(errno) if errno.0 == libc::EACCES => match stat_any(id, true) {
            Ok((found, record)) if found == id => Ok(record),
            // Removed meanwhile, or unknown to the kernel: a second query distinguishes the two.
            _ => stat(id),
        },
        answer => answer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::Errno;

    const DENIED: Raw<u8> = Err(Errno(libc::EACCES));

    #[test]
    fn the_second_call_only_answers_for_the_same_object() {
        assert_eq!(of(7, |_| Ok(1), |_, _| unreachable!("not needed")), Ok(1));
        assert_eq!(of(7, |_| DENIED, |id, any| Ok((id, u8::from(any)))), Ok(1));
        assert_eq!(of(7, |_| DENIED, |id, _| Ok((id + 32768, 2))), DENIED);
        assert_eq!(of(7, |_| DENIED, |_, _| Err(Errno(libc::EINVAL))), DENIED);
        let removed: Raw<u8> = Err(Errno(libc::EINVAL));
        assert_eq!(of(7, |_| Err(Errno(libc::EINVAL)), |_, _| unreachable!("not needed")), removed);
    }
}
