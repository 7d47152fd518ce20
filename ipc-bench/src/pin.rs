//! Which processors this process may use, and binding a thread to some.

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

/// Binds the calling thread to these processors.
///
/// # Errors
/// The kernel's answer, as text.
pub(crate) fn to(cpus: &[usize]) -> Result<(), String> {
    let mut set = CpuSet::new();
    for cpu in cpus {
        set.set(*cpu).map_err(|errno| format!("processor {cpu}: {errno}"))?;
    }
    sched_setaffinity(Pid::from_raw(0), &set)
        .map_err(|errno| format!("sched_setaffinity(cpus {cpus:?}): {errno}"))
}
