//! The named memory orderings: one variant for each end of each edge.
//!
//! An *edge* is a pair of accesses, a release on one side and an acquire on the other, that hands something over. Each
//! has a label (`S1`, `W1`, …). The label stands at both ends in the code, in `docs/orderings.md`, and in the name of
//! the model in `loom-tests` that fails when the ordering is weakened. A test keeps the three in step.

use core::sync::atomic::Ordering;

/// One end of an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Edge {
    /// \[S1\] spsc: the producer stores a slot's sequence word. The slot's payload is written before.
    SpscPublish,
    /// \[S1\] spsc: the consumer loads a slot's sequence word. The payload is read after.
    SpscObserve,
    /// \[S2\] spsc: the consumer publishes the head. The payloads below it have been read.
    SpscRelease,
    /// \[S2\] spsc: the producer loads the head. The slots below it are overwritten after.
    SpscReclaim,
    /// \[S3\] spsc: the consumer stores its exact position, once per pop. The payload has been read.
    SpscConsume,
    /// \[S3\] spsc: the producer, having found the ring full by the head, loads the exact position.
    SpscReclaimExact,
    /// \[C1\] an end sets its closed or detached bit. Everything it pushed or popped lies before.
    CloseSet,
    /// \[C1\] the other end loads the bits, then looks at the ring once more.
    CloseSeen,
    /// \[W1\] a notifier takes the waiting bit. Its publication lies before, the token after.
    WaitTake,
    /// \[W1\] a waiter withdraws its waiting bit.
    WaitWithdraw,
}

impl Edge {
    /// Every end of every edge.
    pub const ALL: [Edge; 10] = [
        Edge::SpscPublish,
        Edge::SpscObserve,
        Edge::SpscRelease,
        Edge::SpscReclaim,
        Edge::SpscConsume,
        Edge::SpscReclaimExact,
        Edge::CloseSet,
        Edge::CloseSeen,
        Edge::WaitTake,
        Edge::WaitWithdraw,
    ];

    /// The ordering that production uses here.
    #[inline(always)]
    #[must_use]
    pub const fn ordering(self) -> Ordering {
        match self {
            Edge::SpscPublish | Edge::SpscRelease | Edge::SpscConsume => Ordering::Release,
            Edge::SpscObserve | Edge::SpscReclaim | Edge::SpscReclaimExact => Ordering::Acquire,
            Edge::CloseSet => Ordering::Release,
            Edge::CloseSeen => Ordering::Acquire,
            // The barrier pair orders the data; these two only have to be atomic.
            Edge::WaitTake | Edge::WaitWithdraw => Ordering::Relaxed,
        }
    }

    /// The label the two ends of the edge share.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Edge::SpscPublish | Edge::SpscObserve => "S1",
            Edge::SpscRelease | Edge::SpscReclaim => "S2",
            Edge::SpscConsume | Edge::SpscReclaimExact => "S3",
            Edge::CloseSet | Edge::CloseSeen => "C1",
            Edge::WaitTake | Edge::WaitWithdraw => "W1",
        }
    }
}
