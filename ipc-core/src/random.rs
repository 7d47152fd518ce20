//! Unpredictable bytes.

use crate::error::{Error, ErrorKind, Result};
use crate::sys;

/// `ssize_t getrandom(void *buf, size_t buflen, unsigned flags)`—bytes from the kernel's random number
/// generator, for keys and challenges. At most 256.
///
/// # Errors
/// [`ErrorKind::Unsupported`] when the kernel or a sandbox refuses `getrandom`.
///
/// # Blocking
/// Only on a machine that has just started, until the generator is ready.
///
/// ```
/// let (one, other): ([u8; 16], [u8; 16]) = (ipc_core::random_bytes()?, ipc_core::random_bytes()?);
/// assert_ne!(one, other);
/// # Ok::<(), ipc_core::Error>(())
/// ```
///
/// # References
/// getrandom(2)
#[doc(alias = "getrandom")]
pub fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    const { assert!(N <= 256, "more than the kernel gives in one piece") };
    let mut bytes = [0; N];
    sys::getrandom(&mut bytes)
        .map_err(|errno| Error::os("getrandom", format!("{N} bytes"), errno, ErrorKind::Unsupported))?;
    Ok(bytes)
}
