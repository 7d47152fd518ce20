//! What the processes of the robot share: their channels and their messages.

use ipc_ring::Message;
use ipc_ring::broadcast::{Builder, Resume, Start};
use ipc_ring::describe::Describe;
use ipc_ring::latest;
use ipc_ring::pool::{Handle, View};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::frame::{self, WIDTH};

/// The pool of the pictures, of [`frame::BYTES`] bytes each.
pub const PICTURES: &str = "robot.pictures";
/// Pictures that can be in use at a time.
pub const BLOCKS: u64 = 12;
/// The camera's broadcast of [`Shot`]s.
pub const SHOTS: &str = "robot.shots";
/// The planner's newest [`Plan`], see [`plan`].
pub const PLAN: &str = "robot.plan";

/// A picture that was taken.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, Describe)]
#[describe(crate = "ipc_ring::describe", name = "robot.Shot/1")]
#[repr(C)]
pub struct Shot {
    /// Counts from 0, through restarts of the camera.
    pub number: u64,
    /// Where it lies in the pool.
    pub picture: Handle,
}

/// One of the two detectors. Each looks at one half of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The left half.
    Left,
    /// The right half.
    Right,
}

impl Side {
    /// Both.
    pub const ALL: [Side; 2] = [Side::Left, Side::Right];

    /// From the word that a user writes.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|side| side.name() == word)
    }

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Side::Left => "left",
            Side::Right => "right",
        }
    }

    /// The detector's broadcast of [`Detection`]s.
    #[must_use]
    pub const fn channel(self) -> &'static str {
        match self {
            Side::Left => "robot.detections.left",
            Side::Right => "robot.detections.right",
        }
    }
}

/// What a detector found in a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, Describe)]
#[describe(crate = "ipc_ring::describe", name = "robot.Detection/1")]
#[repr(C)]
pub struct Detection {
    /// The picture.
    pub picture: u64,
    /// The first dark row.
    pub row: u64,
}

/// The planner's decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, Describe)]
#[describe(crate = "ipc_ring::describe", name = "robot.Plan/1")]
#[repr(C)]
pub struct Plan {
    /// The newest picture in which something was found.
    pub picture: u64,
    /// Where to go: the row that was found there.
    pub row: u64,
    /// Pictures in which both detectors found the same, of those that this planner has seen.
    pub agreed: u64,
    /// The parts that are alive: [`CAMERA`], [`LEFT`] and [`RIGHT`], added.
    pub present: u64,
}

/// The camera is there.
pub const CAMERA: u64 = 1;
/// The left detector is there.
pub const LEFT: u64 = 2;
/// The right detector is there.
pub const RIGHT: u64 = 4;
/// All of them.
pub const EVERYBODY: u64 = CAMERA | LEFT | RIGHT;

/// The first dark row of a half of a picture, `None` if there is none or a row is not of one shade, as in a
/// picture that is torn.
#[must_use]
pub fn detect(picture: &View, side: Side) -> Option<u64> {
    let half = WIDTH / 2;
    let mut found = None;
    for number in 0..picture.len() / WIDTH {
        let row = frame::row(picture, number).ok()?;
        let row = if side == Side::Left { &row[..half] } else { &row[half..] };
        if row[0] != row[half - 1] || row[0] != row[half / 2] {
            return None;
        }
        if row[0] == 0 && found.is_none() {
            found = Some(number as u64);
        }
    }
    found
}

/// The camera's channel. Its messages are described, as those of all channels of the robot: `ipcr` shows and
/// records their fields.
#[must_use]
pub fn shots() -> Builder<Shot> {
    newest(Builder::new(SHOTS)).described()
}

/// The channel of a detector.
#[must_use]
pub fn detections(side: Side) -> Builder<Detection> {
    newest(Builder::new(side.channel())).described()
}

/// The channel of the planner.
#[must_use]
pub fn plan() -> latest::Builder<Plan> {
    latest::Builder::new(PLAN).described()
}

/// A broadcast whose subscribers have no use for old messages: they begin with the newest message, and skip
/// to it when they were too slow.
fn newest<T: Message>(channel: Builder<T>) -> Builder<T> {
    channel.start(Start::Newest).resume(Resume::Newest)
}
