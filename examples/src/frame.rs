//! Pictures of a made-up camera, with a message about each.

use ipc_ring::pool::{AccessError, Handle, Loan, View};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// The pool that `camera` and `viewer` share.
pub const POOL: &str = "example.frames";
/// The channel of [`Frame`]s.
pub const CHANNEL: &str = "example.frames.new";

/// Pixels in a row.
pub const WIDTH: usize = 1920;
/// Rows.
pub const HEIGHT: usize = 1080;
/// Bytes of a picture: one for each pixel.
pub const BYTES: usize = WIDTH * HEIGHT;
/// Pictures that can be in transit, being taken or being read.
pub const BLOCKS: u64 = 8;

/// What is sent: a picture's number, and its handle.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Frame {
    /// Counts from 0.
    pub number: u64,
    /// The block with the picture.
    pub picture: Handle,
}

/// Takes picture number `number`: moving stripes.
///
/// # Errors
/// [`AccessError::OutOfBounds`] when the loan has fewer than [`BYTES`].
pub fn expose(picture: &mut Loan, number: u64) -> Result<(), AccessError> {
    (0..HEIGHT).try_for_each(|row| picture.write(row * WIDTH, &[shade(number, row); WIDTH]))
}

/// A row of a picture, copied: it does not change any more, whatever other processes do.
///
/// # Errors
/// [`AccessError::OutOfBounds`] when the picture has no such row.
pub fn row(picture: &View, row: usize) -> Result<[u8; WIDTH], AccessError> {
    picture.read(row * WIDTH)
}

/// How bright a row is.
#[must_use]
pub fn shade(number: u64, row: usize) -> u8 {
    (number as usize + row) as u8
}

/// Whether this is picture number `number`, whole.
#[must_use]
pub fn is_whole(picture: &View, number: u64) -> bool {
    picture.len() == BYTES && (0..HEIGHT).all(|at| row(picture, at) == Ok([shade(number, at); WIDTH]))
}
