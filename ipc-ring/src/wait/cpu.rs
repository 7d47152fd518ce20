//! Where a thread runs, as records in shared memory hold it.

/// The number of the CPU this thread runs on plus one; 0 if unknown. No system call.
pub(crate) fn current() -> u32 {
    nix::sched::sched_getcpu().ok().and_then(|cpu| u32::try_from(cpu).ok()).map_or(0, |cpu| cpu + 1)
}
