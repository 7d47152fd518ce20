//! File descriptors on their way from the parent into a worker.

use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use super::protocol::{Failure, Job};

/// Lets a process spawned from now on inherit the descriptors, or no longer.
pub(super) fn set_inherited(descriptors: &[OwnedFd], inherited: bool) -> Result<(), Failure> {
    let flag = if inherited { FdFlag::empty() } else { FdFlag::FD_CLOEXEC };
    for descriptor in descriptors {
        fcntl(descriptor, FcntlArg::F_SETFD(flag)).map_err(Failure::at("fcntl(F_SETFD)"))?;
    }
    Ok(())
}

/// The numbers of the descriptors that a worker inherits.
pub(super) fn numbers(descriptors: &[OwnedFd]) -> Vec<i32> {
    descriptors.iter().map(AsRawFd::as_raw_fd).collect()
}

/// The descriptors a worker inherited, in the order in which the parent gave them.
#[derive(Debug)]
pub(crate) struct Descriptors(std::vec::IntoIter<OwnedFd>);

impl Descriptors {
    /// Takes over the descriptors of `job`. To be called once in a process.
    pub(crate) fn take(job: &Job) -> Descriptors {
        let owned: Vec<_> = job
            .descriptors
            .iter()
            .map(|number| {
                // SAFETY: the parent passed this open descriptor for this worker alone, and nothing else in
                // the process knows the number, so the value made here is its only owner.
                unsafe { OwnedFd::from_raw_fd(*number) }
            })
            .collect();
        Descriptors(owned.into_iter())
    }

    /// The next one.
    ///
    /// # Errors
    /// The parent gave fewer.
    pub(crate) fn next(&mut self) -> Result<OwnedFd, Failure> {
        self.0.next().ok_or_else(|| Failure::Failed("the parent passed too few file descriptors".into()))
    }

    /// The next one, as a file.
    ///
    /// # Errors
    /// The parent gave fewer.
    pub(crate) fn next_file(&mut self) -> Result<File, Failure> {
        self.next().map(File::from)
    }
}
