//! What an end has to say in a set of several that are waited for together.

/// What there is to do with an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum News {
    /// Trying to pop will give a message, or tell an error that is worth a look.
    Ready,
    /// Nothing is there, and nothing will come: the stream has ended, or the ring is corrupt. Told once by
    /// each end; trying to pop tells which.
    Ended,
    /// Nothing is there, and the other side left without closing, or died. Told once for each that left; a
    /// successor may come.
    PeerGone,
}
