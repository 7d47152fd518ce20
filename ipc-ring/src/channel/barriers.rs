//! Which barrier a channel has.

use crate::domain::Member;
use crate::error::{AttachError, AttachErrorKind};
use crate::platform::Barrier;

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
