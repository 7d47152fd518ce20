//! Opening on a busy machine, where the domain's lock may not be obtained within the usual five seconds: each
//! waiting process gets it while asleep, and has to be scheduled first. The ring is not at fault.
//!
//! For a lock that is never released it is: then the watchdog ends the test, and this output shows where the
//! lock is.

use ipc_core::Key;
use ipc_core::list;
use ipc_core::sem::SemaphoreSet;
use ipc_ring::{AttachError, AttachErrorKind};

/// Opens, again and again while another process has the domain's lock. Prints the process each time.
pub fn patiently<R>(open: impl Fn() -> Result<R, AttachError>) -> R {
    loop {
        match open() {
            Err(error) if matches!(error.kind(), AttachErrorKind::LockTimeout { .. }) => report(&error),
            opened => return opened.unwrap_or_else(|error| panic!("{error}")),
        }
    }
}

/// The state of the lock, the process that took it last, and the load of the machine.
fn report(error: &AttachError) {
    let AttachErrorKind::LockTimeout { holder, .. } = error.kind() else { return };
    let read = |path: String| std::fs::read_to_string(path).unwrap_or_else(|error| error.to_string());
    let stat = holder.map(|pid| read(format!("/proc/{pid}/stat")));
    let sleeps_in = holder.map(|pid| read(format!("/proc/{pid}/wchan")));
    let load = read("/proc/loadavg".to_owned());
    let sets = list::sets().unwrap_or_default();
    let lock: Vec<_> = sets
        .into_iter()
        .filter(|(_, stat)| stat.permissions().key() != Key::PRIVATE)
        .map(|(id, _)| [0, 2, 3].map(|index| SemaphoreSet::from_id(id).value(index).ok()))
        .collect();
    eprintln!(
        "process {}: {error}\n  the lock {lock:?}, its last holder {stat:?} in {sleeps_in:?}, load {load}",
        std::process::id()
    );
}
