//! The identity of a process, more reliable than its process id, and per-process values.
//!
//! Nothing here takes a lock. A child made by `fork` has only the thread that forked, and every private lock
//! in its state at that moment: one that another thread held stays locked in the child for ever.
#![allow(unsafe_code)]

use core::fmt;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use crate::error::{Error, ErrorKind, Result};
use crate::sys;

/// The process that made something. Distinguishes it from every other process that may get a copy: a child
/// made by `fork`, a child in a PID namespace of its own, where it may have its parent's process id, or a
/// later process with the same, reused process id.
///
/// Checking whether it is the calling process costs two loads and a comparison, cheap enough for every
/// message. It uses a page of memory that the kernel clears in every child (`MADV_WIPEONFORK`, Linux 4.14);
/// without that it falls back to the process id, and each check is a system call.
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
#[derive(Clone, Copy)]
pub struct ProcessMark {
    /// Never 0.
    number: u64,
    /// Holds that number in this process, and 0 in all others: each process among its descendants has a word
    /// of its own.
    word: &'static AtomicU64,
}

/// The word of the process that last called in this memory: the calling process, or an ancestor, in which
/// case the word is cleared. Null until the first call.
static NEWEST: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());
/// Stands in for the word where the kernel clears none. Always 0.
static NO_WORD: AtomicU64 = AtomicU64::new(0);
/// The number of words that fit in a page, whatever its size.
const WORDS: usize = 4096 / size_of::<AtomicU64>();
/// Marks issued in this process and its ancestors.
static GIVEN: AtomicU64 = AtomicU64::new(0);

impl ProcessMark {
    /// The calling process.
    #[must_use]
    #[inline]
    pub fn current() -> ProcessMark {
        // Acquire ← the Release in `first_mark`.
        let newest = NEWEST.load(Ordering::Acquire);
        // SAFETY: null, or what `first_mark` stored: an atomic that lasts as long as the process.
        if let Some(word) = unsafe { newest.as_ref() } {
            // Relaxed: only this process writes it, and nothing but the number is published.
            let number = word.load(Ordering::Relaxed);
            if number != 0 {
                return ProcessMark { number, word };
            }
        }
        first_mark(newest)
    }

    /// Whether the calling process is this one.
    #[must_use]
    #[inline(always)]
    pub fn is_current(&self) -> bool {
        // Relaxed: as in `current`.
        self.word.load(Ordering::Relaxed) != 0 || self.is_by_number()
    }

    /// Whether the calling process is this one, by a load alone. Also false where the kernel does not clear a
    /// child's memory: there [`is_current`](Self::is_current) decides.
    #[must_use]
    #[inline(always)]
    pub fn is_surely_current(&self) -> bool {
        self.word.load(Ordering::Relaxed) != 0 // Relaxed: as in `current`.
    }

    /// Checks that the calling process is this one, for calls that return this crate's errors.
    ///
    /// # Errors
    /// [`ErrorKind::Forked`] with `call` as its name.
    ///
    /// ```
    /// assert!(ipc_core::ProcessMark::current().check("Queue::take").is_ok());
    /// ```
    #[inline]
    pub fn check(self, call: &'static str) -> Result<()> {
        if self.is_current() { Ok(()) } else { Err(forked(call)) }
    }

    /// Where the kernel clears no memory.
    #[cold]
    #[inline(never)]
    fn is_by_number(&self) -> bool {
        ptr::eq(self.word, &raw const NO_WORD) && self.number == u64::from(std::process::id())
    }

    /// A number that no related process (ancestor, descendant or sibling) has.
    pub(crate) fn as_raw(self) -> u64 {
        self.number
    }
}

#[cold]
fn forked(call: &'static str) -> Error {
    let hint = "it was opened by the process that this one was forked from; open it here".to_owned();
    Error::refused(call, String::new(), ErrorKind::Forked, hint)
}

impl PartialEq for ProcessMark {
    fn eq(&self, other: &ProcessMark) -> bool {
        self.number == other.number
    }
}

impl Eq for ProcessMark {}

impl fmt::Debug for ProcessMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProcessMark").field(&self.number).finish()
    }
}

/// The first mark of a process. Its word is the one after `before`, the word of its ancestor, if any.
///
/// Several threads may do this at once; all use the word that was stored first.
#[cold]
#[inline(never)]
fn first_mark(before: *mut AtomicU64) -> ProcessMark {
    let is_without = ptr::eq(before, &raw const NO_WORD);
    let is_last = (before.addr() / size_of::<AtomicU64>()) % WORDS == WORDS - 1;
    let is_full = before.is_null() || (is_last && !is_without);
    let page = if is_full { sys::page_emptied_by_fork().ok() } else { None };
    let mine: *mut AtomicU64 = match &page {
        Some(page) => ptr::from_ref(page.word()).cast_mut(),
        None if is_full || is_without => ptr::from_ref(&NO_WORD).cast_mut(),
        // In the same page, as checked above.
        None => before.wrapping_add(1),
    };
    // The number first: a thread that finds a word without one takes it for that of an ancestor.
    let number = number_of(mine);
    // Release → the Acquire in `current`: the number is in the word.
    let (entered, number) = match NEWEST.compare_exchange(before, mine, Ordering::Release, Ordering::Acquire)
    {
        Ok(_) => {
            page.map(sys::EmptiedPage::keep);
            (mine, number)
        }
        Err(other) => (other, number_of(other)),
    };
    // SAFETY: as in `current`; a page that was entered is kept, and has room for the words up to its end.
    ProcessMark { number, word: unsafe { &*entered } }
}

