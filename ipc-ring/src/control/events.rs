//! The events of a channel: its ends join, leave, close and die, and its users send each other messages.

use super::discovery::EndInfo;
use crate::domain::Owner;

/// The maximum length of a user message, in bytes.
pub const MAX_USER_MESSAGE: usize = 1024;
/// The maximum number of values in one answer to a request for statistics.
pub const MAX_STATS: usize = 64;

/// An event of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChannelEvent {
    /// A process took an end.
    Joined(EndInfo),
    /// A process released an end; it may take it again.
    Left(EndInfo),
    /// An end was closed for good: the stream ends, or no process will read it any more. Of a many-to-many
    /// channel only the end that closed it reports this; the others leave.
    Closing(EndInfo),
    /// The process that held an end died.
    Died(EndInfo),
    /// Another process asks this one to leave the channel. Whether to do so is up to the program.
    Evicted {
        /// The process that asks.
        by: Sender,
        /// The reason, a number with a meaning that the application gives it.
        code: u64,
    },
    /// Another process asks for this process's statistics, which [`Watch::answer`](super::Watch::answer)
    /// sends.
    StatsRequested {
        /// The process that asks.
        by: Sender,
    },
    /// Statistics that were requested. The application defines what they mean.
    Stats {
        /// The process that answers.
        from: Sender,
        /// The numbers.
        values: Vec<u64>,
    },
    /// A user message.
    Message {
        /// The process that sent it.
        from: Sender,
        /// Up to 1024 bytes.
        bytes: Vec<u8>,
    },
}

/// A process that sent something to the watchers of a channel, by its own account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// Its identity in the domain.
    pub owner: Owner,
    /// Its process number.
    pub pid: u32,
}
