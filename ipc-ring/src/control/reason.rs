//! Why a server refuses a client, or ends a connection.

use core::fmt;

use crate::frame::MAJOR;

/// Why a server refuses a client, or ends a connection. Sent as two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The other side speaks another version of the frames.
    Version {
        /// The one it speaks.
        spoken: u8,
    },
    /// The server has as many handshakes under way as it allows. Trying again later may help.
    Busy,
    /// The server has as many connections as it allows.
    Full {
        /// That number.
        limit: u32,
    },
    /// The client's user has as many connections as the server allows to one user.
    UserFull {
        /// That number.
        limit: u32,
    },
    /// The client's process has as many connections as the server allows to one process.
    ProcessFull {
        /// That number.
        limit: u32,
    },
    /// The server does not serve this user.
    UserNotAllowed {
        /// The user, as the kernel attests it.
        uid: u32,
    },
    /// The objects named in the greeting are not what they should be: of different creators, open to others,
    /// or not given to the server.
    NotYours,
    /// The frame was meant for an earlier listener of this name. Trying again helps.
    Stale,
    /// A ring larger than the server allows.
    RingTooLarge {
        /// Bytes of the segment.
        bytes: u64,
    },
    /// A ring of another kind, or of another type, than the server's.
    OtherType,
    /// The rings cannot be used.
    BadRing,
    /// The server needs something that the client does not offer, or the other way round.
    MissingFeatures {
        /// The bits that are missing.
        bits: u64,
    },
    /// The other side took too long.
    TimedOut,
    /// The server ends.
    ShuttingDown,
    /// The other side does not read what is sent to it.
    TooSlow,
    /// The frames are invalid.
    Malformed,
    /// A number of the application's.
    Application(u64),
    /// A reason that this version does not know.
    Unknown {
        /// Its number.
        code: u32,
    },
}

impl Reason {
    /// The number of the reason and its detail.
    pub(super) const fn to_raw(self) -> (u32, u64) {
        match self {
            Self::Version { spoken } => (1, spoken as u64),
            Self::Busy => (2, 0),
            Self::Full { limit } => (3, limit as u64),
            Self::UserFull { limit } => (4, limit as u64),
            Self::ProcessFull { limit } => (5, limit as u64),
            Self::UserNotAllowed { uid } => (6, uid as u64),
            Self::NotYours => (7, 0),
            Self::Stale => (8, 0),
            Self::RingTooLarge { bytes } => (9, bytes),
            Self::OtherType => (10, 0),
            Self::BadRing => (11, 0),
            Self::MissingFeatures { bits } => (12, bits),
            Self::TimedOut => (13, 0),
            Self::ShuttingDown => (14, 0),
            Self::TooSlow => (15, 0),
            Self::Malformed => (16, 0),
            Self::Application(number) => (17, number),
            Self::Unknown { code } => (code, 0),
        }
    }

    /// The reason for a number; every number has one.
    pub(super) const fn from_raw(code: u32, detail: u64) -> Self {
        match code {
            1 => Self::Version { spoken: detail as u8 },
            2 => Self::Busy,
            3 => Self::Full { limit: detail as u32 },
            4 => Self::UserFull { limit: detail as u32 },
            5 => Self::ProcessFull { limit: detail as u32 },
            6 => Self::UserNotAllowed { uid: detail as u32 },
            7 => Self::NotYours,
            8 => Self::Stale,
            9 => Self::RingTooLarge { bytes: detail },
            10 => Self::OtherType,
            11 => Self::BadRing,
            12 => Self::MissingFeatures { bits: detail },
            13 => Self::TimedOut,
            14 => Self::ShuttingDown,
            15 => Self::TooSlow,
            16 => Self::Malformed,
            17 => Self::Application(detail),
            code => Self::Unknown { code },
        }
    }

    /// Whether the same attempt may succeed a little later.
    #[must_use]
    pub const fn is_temporary(self) -> bool {
        matches!(
            self,
            Self::Busy
                | Self::Full { .. }
                | Self::UserFull { .. }
                | Self::ProcessFull { .. }
                | Self::Stale
                | Self::TimedOut
                | Self::ShuttingDown
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version { spoken } => {
                write!(f, "it speaks version {spoken} of the control frames, this library {MAJOR}")
            }
            Self::Busy => f.write_str("too many handshakes are going on"),
            Self::Full { limit } => write!(f, "the server has its {limit} connections"),
            Self::UserFull { limit } => write!(f, "this user has its {limit} connections"),
            Self::ProcessFull { limit } => write!(f, "this process has its {limit} connections"),
            Self::UserNotAllowed { uid } => write!(f, "user {uid} is not served"),
            Self::NotYours => {
                f.write_str("the queue and the segments in the greeting are not the client's own")
            }
            Self::Stale => f.write_str("the greeting was for an earlier server of this name"),
            Self::RingTooLarge { bytes } => {
                write!(f, "a ring of {bytes} bytes is more than the server allows")
            }
            Self::OtherType => f.write_str("the server's rings are of another kind or type"),
            Self::BadRing => f.write_str("the client's rings cannot be used"),
            Self::MissingFeatures { bits } => write!(f, "the features {bits:#x} are missing"),
            Self::TimedOut => f.write_str("it took too long"),
            Self::ShuttingDown => f.write_str("the server ends"),
            Self::TooSlow => f.write_str("what was sent was not read"),
            Self::Malformed => f.write_str("the frames make no sense"),
            Self::Application(number) => write!(f, "the application's reason {number}"),
            Self::Unknown { code } => write!(f, "reason {code}, which this version does not know"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_a_reason_and_comes_back() {
        for code in 0..40 {
            let reason = Reason::from_raw(code, 5);
            assert_eq!(reason.to_raw().0, code, "{reason}");
            let (code, detail) = reason.to_raw();
            assert_eq!(Reason::from_raw(code, detail), reason);
            assert_eq!(matches!(reason, Reason::Unknown { .. }), !(1..=17).contains(&code));
        }
    }
}
