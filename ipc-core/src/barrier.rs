//! Memory barriers that cost the busy side nothing: `membarrier`.
//!
//! Two processes each write one word and then read the other's. For at least one of them to see the other's
//! write, both need a full barrier between the write and the read. With `membarrier` the busy side, which
//! runs perhaps a million times a second, calls [`light`], which emits no instruction; the side that is about
//! to sleep anyway calls [`heavy`], which makes every processor that runs a **registered** process execute a
//! full barrier. Processes that did not [`register`] are skipped: a light side must be registered.
//!
//! Where the kernel has no `membarrier`, both sides need a full fence: [`Pair`] records that choice, made
//! once for all parties.
//!
//! ```
//! use std::sync::atomic::{AtomicU64, Ordering};
//! use ipc_core::barrier::Pair;
//!
//! // Two words in shared memory, and the choice that both sides made when it was set up.
//! let (published, sleeping) = (AtomicU64::new(0), AtomicU64::new(0));
//! let pair = Pair::choose();
//!
//! // The busy side: publish, then look for a sleeper.
//! published.store(1, Ordering::Release);
//! pair.light();
//! let wake = sleeping.load(Ordering::Relaxed) == 1;
//!
//! // The other side: say that it is about to sleep, then look once more.
//! sleeping.store(1, Ordering::Relaxed);
//! pair.heavy()?;
//! let stay_awake = published.load(Ordering::Acquire) == 1;
//! assert!(wake || stay_awake); // never neither
//! # Ok::<(), ipc_core::Error>(())
//! ```

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering, compiler_fence, fence};

use nix::libc;

use crate::error::{Error, ErrorKind, Result};
use crate::process::ProcessMark;
use crate::sys::{Errno, MembarrierCommand, membarrier};

/// The process that registered last; a child made by `fork` registers again.
static REGISTERED: AtomicU64 = AtomicU64::new(0);

#[cold]
fn failure(command: MembarrierCommand, errno: Errno) -> Error {
    let (name, kind) = match command {
        MembarrierCommand::Query => ("MEMBARRIER_CMD_QUERY", ErrorKind::Unsupported),
        MembarrierCommand::GlobalExpedited => ("MEMBARRIER_CMD_GLOBAL_EXPEDITED", ErrorKind::Unsupported),
        MembarrierCommand::RegisterGlobalExpedited => {
            ("MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED", ErrorKind::Unsupported)
        }
    };
    let kind = match errno.0 {
        libc::ENOSYS | libc::EINVAL | libc::EPERM => kind,
        libc::ENOMEM => ErrorKind::OutOfMemory,
        _ => ErrorKind::Other,
    };
    Error::os("membarrier", name.to_owned(), errno, kind)
}

/// Whether the kernel offers what [`register`] and [`heavy`] need.
///
/// ```
/// if !ipc_core::barrier::is_supported() {
///     println!("fences on both sides, then");
/// }
/// ```
#[must_use]
pub fn is_supported() -> bool {
    let needed =
        MembarrierCommand::GlobalExpedited as i32 | MembarrierCommand::RegisterGlobalExpedited as i32;
    membarrier(MembarrierCommand::Query).is_ok_and(|supported| supported & needed == needed)
}

/// `membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED)`—from now on the [`heavy`] of any process reaches
/// the threads of this one. Once per process is enough; repeating it costs nothing.
///
/// A registered process is interrupted by every heavy barrier on the machine while it runs, so a process
/// whose peers never sleep should not register.
///
/// # Errors
/// [`ErrorKind::Unsupported`] (ENOSYS, EINVAL, EPERM): no such kernel, or a sandbox.
///
/// ```
/// use ipc_core::barrier;
///
/// if barrier::is_supported() {
///     barrier::register()?;
/// }
/// # Ok::<(), ipc_core::Error>(())
/// ```
///
/// # References
/// membarrier(2)
#[doc(alias = "membarrier")]
pub fn register() -> Result<()> {
    let process = ProcessMark::current().as_raw();
    // Relaxed: only decides whether to make the call again.
    if REGISTERED.load(Ordering::Relaxed) == process {
        return Ok(());
    }
    let command = MembarrierCommand::RegisterGlobalExpedited;
    membarrier(command).map_err(|errno| failure(command, errno))?;
    // Relaxed: as above.
    REGISTERED.store(process, Ordering::Relaxed);
    Ok(())
}

