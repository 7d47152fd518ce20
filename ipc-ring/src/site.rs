//! The places of the algorithms at which a test may kill a process.

/// A place in an algorithm at which a process may be killed by a test.
///
/// The sites have no effect in production. Models unwind there; the `fault-injection` feature raises SIGKILL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
#[non_exhaustive]
pub enum Site {
    /// spsc: the payload is written, the sequence word is not.
    SpscPayloadWritten = 1,
    /// spsc: the sequence word is stored, no one has been woken yet.
    SpscPublished = 2,
    /// spsc: the payload is copied out, the consumed position is not stored.
    SpscPayloadRead = 3,
    /// spsc: the consumed position is stored, the head is not published yet.
    SpscConsumed = 4,
    /// waiting: the waiting bit is set, the condition is not rechecked yet.
    WaitingSet = 5,
    /// waiting: a notifier has claimed the wake-up, no token is posted yet.
    WakeClaimed = 6,
    /// waiting: a consumer has stored in `giving` what it is about to release, and has not checked for a
    /// waiter.
    WaitGiving = 7,
    /// waiting: the mask's bit of a sleeper has been taken, its waiting bit has not.
    WaitMaskTaken = 8,
    /// bytes: the payload is written and the following header cleared, nothing is published.
    BytesWritten = 20,
    /// bytes: a frame that follows a padding has its header, the padding has none.
    BytesWrapped = 21,
    /// bytes: the frame is published, no one has been woken yet.
    BytesPublished = 22,
    /// bytes: the payload is copied out, the consumed position is not stored.
    BytesRead = 23,
    /// bytes: the consumed position is stored, the head is not published yet.
    BytesConsumed = 24,
    /// mpmc: the seat is taken, nothing else.
    MpmcSeated = 40,
    /// mpmc: the slot is claimed for writing, the payload is not written.
    MpmcClaimed = 41,
    /// mpmc: the payload is written, the slot is not published.
    MpmcWritten = 42,
    /// mpmc: the slot is published, the tail is not stored.
    MpmcPublished = 43,
    /// mpmc: the tail is stored, no one has been woken yet.
    MpmcPushed = 44,
    /// mpmc: an element is claimed, its payload is not read.
    MpmcTaken = 45,
    /// mpmc: an orphan is claimed, its payload is not read.
    MpmcOrphanTaken = 46,
    /// mpmc: the payload is read, the slot is not released.
    MpmcCopied = 47,
    /// mpmc: the slot is released, the head is not stored.
    MpmcReleased = 48,
    /// mpmc: the head is stored, no one has been woken yet.
    MpmcPopped = 49,
    /// mpmc: a slot that holds nothing is freed.
    MpmcSkipped = 50,
    /// mpmc: a slot is recovered from a dead holder, consumers are not notified.
    MpmcRepaired = 51,
    /// mpmc: all slots are recovered from a dead holder, the orphan generation is not raised.
    MpmcSwept = 52,
    /// mpmc: the orphan generation is raised, the seat is not free.
    MpmcOrphansPublished = 53,
    /// mpmc: the ring is marked closed, no one has been woken yet.
    MpmcCloseSet = 54,
    /// control: the key of a queue is recorded, the queue is not created.
    ControlQueueNoted = 120,
    /// control: the queue is created, its identifier is not recorded.
    ControlQueueMade = 121,
    /// control: a client has its rings and its queue, and has sent nothing.
    ControlPrepared = 122,
    /// control: a client has sent HELLO.
    ControlGreeted = 123,
    /// control: a client has its challenge and has not answered.
    ControlChallenged = 124,
    /// control: a client has answered its challenge.
    ControlProved = 125,
    /// control: a client is welcomed and has not sent READY.
    ControlWelcomed = 126,
    /// control: a client has sent READY.
    ControlReady = 127,
    /// control: a server has its queue, its name is not in the directory.
    ControlBinding = 128,
    /// control: a server has sent a challenge.
    ControlChallenging = 129,
    /// control: a server has taken its seats, the client is not welcomed.
    ControlAdmitting = 130,
    /// control: a server has welcomed a client.
    ControlWelcoming = 131,
    /// domain: the key of a segment is recorded, the segment is not created.
    DomainSegmentNoted = 180,
    /// domain: the segment is made, and not attached.
    DomainSegmentMade = 181,
    /// domain: the segment is attached, and not marked for removal.
    DomainSegmentAttached = 182,
    /// domain: the segment is marked for removal, the note is still there.
    DomainSegmentMarked = 183,
    /// domain: the set of semaphores is made, nothing has been done with it.
    DomainSetMade = 184,
    /// domain: the set of semaphores bears the mark of a domain, there is no segment.
    DomainSetMarked = 185,
    /// domain: the segment is made, and empty.
    DomainTablesMade = 186,
    /// domain: the tables are about to be filled.
    DomainTablesCleared = 187,
    /// domain: the process has its slot, nothing else.
    DomainSlotTaken = 188,
    /// domain: the process has released its slot.
    DomainLeft = 189,
    /// domain: the segment is removed, the set of semaphores is not.
    DomainTablesRemoved = 190,
    /// domain: the segment that represents the program is created, under a key, and not attached.
    DomainImageMade = 191,
    /// domain: that segment is attached, and not marked for removal.
    DomainImageAttached = 192,
    /// domain: the lock is taken, nothing has been done with it.
    DomainLocked = 193,
    /// domain: the image and the generation of a new member are written, its token is not raised.
    DomainSlotNamed = 194,
    /// domain: the token of a new member is raised, its slot is not live.
    DomainSlotRaised = 195,
    /// broadcast: a subscriber has its seat, and no cursor yet.
    BroadcastSeated = 100,
    /// broadcast: a subscriber has its cursor, and has read nothing.
    BroadcastJoined = 101,
    /// broadcast: the payload is written, the sequence word is not.
    BroadcastWritten = 102,
    /// broadcast: the sequence word is stored, the tail is not and no one has been woken.
    BroadcastPublished = 103,
    /// broadcast: the floor is raised, nothing is written above it yet.
    BroadcastRaised = 104,
    /// broadcast: the payload is copied out, the cursor is not stored.
    BroadcastRead = 105,
    /// broadcast: the cursor is stored, a publisher that waits is not woken.
    BroadcastConsumed = 106,
    /// latest: the slot is marked, nothing of the value is written.
    LatestBusy = 80,
    /// latest: the value is written, the slot is not ready.
    LatestWritten = 81,
    /// latest: the slot is ready, the journal has no entry for it.
    LatestPublished = 82,
    /// latest: the journal's entry is written, the count of changes is not stored.
    LatestNoted = 83,
    /// latest: all is stored, no one has been woken yet.
    LatestCounted = 84,
    /// call: the caller has its copy of the request, the line is as it was.
    CallKept = 160,
    /// call: the request is in the line, the word is not stored.
    CallWritten = 161,
    /// call: the word shows the request, no one has been woken yet.
    CallAsked = 162,
    /// call: the request is taken, nothing is answered.
    CallTaken = 163,
    /// call: the reply is in the line, over the request; the word is not stored.
    CallAnswered = 164,
    /// call: the word shows the reply, no one has been woken yet.
    CallReplied = 165,
    /// pool: the seat is taken, nothing else.
    PoolSeated = 140,
    /// pool: the block is lent, nothing is written.
    PoolLoaned = 141,
    /// pool: the block is offered, its handle is not pushed.
    PoolOffered = 142,
    /// pool: the handle is pushed, the block is not marked as sent.
    PoolPushed = 143,
    /// pool: the block is marked as sent.
    PoolSent = 144,
    /// pool: the block is taken, its handle is still in the channel.
    PoolTaken = 145,
    /// pool: the member shares the block, its reader is not counted.
    PoolJoined = 146,
    /// pool: the block is released.
    PoolReleased = 147,
    /// pool: a block is recovered from a dead member.
    PoolRepaired = 148,
    /// pool: all blocks are recovered from a dead member, the seat is not free.
    PoolSwept = 149,
    /// pool: a block whose channel is gone is free.
    PoolReclaimed = 150,
    /// pool: a channel has the block, its publisher has released it.
    PoolPublished = 151,
    /// pool: a block is taken out of its channel.
    PoolWithdrawn = 152,
}

