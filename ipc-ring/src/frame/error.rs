//! Why bytes are not a valid frame.

use core::fmt;

use super::{HEADER_SIZE, MAJOR, MAX_BODY};
use crate::error::debug_as_display;

/// Why bytes are not a valid frame.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// Fewer bytes than a header, or more than the longest frame.
    Length {
        /// The number of bytes.
        found: usize,
    },
    /// It does not start like a frame.
    Magic {
        /// Its first four bytes.
        found: u32,
    },
    /// Another major version.
    Version {
        /// The frame's.
        found: u8,
        /// The sender's queue for answers, to notify it, if the field is where this version would put it.
        queue: i32,
    },
    /// The checksum is not that of the bytes.
    Checksum,
    /// The header states another number of bytes.
    BodyLength {
        /// Bytes after the header.
        found: usize,
        /// Bytes according to the header.
        told: u32,
    },
    /// A kind that this version does not have.
    Kind {
        /// The frame's.
        found: u16,
    },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { found } => {
                write!(f, "a frame has {HEADER_SIZE} to {} bytes, not {found}", HEADER_SIZE + MAX_BODY)
            }
            Self::Magic { found } => write!(f, "it starts with {found:#010x}, which is no frame"),
            Self::Version { found, .. } => {
                write!(f, "frames of version {found}, this library speaks {MAJOR}")
            }
            Self::Checksum => f.write_str("the checksum is wrong"),
            Self::BodyLength { found, told } => {
                write!(f, "{found} bytes follow the header, which tells {told}")
            }
            Self::Kind { found } => write!(f, "frames of kind {found} are unknown"),
        }
    }
}

impl std::error::Error for FrameError {}

debug_as_display!(FrameError);
