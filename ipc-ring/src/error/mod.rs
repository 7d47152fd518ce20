//! Errors of channels, as values to match on.

mod attach;
mod call;
mod convert;
mod ends;
mod latest;
mod loan;
mod scene;
mod sentence;
#[cfg(test)]
mod tests;

pub use attach::{AttachError, AttachErrorKind};
pub use call::CallError;
pub use ends::{FrameTooLarge, Missed, PopError, PushError};
pub use latest::{PublishError, ReadError};
pub use loan::LoanError;
pub(crate) use scene::{Creator, Elsewhere, Types};

use core::fmt;

/// An error prints the same sentence with `{:?}` as with `{}`, since that is what a `main` that returns it
/// shows.
macro_rules! debug_as_display {
    ($($error:ident $(<$value:ident>)?),+ $(,)?) => {
        $(impl$(<$value>)? ::core::fmt::Debug for $error$(<$value>)? {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Display::fmt(self, f)
            }
        })+
    };
}

pub(crate) use debug_as_display;

/// Why the other end is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerExit {
    /// No process has ever attached to that end.
    NeverAttached,
    /// It detached on purpose and may come back; the channel is still open.
    Detached,
    /// Its process died without detaching.
    Died {
        /// The process it was. Its number may belong to another by now.
        pid: u32,
    },
    /// All ends of the other side of a channel that may have many are gone: they left, or their processes
    /// died.
    All,
}

impl fmt::Display for PeerExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeerExit::NeverAttached => f.write_str("the other end was never attached"),
            PeerExit::Detached => f.write_str("the other end has detached"),
            PeerExit::Died { pid } => write!(f, "the other end's process {pid} died"),
            PeerExit::All => f.write_str("every end of the other side is gone"),
        }
    }
}

/// The handle was inherited through `fork`: it belongs to the parent, and nothing was done. Open the channel
/// again in the child.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Forked;

impl fmt::Display for Forked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "this was inherited through fork and belongs to the parent; open the channel again in the child",
        )
    }
}

impl std::error::Error for Forked {}

debug_as_display!(Forked);
