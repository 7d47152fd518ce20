//! The named memory orderings: one variant for each end of each edge.
//!
//! An *edge* is a pair of accesses, a release on one side and an acquire on the other, that hands data over.
//! Each has a label (`S1`, `W1`, …), which appears at both ends in the code, in `docs/orderings.md`, and in
//! the name of the `loom-tests` model that fails when the ordering is weakened. A test compares the three.

use core::sync::atomic::Ordering;

mod all;

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
    /// \[S4\] spsc: the producer's fence before it writes a payload. Taps see what was published before it.
    SpscOverwrite,
    /// \[S4\] spsc: a tap's fence after a copied payload. The check for a possible overwrite comes after.
    SpscValidate,
    /// \[B1\] bytes: the producer stores a header word. The frame's payload is written before, and so are the
    /// header of a frame that follows a padding and the zero after the frame.
    BytesPublish,
    /// \[B1\] bytes: the consumer loads a header word. The payload is read after.
    BytesObserve,
    /// \[B2\] bytes: the consumer publishes the head. The frames below it have been read.
    BytesRelease,
    /// \[B2\] bytes: the producer loads the head. The bytes below it are overwritten after.
    BytesReclaim,
    /// \[B3\] bytes: the consumer stores its exact position, once per pop. The frame has been read.
    BytesConsume,
    /// \[B3\] bytes: the producer, having found no room by the head, loads the exact position.
    BytesReclaimExact,
    /// \[B4\] bytes: the producer's fence before it writes a record. Taps see the words it stored before.
    BytesOverwrite,
    /// \[B4\] bytes: a tap's fence after a copied frame. The check for a possible overwrite comes after.
    BytesValidate,
    /// \[B5\] bytes: the producer stores a mark, then their number. What it has published is written before.
    BytesMark,
    /// \[B5\] bytes: a tap loads the number of marks, then the newest. It reads headers from there after.
    BytesMarkSeen,
    /// \[C1\] an end sets its closed or detached bit. Everything it pushed or popped precedes this.
    CloseSet,
    /// \[C1\] the other end loads the bits, then checks the ring once more.
    CloseLoad,
    /// \[W1\] a waiter sets its waiting bit. The number of its wake semaphore is written before.
    SetWaiting,
    /// \[W1\] a notifier takes the waiting bit. The waiter's semaphore number, for the token, is read after.
    /// \[W3\] What was published is written before.
    ClaimWake,
    /// \[W3\] a waiter clears its waiting bit. If it was taken, the waiter may pass the wake on.
    ClearWaiting,
    /// \[W2\] a waiter of many sets its bit in the mask. Its waiting bit is set before.
    WaiterSetJoin,
    /// \[W2\] a notifier takes a bit of the mask. It checks the waiting bits after.
    WaiterSetTake,
    /// \[W4\] a notifier says that it fences its looks. What it published before precedes this.
    FencesBegin,
    /// \[M1\] mpmc: the producer stores `FULL`. The slot's payload is written before.
    MpmcPublish,
    /// \[M1\] mpmc: the consumer loads a tag. The payload is read after. Also the far end of \[M6\].
    MpmcObserve,
    /// \[M2\] mpmc: the consumer stores `EMPTY`. The payload has been read.
    MpmcRelease,
    /// \[M2\] mpmc: the producer loads a tag. The slot is overwritten after. Also the far end of \[M6\].
    MpmcReclaim,
    /// \[M3\] mpmc: the producer's claim. What it did to the endpoint table precedes this.
    MpmcClaim,
    /// \[M3\] mpmc: the consumer's claim of an element.
    MpmcTake,
    /// \[M3\] mpmc: the consumer's claim of an orphan.
    MpmcTakeOrphan,
    /// \[M3\] mpmc: a recoverer loads a tag. The endpoint table is read after.
    MpmcReap,
    /// \[M4\] mpmc: a producer stores the tail. The positions below it are claimed.
    MpmcTailStore,
    /// \[M4\] mpmc: a producer jumps to the tail.
    MpmcTailLoad,
    /// \[M5\] mpmc: a consumer stores the head. The positions below it are claimed.
    MpmcHeadStore,
    /// \[M5\] mpmc: a consumer jumps to the head.
    MpmcHeadLoad,
    /// \[M6\] mpmc: a slot becomes `VOID`. Its holder no longer uses it.
    MpmcVoid,
    /// \[M6\] mpmc: a slot becomes `ORPHAN`. Its holder no longer uses it.
    MpmcOrphan,
    /// \[M7\] mpmc: the orphan generation is raised. The orphans are made before.
    MpmcOrphansMade,
    /// \[M7\] mpmc: a consumer loads the orphan generation. It searches after.
    MpmcOrphansSeen,
    /// \[M8\] mpmc: a seat is freed. No tag names its number any more.
    MpmcSeatFree,
    /// \[M8\] mpmc: a recoverer checks the seat's owner, after it has read a tag.
    MpmcSeatCheck,
    /// \[M9\] mpmc: a slot that holds nothing is made free, or made the end of the stream. Continues the
    /// release of \[M6\].
    MpmcSkip,
    /// \[T1\] mpmc: the producer's fence behind its claim. It writes the payload after.
    MpmcOverwrite,
    /// \[T1\] mpmc: a tap's fence after a copied payload. The check of the tag comes after.
    MpmcValidate,
    /// \[T2\] mpmc: a void slot is counted before it is one. Its position is claimed.
    MpmcVoidMade,
    /// \[T2\] mpmc: a tap loads the number of void slots. It checks that its position is not claimed after.
    MpmcVoidsSeen,
    /// \[D1\] broadcast: the publisher stores a slot's sequence word. The slot's payload is written before.
    BroadcastPublish,
    /// \[D1\] broadcast: a subscriber loads a slot's sequence word. The payload is read after.
    BroadcastObserve,
    /// \[D2\] broadcast: the publisher's fence after raising the floor. What it gave up is overwritten after.
    BroadcastGiveUp,
    /// \[D2\] broadcast: a subscriber's fence after a copied payload. The floor is checked after.
    BroadcastValidate,
    /// \[D3\] broadcast: a subscriber stores its cursor. Everything below has been read; the seat is its own.
    BroadcastConsume,
    /// \[D3\] broadcast: the publisher of a gated ring loads a cursor. Everything below is overwritten after.
    BroadcastReclaim,
    /// \[D4\] broadcast: a publisher of frames stores their number, then the tail. They are published before.
    BroadcastTail,
    /// \[D4\] broadcast: a reader seeking the end loads the tail, then the number of frames, then reads
    /// there.
    BroadcastTailSeen,
    /// \[Q1\] call: the caller stores the line's word. The request is written before.
    CallAsk,
    /// \[Q1\] call: the responder loads the line's word. The request is read after.
    CallTake,
    /// \[Q2\] call: the responder stores the line's word. The reply is written and the request read before.
    CallReply,
    /// \[Q2\] call: the caller loads the line's word. The reply is read after, or the line written.
    CallAccept,
    /// \[L1\] latest: the writer stores a slot's ready word. The value is written before.
    LatestPublish,
    /// \[L1\] latest: a reader loads a slot's word. The value is read after.
    LatestObserve,
    /// \[L2\] latest: the writer's fence after the busy word. The slot is overwritten after.
    LatestBusy,
    /// \[L2\] latest: a reader's fence after the copy. It checks the slot's word again after.
    LatestRecheck,
    /// \[L3\] latest: the writer stores an entry of the journal. The value is published before.
    LatestNoted,
    /// \[L3\] latest: a reader loads an entry. It reads the key after.
    LatestNoticed,
    /// \[L4\] latest: the writer stores its newest entry's number. Values up to there are published before.
    LatestCounted,
    /// \[L4\] latest: a reader that joins or was overtaken loads it. It scans all keys after.
    LatestJoin,
    /// \[P1\] pool: a block is offered or shared. Its bytes, and its route, are written before.
    PoolOffer,
    /// \[P1\] pool: a block is marked as sent, or taken back. Continues the release of the offer.
    PoolSent,
    /// \[P1\], \[P3\] pool: a receiver takes a block. It reads the bytes after; it took its seat before.
    PoolTake,
    /// \[P1\], \[P3\] pool: a receiver joins the readers of a block. As for `PoolTake`.
    PoolJoin,
    /// \[P1\] pool: a process searching for lost blocks loads a tag. The route is read after.
    PoolLookSent,
    /// \[P2\] pool: the only holder releases a block, or rewrites it. It no longer uses the old bytes.
    PoolRelease,
    /// \[P2\] pool: one of several holders releases a block. It no longer uses the bytes.
    PoolLeave,
    /// \[P2\], \[P3\] pool: a block is lent. It is written after; its holder took its seat before.
    PoolClaim,
    /// \[P3\] pool: a recoverer loads a tag. The table of members is read after.
    PoolReap,
    /// \[P4\] pool: a seat is freed. No tag names it any more.
    PoolSeatFree,
    /// \[P4\] pool: a seat is taken. Everything its last holder had is free.
    PoolSeatTake,
    /// \[P4\] pool: a recoverer checks the seat's owner, after it has read a tag.
    PoolSeatCheck,
    /// \[P5\] pool: a block is taken from a dead member, which no longer uses it.
    PoolRepair,
    /// \[P6\] pool: the first reader of a process counts itself. What it acquired, the others may read.
    PoolReaderFirst,
    /// \[P6\] pool: another reader of the process counts itself.
    PoolReaderMore,
    /// \[P6\] pool: a reader of the process is done; the last one releases the block after all are.
    PoolReaderLess,
    /// \[P7\] pool: a borrower's fence before it writes a block. Taps see that the block was lent.
    PoolOverwrite,
    /// \[P7\] pool: a tap's fence after a copied payload. It looks at the tag again after.
    PoolValidate,
    /// \[G1\] domain: an end that leaves without the lock leaves a note. It has left its seat before.
    DepartureNote,
    /// \[G1\] domain: the lock holder takes the note. It checks the seats after.
    DepartureNoteTaken,
    /// \[G1\] domain: a departure without the lock is counted. The note is written before.
    DepartureCount,
    /// \[G1\] domain: the lock holder loads the count. It looks for notes after.
    DepartureCounted,
    /// \[G2\] domain: a wake semaphore is released. Its last sleep is over.
    WakeGivenBack,
    /// \[G2\] domain: a process claiming a wake semaphore loads its owner. The semaphore is used after.
    WakeClaimed,
    /// \[G3\] domain: a queue's entry becomes live. Its contents are written before.
    QueueLive,
    /// \[G3\] domain: a process notifying watchers loads an entry's state. The contents are read after.
    QueueSeen,
}

