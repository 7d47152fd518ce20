//! A mock of `membarrier(2)`, no stronger than what the kernel promises.
//!
//! The promise is one between pairs: a heavy barrier and a light one are ordered one way or the other, and what lies
//! before the first is visible after the second. Two light barriers promise each other nothing. Sequentially consistent
//! fences on both sides would order light ones among themselves and hide a mistake that relies on it. So each thread has
//! a word of its own: a light barrier is a read-modify-write of that word, a heavy one of everybody's.

use std::cell::RefCell;

use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread::ThreadId;

/// The most threads of a model that use barriers.
const THREADS: usize = 3;

thread_local! {
    static WORDS: RefCell<Words> = const { RefCell::new(Words { words: Vec::new(), owners: Vec::new() }) };
}

struct Words {
    words: Vec<std::rc::Rc<AtomicU32>>,
    owners: Vec<ThreadId>,
}

/// Makes the words anew. The runner calls this at the start of each execution.
pub fn reset() {
    let words = (0..THREADS).map(|_| std::rc::Rc::new(AtomicU32::new(0))).collect();
    WORDS.with_borrow_mut(|all| *all = Words { words, owners: Vec::new() });
}

/// The hot side's half: orders this thread against heavy barriers, and against nothing else.
pub fn light() {
    let me = loom::thread::current().id();
    let word = WORDS.with_borrow_mut(|all| {
        let index = all.owners.iter().position(|owner| *owner == me).unwrap_or_else(|| {
            all.owners.push(me);
            all.owners.len() - 1
        });
        std::rc::Rc::clone(all.words.get(index).expect("no more than THREADS threads use barriers"))
    });
    word.fetch_add(0, Ordering::AcqRel);
}

/// The sleeper's half.
pub fn heavy() {
    // Cloned: no borrow is held while other threads run.
    let words = WORDS.with_borrow(|all| all.words.clone());
    for word in words {
        word.fetch_add(0, Ordering::AcqRel);
    }
}
