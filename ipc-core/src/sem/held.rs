//! Releasing what this process holds of a semaphore, if it holds it.
//!
//! For each process and semaphore the kernel keeps, but does not show, the amount to undo: the *adjustment*.
//! A process that took `n` with undo has an adjustment of `n`, one that added 1 has −1. It silently becomes 0
//! after `unshare` of CLONE_SYSVSEM or CLONE_NEWIPC, after a reset by SETVAL or SETALL, in a child made by
//! `fork`, and for a new set under the same identifier. A guard that released nevertheless would release what
//! belongs to others.
//!
//! But the kernel rejects an operation that would take the adjustment out of −32768 … 32767 (ERANGE), and
//! does all operations of a call or none. So the releasing call first moves the adjustment by 32768 towards a
//! bound, which it exceeds only if less is held than is to be released, and then back again. Each step with
//! undo is paired with its opposite without undo, so that the value of the semaphore is unchanged; the
//! intermediate state is not visible. The check and the release are one call, so nothing can happen in
//! between.
//!
//! A step goes up and then down, or down and then up, depending on where the value has room: half of its
//! range suffices for either.
//!
//! Source of the bounds: `perform_atomic_semop_slow` in the kernel's ipc/sem.c, which moves the adjustment
//! with each operation. On a kernel that moved it only at the end of the call, the check would always pass.

use nix::libc;

use super::{MAX_VALUE, Op, SemaphoreSet, failure};
use crate::error::{Error, ErrorKind, Result};
use crate::process::ProcessMark;
use crate::sys;

/// Half the distance by which the adjustment is moved. Every value has room for it either above or below.
const STEP: u16 = 1 << 14;
/// Attempts in each direction, in case the value crosses the middle meanwhile; after them the failure is
/// taken at face value.
const ATTEMPTS: usize = 64;

/// Releases `n` that this process took with undo.
///
/// # Errors
/// [`ErrorKind::NotHeld`], and nothing is changed; [`ErrorKind::OutOfRange`] when the value has no room for
/// it; as of [`SemaphoreSet::perform`].
pub(super) fn give_back(set: SemaphoreSet, index: u16, n: u16, holder: ProcessMark) -> Result<()> {
    is_holder(set, index, holder)?;
    let (up, down) = (Op::add(index, STEP).no_wait(), Op::take(index, STEP).no_wait());
    let (add, take) = (Op::add(index, n).no_wait(), Op::take(index, n).no_wait());
    // Adding with undo lowers the adjustment; its lower bound, -32768, is exceeded unless n are held.
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

/// Lowers a semaphore by one that this process raised from 0 to 1 with undo.
///
/// # Errors
/// [`ErrorKind::NotHeld`], and nothing is changed; as of [`SemaphoreSet::perform`].
pub(crate) fn lower(set: SemaphoreSet, index: u16, holder: ProcessMark) -> Result<()> {
    is_holder(set, index, holder)?;
    let (up, down) = (Op::add(index, STEP).no_wait(), Op::take(index, STEP).no_wait());
    let lower = Op::take(index, 1).undo().no_wait();
    // Taking with undo raises the adjustment; its upper bound, 32767, is exceeded unless it is below 0.
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
