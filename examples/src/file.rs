//! A file as a stream of messages: chunks in order, then a digest of the whole.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// The channel that `send_file` and `receive_file` use.
pub const CHANNEL: &str = "example.file";

/// Bytes of the file in one message.
pub const CHUNK: usize = 16 * 1024 - 24;

/// A message holds a piece of the file.
pub const DATA: u64 = 1;
/// A message holds the SHA-256 of everything before it. It is the last one.
pub const END: u64 = 2;

/// One message: 16 KiB.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Chunk {
    /// [`DATA`] or [`END`].
    pub kind: u64,
    /// The offset of the bytes in the file.
    pub offset: u64,
    /// The number of valid bytes.
    pub length: u64,
    /// The bytes.
    pub bytes: [u8; CHUNK],
}

impl Chunk {
    /// An empty message.
    #[must_use]
    pub fn new(kind: u64, offset: u64) -> Self {
        Self { kind, offset, length: 0, bytes: [0; CHUNK] }
    }

    /// The valid bytes; never more than there are, whatever length is given.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        let length = usize::try_from(self.length).unwrap_or(CHUNK);
        &self.bytes[..length.min(CHUNK)]
    }

    /// Puts a digest in.
    pub fn set_digest(&mut self, digest: Sha256) {
        let digest = digest.finalize();
        self.bytes[..digest.len()].copy_from_slice(&digest);
        self.length = digest.len() as u64;
    }
}

/// Bytes as `sha256sum` prints them.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Millions of bytes a second.
#[must_use]
pub fn megabytes_a_second(bytes: u64, time: std::time::Duration) -> f64 {
    bytes as f64 / 1e6 / time.as_secs_f64().max(1e-9)
}
