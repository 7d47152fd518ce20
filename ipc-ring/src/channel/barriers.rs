//! Which barrier a channel has, and one heavy barrier for many ends.

use crate::domain::Member;
use crate::error::{AttachError, AttachErrorKind};
use crate::platform::{Barrier, Native, Platform as _};

/// The heavy barriers that must follow some waiting bits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Barriers {
    fence: bool,
    asymmetric: bool,
}

impl Barriers {
    /// One more.
    pub(crate) fn add(&mut self, barrier: Barrier) {
        match barrier {
            Barrier::Fence => self.fence = true,
            Barrier::Asymmetric => self.asymmetric = true,
        }
    }

    /// Runs them, one for all bits that were set before.
    ///
    /// # Errors
    /// When one was refused.
    pub(crate) fn run(self) -> Result<(), ipc_core::Error> {
        let asymmetric = if self.asymmetric { Native::heavy(Barrier::Asymmetric) } else { Ok(()) };
        let fence = if self.fence { Native::heavy(Barrier::Fence) } else { Ok(()) };
        asymmetric.and(fence)
    }
}

/// The barrier of new memory.
///
/// # Errors
/// [`NoMembarrier`](crate::AttachErrorKind::NoMembarrier) if the one named needs what the kernel lacks.
pub(super) fn chosen(member: &Member, named: Option<Barrier>) -> Result<Barrier, AttachError> {
    match named {
        Some(Barrier::Asymmetric) if !member.asymmetric() => Err(AttachErrorKind::NoMembarrier.into()),
        Some(barrier) => Ok(barrier),
        None if member.asymmetric() => Ok(Barrier::Asymmetric),
        None => Ok(Barrier::Fence),
    }
}