/// `membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED)`—a full barrier here and on every processor that runs a
/// registered process. The caller need not be registered.
///
/// # Errors
/// [`ErrorKind::Unsupported`] (ENOSYS, EINVAL, EPERM): no such kernel, or a sandbox.
///
/// # Blocking
/// Waits only for processors to answer, never for another process: tenths of a microsecond when no registered
/// process runs elsewhere, a few microseconds when one does.
///
/// ```
/// use ipc_core::barrier;
///
/// if barrier::is_supported() {
///     barrier::heavy()?;
/// }
/// # Ok::<(), ipc_core::Error>(())
/// ```
///
/// # References
/// membarrier(2), kernel/sched/membarrier.c
#[inline]
#[doc(alias = "membarrier")]
pub fn heavy() -> Result<()> {
    let command = MembarrierCommand::GlobalExpedited;
    // The kernel may take a shortcut when this process runs alone; the compiler and this processor must keep
    // the order in any case.
    fence(Ordering::SeqCst);
    membarrier(command).map_err(|errno| failure(command, errno))?;
    fence(Ordering::SeqCst);
    Ok(())
}

/// The cheap half: a compiler barrier, no instruction.
///
/// ```
/// ipc_core::barrier::light();
/// ```
#[inline(always)]
pub fn light() {
    compiler_fence(Ordering::SeqCst);
}

/// How the two sides keep order: chosen once by the creator of the shared memory, stored there, and followed
/// by all parties.
///
/// ```
/// use ipc_core::barrier::Pair;
///
/// let pair = Pair::choose();
/// pair.light();
/// pair.heavy()?;
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pair {
    /// The light side pays nothing, the heavy side a system call. All light sides are registered.
    Asymmetric,
    /// A full fence on both sides: the fallback, also preferable where heavy barriers would disturb other
    /// processes too often.
    Fences,
}

impl Pair {
    /// [`Asymmetric`](Self::Asymmetric) where the kernel offers it and this process could be registered, else
    /// [`Fences`](Self::Fences).
    ///
    /// ```
    /// use ipc_core::barrier::{self, Pair};
    ///
    /// assert_eq!(Pair::choose() == Pair::Asymmetric, barrier::is_supported());
    /// ```
    #[must_use]
    pub fn choose() -> Pair {
        if is_supported() && register().is_ok() { Pair::Asymmetric } else { Pair::Fences }
    }

    /// Prepares this process for a pair that another process chose.
    ///
    /// # Errors
    /// As of [`register`], when the pair needs it; this process must then not take part.
    ///
    /// ```
    /// use ipc_core::barrier::Pair;
    ///
    /// Pair::Fences.join()?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn join(self) -> Result<()> {
        match self {
            Pair::Asymmetric => register(),
            Pair::Fences => Ok(()),
        }
    }

    /// The barrier of the side that is busy.
    ///
    /// ```
    /// ipc_core::barrier::Pair::Fences.light();
    /// ```
    #[inline]
    pub fn light(self) {
        match self {
            Pair::Asymmetric => light(),
            Pair::Fences => fence(Ordering::SeqCst),
        }
    }

    /// The barrier of the side that is about to sleep.
    ///
    /// # Errors
    /// As of [`heavy`].
    ///
    /// ```
    /// ipc_core::barrier::Pair::Fences.heavy()?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[inline]
    pub fn heavy(self) -> Result<()> {
        match self {
            Pair::Asymmetric => heavy(),
            Pair::Fences => {
                fence(Ordering::SeqCst);
                Ok(())
            }
        }
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Pair::Asymmetric => "membarrier on the sleeping side",
            Pair::Fences => "fences on both sides",
        })
    }
}