impl Site {
    /// Every site, for tests that visit them all.
    pub const ALL: [Site; 87] = [
        Site::SpscPayloadWritten,
        Site::SpscPublished,
        Site::SpscPayloadRead,
        Site::SpscConsumed,
        Site::WaitingSet,
        Site::WakeClaimed,
        Site::WaitGiving,
        Site::WaitMaskTaken,
        Site::BytesWritten,
        Site::BytesWrapped,
        Site::BytesPublished,
        Site::BytesRead,
        Site::BytesConsumed,
        Site::MpmcSeated,
        Site::MpmcClaimed,
        Site::MpmcWritten,
        Site::MpmcPublished,
        Site::MpmcPushed,
        Site::MpmcTaken,
        Site::MpmcOrphanTaken,
        Site::MpmcCopied,
        Site::MpmcReleased,
        Site::MpmcPopped,
        Site::MpmcSkipped,
        Site::MpmcRepaired,
        Site::MpmcSwept,
        Site::MpmcOrphansPublished,
        Site::MpmcCloseSet,
        Site::ControlQueueNoted,
        Site::ControlQueueMade,
        Site::ControlPrepared,
        Site::ControlGreeted,
        Site::ControlChallenged,
        Site::ControlProved,
        Site::ControlWelcomed,
        Site::ControlReady,
        Site::ControlBinding,
        Site::ControlChallenging,
        Site::ControlAdmitting,
        Site::ControlWelcoming,
        Site::DomainSegmentNoted,
        Site::DomainSegmentMade,
        Site::DomainSegmentAttached,
        Site::DomainSegmentMarked,
        Site::DomainSetMade,
        Site::DomainSetMarked,
        Site::DomainTablesMade,
        Site::DomainTablesCleared,
        Site::DomainSlotTaken,
        Site::DomainLeft,
        Site::DomainTablesRemoved,
        Site::DomainImageMade,
        Site::DomainImageAttached,
        Site::DomainLocked,
        Site::DomainSlotNamed,
        Site::DomainSlotRaised,
        Site::BroadcastSeated,
        Site::BroadcastJoined,
        Site::BroadcastWritten,
        Site::BroadcastPublished,
        Site::BroadcastRaised,
        Site::BroadcastRead,
        Site::BroadcastConsumed,
        Site::LatestBusy,
        Site::LatestWritten,
        Site::LatestPublished,
        Site::LatestNoted,
        Site::LatestCounted,
        Site::CallKept,
        Site::CallWritten,
        Site::CallAsked,
        Site::CallTaken,
        Site::CallAnswered,
        Site::CallReplied,
        Site::PoolSeated,
        Site::PoolLoaned,
        Site::PoolOffered,
        Site::PoolPushed,
        Site::PoolSent,
        Site::PoolTaken,
        Site::PoolJoined,
        Site::PoolReleased,
        Site::PoolRepaired,
        Site::PoolSwept,
        Site::PoolReclaimed,
        Site::PoolPublished,
        Site::PoolWithdrawn,
    ];
}
