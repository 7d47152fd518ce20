//! Settings of the IPC namespace that no information call reports.

use std::fs;

/// The settings in `/proc/sys/kernel` other than the limits. A field is `None` where the file is missing or
/// cannot be read.
///
/// ```
/// use ipc_core::limits::Settings;
///
/// if Settings::read().remove_unattached_segments == Some(true) {
///     println!("segments vanish at their last detach, also without being removed");
/// }
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `shm_rmid_forced`: a segment is destroyed at its last detach, removed or not, and with the thread that
    /// created it if it was never attached.
    pub remove_unattached_segments: Option<bool>,
    /// `shm_next_id`: the identifier requested for the next segment; -1: none. Only in kernels with
    /// CONFIG_CHECKPOINT_RESTORE, like the next two.
    pub next_segment_id: Option<i32>,
    /// `sem_next_id`: the same for semaphore sets.
    pub next_set_id: Option<i32>,
    /// `msg_next_id`: the same for queues.
    pub next_queue_id: Option<i32>,
}

impl Settings {
    /// Reads the files now. They show the caller's IPC namespace.
    ///
    /// ```
    /// # use ipc_core::limits::Settings;
    /// assert!(Settings::read().next_queue_id.is_none_or(|id| id >= -1));
    /// ```
    #[must_use]
    pub fn read() -> Settings {
        let number = |name: &str| -> Option<i32> {
            fs::read_to_string(format!("/proc/sys/kernel/{name}")).ok()?.trim().parse().ok()
        };
        Settings {
            remove_unattached_segments: number("shm_rmid_forced").map(|set| set != 0),
            next_segment_id: number("shm_next_id"),
            next_set_id: number("sem_next_id"),
            next_queue_id: number("msg_next_id"),
        }
    }
}
