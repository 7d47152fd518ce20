//! What the wrapper requires of an end.

use ipc_ring::{WaitSetError, Waitable};

/// An end that delivers items. Only this crate implements it.
pub trait Source: Waitable + sealed::Sealed {
    /// The type of the items.
    type Item;
    /// Why no item comes.
    type Error;
    /// The next item; `None` when there is none now.
    ///
    /// # Errors
    /// As the `try_` form of the end.
    fn try_next(&mut self) -> Result<Option<Self::Item>, Self::Error>;
    /// The next item, if it is ready and takes a few instructions only; `None` says nothing. Called where the
    /// end counts its operations.
    #[doc(hidden)]
    #[inline(always)]
    fn next_ready(&mut self) -> Option<Self::Item> {
        None
    }
    /// The error to return when the other side is found to be gone without closing. `None`: go on waiting.
    fn gone(&mut self) -> Option<Self::Error>;
    /// The error to return when nothing more will pass, and trying does not report it.
    fn ended(&mut self) -> Option<Self::Error> {
        None
    }
    /// The error to return when waiting failed.
    fn failed(&self, error: WaitSetError) -> Self::Error;
    /// What an error means for a stream.
    fn meaning(error: &Self::Error) -> Meaning;
}

/// An end that accepts items. Only this crate implements it.
pub trait Target: Waitable + sealed::Sealed {
    /// The type of the items.
    type Item: ?Sized;
    /// Why no item is accepted.
    type Error;
    /// Pushes; false when there is no room now.
    ///
    /// # Errors
    /// As the `try_` form of the end.
    fn try_send(&mut self, item: &Self::Item) -> Result<bool, Self::Error>;
    /// Pushes if that takes a few instructions only; `None` says nothing. A number that is not 0 has to be
    /// passed to `sent`. Called where the end counts its operations.
    #[doc(hidden)]
    #[inline(always)]
    fn send_ready(&mut self, _item: &Self::Item) -> Option<u32> {
        None
    }
    /// Wakes the other side after `send_ready`.
    ///
    /// # Errors
    /// As the `try_` form of the end.
    #[doc(hidden)]
    fn sent(&mut self, _signal: u32) -> Result<(), Self::Error> {
        Ok(())
    }
    /// The error to return when the other side is found to be gone without closing. `None`: go on waiting.
    fn gone(&mut self) -> Option<Self::Error>;
    /// The error to return when nothing more will pass, and trying does not report it.
    fn ended(&mut self) -> Option<Self::Error> {
        None
    }
    /// The error to return when waiting failed.
    fn failed(&self, error: WaitSetError) -> Self::Error;
}

/// What an error means for a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The stream has ended regularly.
    End,
    /// The stream goes on.
    Gap,
    /// The stream has ended with an error.
    Failure,
}

pub(crate) mod sealed {
    pub trait Sealed {}
}
