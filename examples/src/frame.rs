//! Pictures of a made-up camera, with a message about each.

use ipc_ring::pool::Handle;
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
/// Pictures that can be on their way, being taken or being looked at.
pub const BLOCKS: u64 = 8;

/// What is sent: a picture's number, and where it lies.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Frame {
    /// Counts from 0.
    pub number: u64,
    /// The block with the picture.
    pub picture: Handle,
}

/// Takes picture number `number`: stripes that move.
pub fn expose(picture: &mut [u8], number: u64) {
    for (row, pixels) in picture.chunks_mut(WIDTH).enumerate() {
        pixels.fill(shade(number, row));
    }
}

/// How bright a row is.
#[must_use]
pub fn shade(number: u64, row: usize) -> u8 {
    (number as usize + row) as u8
}

/// Whether this is picture number `number`, whole.
#[must_use]
pub fn is_whole(picture: &[u8], number: u64) -> bool {
    picture.len() == BYTES
        && picture.chunks(WIDTH).enumerate().all(|(row, pixels)| {
            let expected = shade(number, row);
            pixels.iter().all(|pixel| *pixel == expected)
        })
}