/// The number in the word of this process, which gets one if it has none yet.
fn number_of(word: *const AtomicU64) -> u64 {
    if ptr::eq(word, &raw const NO_WORD) {
        return std::process::id().into();
    }
    // The clock, since a child may be forked while its parent is exactly here, and then counts from the same
    // number as its parent. The memory of a process is not copied atomically.
    let count = GIVEN.fetch_add(1, Ordering::Relaxed) & 0xffff;
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos() as u64;
    let number = (now << 16 | count).max(1);
    // SAFETY: a word of a page that is kept, or that only this thread knows.
    let word = unsafe { &*word };
    // Relaxed: as in `current`. Any of the concurrent results will do.
    word.compare_exchange(0, number, Ordering::Relaxed, Ordering::Relaxed)
        .map_or_else(|found| found, |_| number)
}

/// A per-process value: for a static that a child made by `fork` must find fresh, whatever its parent's
/// threads were doing with theirs.
///
/// ```
/// use ipc_core::PerProcess;
/// use std::sync::Mutex;
///
/// static NAMES: PerProcess<Mutex<Vec<String>>> = PerProcess::new();
///
/// NAMES.get().lock().unwrap().push("one".to_owned());
/// assert_eq!(NAMES.get().lock().unwrap().len(), 1); // in a child made by fork it would be 0, and the lock free
/// ```
pub struct PerProcess<T: 'static> {
    /// The value of the process that last called in this memory: the calling process, or an ancestor.
    newest: AtomicPtr<Own<T>>,
}

struct Own<T> {
    process: ProcessMark,
    value: T,
}

impl<T> PerProcess<T> {
    /// No value yet, in any process.
    #[must_use]
    pub const fn new() -> PerProcess<T> {
        PerProcess { newest: AtomicPtr::new(ptr::null_mut()) }
    }
}

impl<T: Default + Send + Sync> PerProcess<T> {
    /// The calling process's value, `T::default()` on first use. A parent's value is never freed: it may be
    /// in the middle of a change that is never finished in this process.
    pub fn get(&'static self) -> &'static T {
        let me = ProcessMark::current();
        // Acquire ← the Release below.
        let mut newest = self.newest.load(Ordering::Acquire);
        let mut mine: *mut Own<T> = ptr::null_mut();
        loop {
            // SAFETY: null, or a box that was leaked below and is never freed.
            if let Some(own) = unsafe { newest.as_ref() }.filter(|own| own.process == me) {
                if !mine.is_null() {
                    // SAFETY: made below and not published: another thread was faster.
                    drop(unsafe { Box::from_raw(mine) });
                }
                return &own.value;
            }
            if mine.is_null() {
                mine = Box::into_raw(Box::new(Own { process: me, value: T::default() }));
            }
            // Release → the Acquire above: the value is complete before any thread finds it.
            match self.newest.compare_exchange(newest, mine, Ordering::Release, Ordering::Acquire) {
                // SAFETY: made above and never freed.
                Ok(_) => return unsafe { &(*mine).value },
                Err(found) => newest = found,
            }
        }
    }
}

impl<T> Default for PerProcess<T> {
    fn default() -> Self {
        PerProcess::new()
    }
}

impl<T> fmt::Debug for PerProcess<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PerProcess")
    }
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

    #[test]
    fn a_value_of_the_process_is_the_same_in_all_threads() {
        static COUNT: PerProcess<AtomicU64> = PerProcess::new();
        let threads: Vec<_> =
            (0..8).map(|_| std::thread::spawn(|| COUNT.get().fetch_add(1, Ordering::Relaxed))).collect();
        threads.into_iter().for_each(|thread| assert!(thread.join().unwrap() < 8));
        assert_eq!(COUNT.get().load(Ordering::Relaxed), 8);
    }

    /// In a child of this test alone, so that no other test sees its word cleared.
    #[test]
    fn each_generation_has_a_word_of_its_own_and_the_next_page_if_need_be() {
        let work = || {
            let mut before = ProcessMark::current();
            for generation in 0..3 * WORDS {
                // What the kernel does to the page.
                before.word.store(0, Ordering::Relaxed);
                let mark = ProcessMark::current();
                assert!(
                    mark.is_current() && !before.is_current() && mark != before,
                    "generation {generation}"
                );
                before = mark;
            }
        };
        // SAFETY: the child computes, maps pages and leaves by `_exit`.
        match unsafe { nix::unistd::fork() }.unwrap() {
            nix::unistd::ForkResult::Child => {
                let done = std::panic::catch_unwind(work);
                // SAFETY: ends the process at once.
                unsafe { nix::libc::_exit(if done.is_ok() { 0 } else { 101 }) }
            }
            nix::unistd::ForkResult::Parent { child } => {
                let ended = nix::sys::wait::waitpid(child, None).unwrap();
                assert_eq!(ended, nix::sys::wait::WaitStatus::Exited(child, 0));
            }
        }
    }
}
