//! Death at a named site: the victim's stack is unwound from there, so nothing after the site is executed.
//!
//! What the victim had in private memory is gone; what it wrote to the ring stays, with the orderings used.
//! The victim's thread may continue as the successor: the kernel's report that a process is dead orders
//! everything it did before everything its successor does, as the program order of one thread does.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use ipc_ring::platform::Site;
use loom::thread::ThreadId;

/// The panic payload of the unwinding; no message, no backtrace.
struct Killed;

#[derive(Clone, Copy)]
struct Plan {
    victim: ThreadId,
    site: Site,
    /// Visits to survive before the fatal one.
    spared: u32,
}

thread_local! {
    // Loom's threads are coroutines of one thread, so a thread-local serves the whole model.
    static PLAN: Cell<Option<Plan>> = const { Cell::new(None) };
}

/// Forgets a plan left by an execution that failed. The runner calls this at the start of each execution.
pub fn reset() {
    PLAN.set(None);
}

/// Runs `life` in this thread and kills it at its visit number `visit` (from 0) of `site`. `None` when it
/// died; `Some` when it never got there.
pub fn kill_at<R>(site: Site, visit: u32, life: impl FnOnce() -> R) -> Option<R> {
    PLAN.set(Some(Plan { victim: loom::thread::current().id(), site, spared: visit }));
    let outcome = catch_unwind(AssertUnwindSafe(life));
    PLAN.set(None);
    match outcome {
        Ok(result) => Some(result),
        Err(payload) if payload.is::<Killed>() => None,
        Err(payload) => resume_unwind(payload),
    }
}

/// A visit of a site by the running thread.
pub fn point(site: Site) {
    let Some(plan) = PLAN.get() else { return };
    if plan.site != site || plan.victim != loom::thread::current().id() {
        return;
    }
    if plan.spared > 0 {
        PLAN.set(Some(Plan { spared: plan.spared - 1, ..plan }));
    } else {
        PLAN.set(None);
        resume_unwind(Box::new(Killed));
    }
}
