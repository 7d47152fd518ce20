//! Conversions of other errors when something is opened.

use super::{AttachError, AttachErrorKind, Forked};
use crate::ring::spsc::Corruption;

impl From<Forked> for AttachError {
    fn from(_: Forked) -> Self {
        AttachErrorKind::Forked.into()
    }
}

impl From<ipc_core::Error> for AttachError {
    fn from(error: ipc_core::Error) -> Self {
        match error.kind() {
            ipc_core::ErrorKind::Interrupted => AttachErrorKind::Interrupted.into(),
            _ => AttachErrorKind::System(error).into(),
        }
    }
}

impl From<Corruption> for AttachError {
    fn from(corruption: Corruption) -> Self {
        AttachErrorKind::Corrupt(corruption).into()
    }
}
