//! The size of an ipc-ring domain where a set may have only few semaphores.

/// Semaphores in the set of the smallest domain.
pub const LEAST: u32 = 44;
/// Semaphores in the set of a domain of full size.
pub const FULL: u32 = 1284;

/// What a domain has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Processes.
    pub processes: u32,
    /// Ends of channels.
    pub ends: u32,
}

/// The room where a set may have this many semaphores (`kernel.sem`, first number); `None` where these are
/// too few for any domain.
///
/// ```
/// assert_eq!(ipc_cli_support::room::of(250).unwrap().processes, 49);
/// assert_eq!(ipc_cli_support::room::of(20), None);
/// ```
#[must_use]
pub fn of(semaphores: u32) -> Option<Room> {
    let groups = semaphores.min(FULL).checked_sub(4)? / 5;
    (semaphores >= LEAST).then(|| Room { processes: groups, ends: 4 * groups - groups.min(16) })
}