impl Edge {
    /// The ordering that production uses here.
    #[inline(always)]
    #[must_use]
    pub const fn ordering(self) -> Ordering {
        match self {
            Edge::SpscPublish | Edge::SpscRelease | Edge::SpscConsume => Ordering::Release,
            Edge::SpscObserve | Edge::SpscReclaim | Edge::SpscReclaimExact => Ordering::Acquire,
            Edge::SpscOverwrite | Edge::BytesOverwrite | Edge::BytesMark => Ordering::Release,
            Edge::SpscValidate | Edge::BytesValidate | Edge::BytesMarkSeen => Ordering::Acquire,
            Edge::BytesPublish | Edge::BytesRelease | Edge::BytesConsume => Ordering::Release,
            Edge::BytesObserve | Edge::BytesReclaim | Edge::BytesReclaimExact => Ordering::Acquire,
            Edge::CloseSet | Edge::SetWaiting | Edge::FencesBegin => Ordering::Release,
            Edge::CloseLoad | Edge::ClearWaiting => Ordering::Acquire,
            Edge::ClaimWake => Ordering::AcqRel,
            Edge::MpmcPublish
            | Edge::MpmcRelease
            | Edge::MpmcTailStore
            | Edge::MpmcHeadStore
            | Edge::MpmcVoid
            | Edge::MpmcOrphan
            | Edge::MpmcOrphansMade
            | Edge::MpmcSeatFree
            | Edge::MpmcOverwrite
            | Edge::MpmcVoidMade => Ordering::Release,
            Edge::MpmcObserve
            | Edge::MpmcReclaim
            | Edge::MpmcReap
            | Edge::MpmcTailLoad
            | Edge::MpmcHeadLoad
            | Edge::MpmcOrphansSeen
            | Edge::MpmcSeatCheck
            | Edge::MpmcValidate
            | Edge::MpmcVoidsSeen => Ordering::Acquire,
            Edge::MpmcClaim | Edge::MpmcTake | Edge::MpmcTakeOrphan => Ordering::AcqRel,
            Edge::BroadcastPublish | Edge::BroadcastGiveUp | Edge::BroadcastConsume | Edge::BroadcastTail => {
                Ordering::Release
            }
            Edge::BroadcastObserve
            | Edge::BroadcastValidate
            | Edge::BroadcastReclaim
            | Edge::BroadcastTailSeen => Ordering::Acquire,
            Edge::WaiterSetJoin => Ordering::Release,
            Edge::WaiterSetTake => Ordering::Acquire,
            Edge::LatestPublish | Edge::LatestBusy | Edge::LatestNoted | Edge::LatestCounted => {
                Ordering::Release
            }
            Edge::LatestObserve | Edge::LatestRecheck | Edge::LatestNoticed | Edge::LatestJoin => {
                Ordering::Acquire
            }
            Edge::CallAsk | Edge::CallReply => Ordering::Release,
            Edge::CallTake | Edge::CallAccept => Ordering::Acquire,
            // A read-modify-write that itself hands nothing over.
            Edge::MpmcSkip => Ordering::Relaxed,
            Edge::PoolOffer
            | Edge::PoolRelease
            | Edge::PoolLeave
            | Edge::PoolSeatFree
            | Edge::PoolRepair
            | Edge::PoolReaderFirst
            | Edge::PoolOverwrite => Ordering::Release,
            Edge::PoolLookSent
            | Edge::PoolReap
            | Edge::PoolSeatTake
            | Edge::PoolSeatCheck
            | Edge::PoolReaderMore
            | Edge::PoolValidate => Ordering::Acquire,
            Edge::PoolTake | Edge::PoolJoin | Edge::PoolClaim | Edge::PoolReaderLess => Ordering::AcqRel,
            // A read-modify-write that itself hands nothing over.
            Edge::PoolSent => Ordering::Relaxed,
            Edge::DepartureNote | Edge::DepartureCount | Edge::WakeGivenBack | Edge::QueueLive => {
                Ordering::Release
            }
            Edge::DepartureNoteTaken | Edge::DepartureCounted | Edge::WakeClaimed | Edge::QueueSeen => {
                Ordering::Acquire
            }
        }
    }

