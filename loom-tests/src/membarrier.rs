//! A mock of `membarrier(2)`, no stronger than what the kernel promises.
//!
//! The guarantee is pairwise: a heavy barrier and a light one are ordered one way or the other, and
//! everything before the first is visible after the second. Two light barriers guarantee nothing to each
//! other. Sequentially consistent fences on both sides would order light ones among themselves and hide a
//! mistake that relies on it. So each thread has a word of its own: a light barrier is a read-modify-write of
//! that word, a heavy one of every thread's word.

use std::cell::RefCell;
use std::rc::Rc;

use loom::sync::atomic::{AtomicU32, Ordering, fence};
use loom::thread::ThreadId;

/// The most threads of a model that use barriers.
const THREADS: usize = 3;

thread_local! {
    static WORDS: RefCell<Words> = RefCell::new(Words { words: Rc::new([]), owners: Vec::new() });
}

struct Words {
    words: Rc<[AtomicU32]>,
    owners: Vec<ThreadId>,
}

/// Recreates the words. The runner calls this at the start of each execution.
pub fn reset() {
    let words = (0..THREADS).map(|_| AtomicU32::new(0)).collect();
    WORDS.with_borrow_mut(|all| *all = Words { words, owners: Vec::new() });
}

/// The hot side's half: orders this thread against heavy barriers, and against nothing else.
pub fn light() {
    let (words, me) = mine();
    words[me].fetch_add(0, Ordering::AcqRel);
}

/// The sleeper's half: a fence of its own, and one within every other thread.
pub fn heavy() {
    fence(Ordering::SeqCst);
    let (words, me) = mine();
    for (index, word) in words.iter().enumerate() {
        if index != me {
            word.fetch_add(0, Ordering::AcqRel);
        }
    }
}

/// The words, and the index of this thread's. No borrow is held while other threads run.
fn mine() -> (Rc<[AtomicU32]>, usize) {
    let me = loom::thread::current().id();
    WORDS.with_borrow_mut(|all| {
        let index = all.owners.iter().position(|owner| *owner == me).unwrap_or_else(|| {
            all.owners.push(me);
            all.owners.len() - 1
        });
        assert!(index < THREADS, "no more than {THREADS} threads use barriers");
        (Rc::clone(&all.words), index)
    })
}
