//! The position of a subscriber, and where it starts.

use core::fmt;
use core::num::ParseIntError;
use core::str::FromStr;

use crate::error::{AttachError, AttachErrorKind};
use crate::ring::broadcast as ring;

/// A position in a channel's stream that can be saved and resumed from, even by another process. Its text
/// form, which can be parsed: `generation.sequence.offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// The channel's generation: no other channel of the domain has the same, even under the same name.
    pub generation: u64,
    /// The sequence number of the next message, which is the number of messages published before it.
    pub sequence: u64,
    /// Its location: bytes from the start of the stream in a channel of frames, the sequence number again in
    /// others.
    pub offset: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.generation, self.sequence, self.offset)
    }
}

impl FromStr for Position {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        let mut parts = text.splitn(3, '.').map(str::parse);
        let mut next = || parts.next().unwrap_or_else(|| "".parse());
        Ok(Self { generation: next()?, sequence: next()?, offset: next()? })
    }
}

/// Where a subscriber begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Start {
    /// With the oldest message left.
    #[default]
    Oldest,
    /// With the newest message, or the first one to come when there is none.
    Newest,
    /// With the first message that is published after the subscriber has attached.
    Next,
    /// With the message of this sequence number. Messages already overwritten are reported as missed; one
    /// that is still to come is waited for, in a channel of frames only when it is the very next. No channel
    /// reaches 2^63: that and more is refused.
    Sequence(u64),
    /// Where an earlier subscriber stopped.
    Saved(Position),
}

/// No channel that starts at 0 reaches this position: at a thousand million messages a second it takes 292
/// years.
const FAR: u64 = 1 << 63;

impl Start {
    /// For the ring of a channel of this generation.
    ///
    /// # Errors
    /// [`StalePosition`](crate::AttachErrorKind::StalePosition),
    /// [`NoSuchPosition`](crate::AttachErrorKind::NoSuchPosition).
    pub(in crate::channel) fn check(self, generation: u64) -> Result<ring::Start, AttachError> {
        Ok(match self {
            // Positions are compared by their distance: these would count as long past.
            Start::Sequence(sequence @ FAR..) => {
                return Err(AttachErrorKind::NoSuchPosition { sequence }.into());
            }
            Start::Saved(Position { generation: saved, sequence: sequence @ FAR.., .. })
                if saved == generation =>
            {
                return Err(AttachErrorKind::NoSuchPosition { sequence }.into());
            }
            Start::Oldest => ring::Start::Oldest,
            Start::Newest => ring::Start::Newest,
            Start::Next => ring::Start::Next,
            Start::Sequence(sequence) => ring::Start::At(sequence),
            Start::Saved(position) if position.generation == generation => ring::Start::At(position.sequence),
            Start::Saved(position) => {
                return Err(AttachErrorKind::StalePosition {
                    saved: position.generation,
                    channel: generation,
                }
                .into());
            }
        })
    }

    /// For the ring of a channel of frames of this generation.
    ///
    /// # Errors
    /// [`StalePosition`](crate::AttachErrorKind::StalePosition).
    pub(super) fn check_frames(self, generation: u64) -> Result<ring::frames::Start, AttachError> {
        Ok(match self {
            Start::Oldest => ring::frames::Start::Oldest,
            Start::Newest => ring::frames::Start::Newest,
            Start::Next => ring::frames::Start::Next,
            Start::Sequence(sequence) => ring::frames::Start::Numbered(sequence),
            Start::Saved(Position { generation: saved, sequence, offset }) if saved == generation => {
                ring::frames::Start::At { position: offset, sequence }
            }
            Start::Saved(position) => {
                return Err(AttachErrorKind::StalePosition {
                    saved: position.generation,
                    channel: generation,
                }
                .into());
            }
        })
    }

    /// The error for a position that does not exist in the channel.
    pub(super) fn nowhere(self) -> AttachError {
        match self {
            Start::Sequence(sequence) => AttachErrorKind::NoSuchPosition { sequence }.into(),
            Start::Saved(position) => AttachErrorKind::NoSuchPosition { sequence: position.sequence }.into(),
            _ => AttachErrorKind::NotReady.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_is_written() {
        let position = Position { generation: u64::MAX, sequence: 7, offset: 0 };
        assert_eq!(position.to_string().parse(), Ok(position));
        for wrong in ["", "1", "1.2", "1.2.x", "1.2.3.4", "-1.2.3"] {
            assert!(wrong.parse::<Position>().is_err(), "{wrong:?}");
        }
    }
}
