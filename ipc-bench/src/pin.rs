//! Which processors this process may use, and binding it to one.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// The processors this process may use.
///
/// # Errors
/// The kernel's answer, as text.
pub(crate) fn allowed() -> Result<Vec<usize>, String> {
    let set = sched_getaffinity(Pid::from_raw(0)).map_err(|errno| format!("sched_getaffinity: {errno}"))?;
    Ok((0..CpuSet::count()).filter(|cpu| set.is_set(*cpu).unwrap_or(false)).collect())
}

/// Binds the calling thread to one processor.
///
/// # Errors
/// The kernel's answer, as text.
pub(crate) fn to(cpu: usize) -> Result<(), String> {
    let mut set = CpuSet::new();
    set.set(cpu).map_err(|errno| format!("processor {cpu}: {errno}"))?;
    sched_setaffinity(Pid::from_raw(0), &set)
        .map_err(|errno| format!("sched_setaffinity(cpu {cpu}): {errno}"))
}