    /// The label that the two ends of the edge share.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Edge::SpscPublish | Edge::SpscObserve => "S1",
            Edge::SpscRelease | Edge::SpscReclaim => "S2",
            Edge::SpscConsume | Edge::SpscReclaimExact => "S3",
            Edge::SpscOverwrite | Edge::SpscValidate => "S4",
            Edge::BytesPublish | Edge::BytesObserve => "B1",
            Edge::BytesRelease | Edge::BytesReclaim => "B2",
            Edge::BytesConsume | Edge::BytesReclaimExact => "B3",
            Edge::BytesOverwrite | Edge::BytesValidate => "B4",
            Edge::BytesMark | Edge::BytesMarkSeen => "B5",
            Edge::CloseSet | Edge::CloseLoad => "C1",
            Edge::SetWaiting | Edge::ClaimWake => "W1",
            Edge::ClearWaiting => "W3",
            Edge::WaiterSetJoin | Edge::WaiterSetTake => "W2",
            Edge::FencesBegin => "W4",
            Edge::MpmcPublish | Edge::MpmcObserve => "M1",
            Edge::MpmcRelease | Edge::MpmcReclaim => "M2",
            Edge::MpmcClaim | Edge::MpmcTake | Edge::MpmcTakeOrphan | Edge::MpmcReap => "M3",
            Edge::MpmcTailStore | Edge::MpmcTailLoad => "M4",
            Edge::MpmcHeadStore | Edge::MpmcHeadLoad => "M5",
            Edge::MpmcVoid | Edge::MpmcOrphan => "M6",
            Edge::MpmcOrphansMade | Edge::MpmcOrphansSeen => "M7",
            Edge::MpmcSeatFree | Edge::MpmcSeatCheck => "M8",
            Edge::MpmcSkip => "M9",
            Edge::MpmcOverwrite | Edge::MpmcValidate => "T1",
            Edge::MpmcVoidMade | Edge::MpmcVoidsSeen => "T2",
            Edge::BroadcastPublish | Edge::BroadcastObserve => "D1",
            Edge::BroadcastGiveUp | Edge::BroadcastValidate => "D2",
            Edge::BroadcastConsume | Edge::BroadcastReclaim => "D3",
            Edge::BroadcastTail | Edge::BroadcastTailSeen => "D4",
            Edge::LatestPublish | Edge::LatestObserve => "L1",
            Edge::LatestBusy | Edge::LatestRecheck => "L2",
            Edge::LatestNoted | Edge::LatestNoticed => "L3",
            Edge::LatestCounted | Edge::LatestJoin => "L4",
            Edge::CallAsk | Edge::CallTake => "Q1",
            Edge::CallReply | Edge::CallAccept => "Q2",
            Edge::PoolOffer | Edge::PoolSent | Edge::PoolTake | Edge::PoolJoin | Edge::PoolLookSent => "P1",
            Edge::PoolRelease | Edge::PoolLeave | Edge::PoolClaim => "P2",
            Edge::PoolReap => "P3",
            Edge::PoolSeatFree | Edge::PoolSeatTake | Edge::PoolSeatCheck => "P4",
            Edge::PoolRepair => "P5",
            Edge::PoolReaderFirst | Edge::PoolReaderMore | Edge::PoolReaderLess => "P6",
            Edge::PoolOverwrite | Edge::PoolValidate => "P7",
            Edge::DepartureNote
            | Edge::DepartureNoteTaken
            | Edge::DepartureCount
            | Edge::DepartureCounted => "G1",
            Edge::WakeGivenBack | Edge::WakeClaimed => "G2",
            Edge::QueueLive | Edge::QueueSeen => "G3",
        }
    }
}
