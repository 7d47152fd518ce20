//! Children made by `fork`.

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};

/// Runs it in a child, which must exit successfully. The calling thread is the only active one of its
/// process.
pub fn in_a_child(work: impl FnOnce()) {
    // SAFETY: the other thread of this process, the watchdog, sleeps, and holds nothing.
    match unsafe { fork() }.unwrap() {
        ForkResult::Parent { child } => {
            assert_eq!(waitpid(child, None).unwrap(), WaitStatus::Exited(child, 0))
        }
        ForkResult::Child => {
            nix::unistd::alarm::set(60);
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            // SAFETY: ends this process at once; nothing that it inherited is released.
            unsafe { nix::libc::_exit(if done.is_ok() { 0 } else { 101 }) }
        }
    }
}
