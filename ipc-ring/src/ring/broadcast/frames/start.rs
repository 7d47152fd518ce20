//! Where a subscriber of frames starts, and why it cannot.

use core::fmt;

use crate::error::debug_as_display;

/// Where a subscriber starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Start {
    /// With the oldest frame that can be found.
    Oldest,
    /// With the newest frame that is there, or the first one to come if there is none.
    Newest,
    /// With the first frame that is published after it has joined.
    Next,
    /// With the frame of this number. Frames from it on that are gone are reported as missed.
    Numbered(u64),
    /// Where an earlier subscriber was.
    At {
        /// Its [position](super::Subscriber::position).
        position: u64,
        /// Its [number](super::Subscriber::sequence).
        sequence: u64,
    },
}

/// The ring holds no such frame and never did, or it is still to come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NoSuchPosition;

/// Why a join failed.
#[non_exhaustive]
pub enum Unjoined {
    /// As [`NoSuchPosition`].
    NoSuchPosition,
    /// As [`seat::enter`](crate::ring::broadcast::seat::enter).
    Barrier(ipc_core::Error),
}

impl fmt::Display for Unjoined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unjoined::NoSuchPosition => NoSuchPosition.fmt(f),
            Unjoined::Barrier(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Unjoined {}

debug_as_display!(Unjoined);

impl fmt::Display for NoSuchPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such frame was published")
    }
}

impl core::error::Error for NoSuchPosition {}

debug_as_display!(NoSuchPosition);
