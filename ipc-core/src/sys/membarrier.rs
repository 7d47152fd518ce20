//! `membarrier`.

use nix::libc;

use super::{Errno, Raw};

/// The commands used here, with the kernel's numbers.
#[derive(Clone, Copy, Debug)]
#[repr(i32)]
pub(crate) enum MembarrierCommand {
    Query = 0,
    GlobalExpedited = 1 << 1,
    RegisterGlobalExpedited = 1 << 2,
}

/// `membarrier(command, 0, 0)`; `Query` returns a bit set of supported commands.
#[inline]
pub(crate) fn membarrier(command: MembarrierCommand) -> Raw<i32> {
    // SAFETY: the call takes integers only.
    let answer = unsafe { libc::syscall(libc::SYS_membarrier, command as libc::c_long, 0_u64, 0_u64) };
    if answer < 0 { Err(Errno::last()) } else { Ok(answer as i32) }
}
