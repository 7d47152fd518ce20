//! `getrandom`.

use nix::libc;

use super::{Errno, Raw};

/// Fills the bytes with the kernel's random numbers. Short answers only happen above 256 bytes.
pub(crate) fn getrandom(bytes: &mut [u8]) -> Raw<()> {
    // SAFETY: pointer and length are those of one live slice.
    let written = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    match usize::try_from(written) {
        Ok(written) if written == bytes.len() => Ok(()),
        Ok(_) => Err(Errno(libc::EIO)),
        Err(_) => Err(Errno::last()),
    }
}
