//! Which process this is, as no process number can tell.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::OnceLock;

use crate::sys;

/// The process that made something, to be told from every other one that comes to have a copy of it: a child made by `fork`, a child in a
/// process namespace of its own, where it may have its parent's number, or a later process that was given the same number again.
///
/// Asking costs two loads. It takes a page of memory that the kernel empties in every child (`MADV_WIPEONFORK`); where there is no such thing, the
/// process number has to do.
///
/// ```
/// use ipc_core::ProcessMark;
///
/// let maker = ProcessMark::current();
/// assert!(maker.is_current()); // in a child made by fork it would not be
/// ```
///
/// # References
/// madvise(2), MADV_WIPEONFORK
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessMark(u64);

/// The word that each child finds empty, or that there is no such thing; looked for once in a process and those that come from it.
static WORD: OnceLock<Option<&'static AtomicU64>> = OnceLock::new();
/// Marks given in this process and in those it comes from.
static GIVEN: AtomicU64 = AtomicU64::new(0);

impl ProcessMark {
    /// The calling process.
    #[must_use]
    pub fn current() -> ProcessMark {
        let Some(word) = WORD.get_or_init(|| sys::word_emptied_by_fork().ok()) else {
            return ProcessMark(std::process::id().into());
        };
        // Relaxed: only this process writes it, and the number is all there is.
        let mark = word.load(Ordering::Relaxed);
        ProcessMark(if mark == 0 { new_mark(word) } else { mark })
    }

    /// Whether the calling process is this one.
    #[must_use]
    pub fn is_current(self) -> bool {
        self == ProcessMark::current()
    }

    /// A number that no other process of its family has.
    pub(crate) fn as_raw(self) -> u64 {
        self.0
    }
}

/// The first mark of a process: one more than any that the processes it comes from have had.
#[cold]
fn new_mark(word: &AtomicU64) -> u64 {
    // Relaxed: as in `current`. Several threads may ask at once; one of them is right.
    let mark = GIVEN.fetch_add(1, Ordering::Relaxed) + 1;
    word.compare_exchange(0, mark, Ordering::Relaxed, Ordering::Relaxed).map_or_else(|found| found, |_| mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_stays_and_is_the_same_in_all_threads() {
        let mark = ProcessMark::current();
        let others: Vec<_> = (0..4).map(|_| std::thread::spawn(ProcessMark::current)).collect();
        assert!(others.into_iter().all(|other| other.join().unwrap() == mark));
        assert!(mark.is_current());
    }
}
