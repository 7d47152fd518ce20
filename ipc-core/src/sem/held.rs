//! Giving back what this process holds of a semaphore, if it holds it.
//!
//! What a process has to undo on a semaphore is a number that the kernel keeps and does not show: its
//! *adjustment*. A process that took `n` with undo has an adjustment of `n`, one that added 1 has −1. It is 0
//! again, without a word to the process, after `unshare` of CLONE_SYSVSEM or CLONE_NEWIPC, after a reset by
//! SETVAL or SETALL, in a child made by `fork`, and for a new set under the same identifier. A guard that
//! gave back all the same would give away what is others'.
//!
//! But the kernel refuses an operation that would bring the adjustment out of −32768 … 32767 (ERANGE), and
//! does the operations of a call all or none. So the call that gives back first moves the adjustment by 32768
//! towards a bound that it passes only if less is held than is to be given back, then back again. Each step
//! with undo is joined by its opposite without, so that the value of the semaphore stays as it was; the
//! intermediate state is not visible. The proof and the release are one call, so nothing can happen in
//! between.
//!
//! A step goes up and then down, or down and then up, as far as the value has room: half of its range
//! suffices for either.
//!
//! Source of the bounds: `perform_atomic_semop_slow` in the kernel's ipc/sem.c, which moves the adjustment
//! with each operation. A kernel that moved it only at the end of the call would prove nothing, and release
//! as if all were held.

use nix::libc;

use super::{MAX_VALUE, Op, SemaphoreSet, failure};
use crate::error::{Error, ErrorKind, Result};
use crate::process::ProcessMark;
use crate::sys;

/// Half of what the adjustment is moved by. A value has room for it either above or below.
const STEP: u16 = 1 << 14;
/// Attempts each way before a value that moves across the middle while we look counts as one that does not.
const ATTEMPTS: usize = 64;

/// Gives back `n` that this process took with undo.
///
/// # Errors
/// [`ErrorKind::NotHeld`], and nothing is changed; [`ErrorKind::OutOfRange`] when the value has no room for
/// it; as of [`SemaphoreSet::perform`].
pub(super) fn give_back(set: SemaphoreSet, index: u16, n: u16, holder: ProcessMark) -> Result<()> {
    is_holder(set, index, holder)?;
    let (up, down) = (Op::add(index, STEP).no_wait(), Op::take(index, STEP).no_wait());
    let (add, take) = (Op::add(index, n).no_wait(), Op::take(index, n).no_wait());
    // Adding with undo lowers the adjustment, to which the lower bound is -32768: passed unless n are held.
    let above = [up.undo(), down, up.undo(), down, add.undo(), take, up, down.undo(), up, down.undo(), add];
    let below = [down, up.undo(), down, up.undo(), add.undo(), take, down.undo(), up, down.undo(), up, add];
    for _ in 0..ATTEMPTS {
        match attempt(set, &above) {
            Err(errno) if errno == libc::ERANGE => {}
            outcome => return outcome.map_err(|errno| failed(set, &above, errno)),
        }
        match attempt(set, &below) {
            // The value is in the lower half now.
            Err(errno) if errno == libc::EAGAIN => {}
            Err(errno) if errno == libc::ERANGE => break,
            outcome => return outcome.map_err(|errno| failed(set, &below, errno)),
        }
    }
    match set.value(index) {
        Ok(value) if u32::from(value) + u32::from(n) > u32::from(MAX_VALUE) => {
            Err(failed(set, &[add.undo()], libc::ERANGE))
        }
        _ => Err(not_held(set, index, FORGOTTEN)),
    }
}

/// Lowers by one a semaphore that this process raised from 0 to 1 with undo.
///
/// # Errors
/// [`ErrorKind::NotHeld`], and nothing is changed; as of [`SemaphoreSet::perform`].
pub(crate) fn lower(set: SemaphoreSet, index: u16, holder: ProcessMark) -> Result<()> {
    is_holder(set, index, holder)?;
    let (up, down) = (Op::add(index, STEP).no_wait(), Op::take(index, STEP).no_wait());
    let lower = Op::take(index, 1).undo().no_wait();
    // Taking with undo raises the adjustment, to which the upper bound is 32767: passed unless it is below 0.
    let operations = [up, down.undo(), up, down.undo(), up.undo(), down, up.undo(), down, lower];
    attempt(set, &operations).map_err(|errno| match errno {
        // EAGAIN: it is 0, so it was reset.
        libc::ERANGE | libc::EAGAIN => not_held(set, index, FORGOTTEN),
        other => failed(set, &operations, other),
    })
}

const FORGOTTEN: &str = "the kernel has no record that this process holds it: it was given back by unshare(CLONE_SYSVSEM or CLONE_NEWIPC), the semaphore was reset, or the \
                         identifier was given to another set";
const INHERITED: &str = "it belongs to another process, from which this one was made by fork";

fn is_holder(set: SemaphoreSet, index: u16, holder: ProcessMark) -> Result<()> {
    if holder.is_current() { Ok(()) } else { Err(not_held(set, index, INHERITED)) }
}

/// One call that does not wait, so no signal can interrupt it.
fn attempt(set: SemaphoreSet, operations: &[Op]) -> core::result::Result<(), i32> {
    sys::semop(set.id().as_raw(), operations).map_err(|errno| errno.0)
}

#[cold]
fn failed(set: SemaphoreSet, operations: &[Op], errno: i32) -> Error {
    failure::perform("semop", set.id(), operations, sys::Errno(errno))
}

#[cold]
fn not_held(set: SemaphoreSet, index: u16, why: &str) -> Error {
    let arguments = format!("id={}, release of semaphore {index}", set.id());
    Error::refused("semop", arguments, ErrorKind::NotHeld, format!("{why}; nothing was changed"))
}
