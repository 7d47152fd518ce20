//! Where each thread of a model is, for mistakes in single steps of an algorithm: memory that ignores
//! accesses between two sites simulates a step that was left out.
//!
//! The steps are production's, so they cannot be changed here. But a waiter whose second check returns the
//! values of the first behaves like one that does not check again.

use std::cell::RefCell;

use ipc_ring::platform::Site;
use loom::thread::ThreadId;

thread_local! {
    // Loom's threads are coroutines of one thread, so a thread-local serves the whole model.
    static LAST: RefCell<Vec<(ThreadId, Site)>> = const { RefCell::new(Vec::new()) };
    static CONVINCED: RefCell<Vec<ThreadId>> = const { RefCell::new(Vec::new()) };
}

/// Forgets everything. The runner calls this at the start of each execution.
pub fn reset() {
    LAST.with_borrow_mut(Vec::clear);
    CONVINCED.with_borrow_mut(Vec::clear);
}

/// The running thread reaches a site.
pub fn enter(site: Site) {
    let me = loom::thread::current().id();
    LAST.with_borrow_mut(|all| {
        all.retain(|(thread, _)| *thread != me);
        all.push((me, site));
    });
}

/// The running thread has moved to where no site matters.
pub fn leave() {
    let me = loom::thread::current().id();
    LAST.with_borrow_mut(|all| all.retain(|(thread, _)| *thread != me));
}

/// Whether this is the site that the running thread reached last.
#[must_use]
pub fn is_behind(site: Site) -> bool {
    let me = loom::thread::current().id();
    LAST.with_borrow(|all| all.contains(&(me, site)))
}

/// The running thread has seen something after which it will not check once more.
pub fn convince() {
    let me = loom::thread::current().id();
    CONVINCED.with_borrow_mut(|all| all.push(me));
}

/// Whether the running thread would check once more now and is to skip that. True once each time.
#[must_use]
pub fn takes_for_granted() -> bool {
    let me = loom::thread::current().id();
    CONVINCED.with_borrow_mut(|all| {
        let before = all.len();
        all.retain(|thread| *thread != me);
        all.len() < before
    })
}
