//! The side of a channel that an end is on, as frames and records name it.

/// The side of a channel that an end is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EndRole {
    /// Puts messages in: a producer, a publisher, a writer; the caller of a channel of calls.
    Producer,
    /// Takes messages out: a consumer, a subscriber, a reader; the responder of a channel of calls.
    Consumer,
    /// Both: a process that has a pool open.
    Member,
}

impl EndRole {
    /// The number in frames and in the records of rings with many ends.
    pub(crate) fn to_raw(self) -> u32 {
        match self {
            EndRole::Producer => 1,
            EndRole::Consumer => 2,
            EndRole::Member => 3,
        }
    }

    pub(crate) fn from_raw(raw: u32) -> Option<Self> {
        [EndRole::Producer, EndRole::Consumer, EndRole::Member].into_iter().find(|role| role.to_raw() == raw)
    }
}
