//! Where a robot is.

use zerocopy::{FromBytes, Immutable, IntoBytes};

/// A place and a direction: 24 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Pose {
    /// Metres to the east.
    pub x: f64,
    /// Metres to the north.
    pub y: f64,
    /// Radians from the east, against the clock.
    pub heading: f64,
}

impl Pose {
    /// The `number`th pose of a robot that drives in a circle of ten metres, a thousand poses per lap.
    #[must_use]
    pub fn sample(number: u64) -> Self {
        let heading = (number % 1000) as f64 / 1000.0 * std::f64::consts::TAU;
        Self { x: 10.0 * heading.cos(), y: 10.0 * heading.sin(), heading }
    }
}
