//! How much a description may hold.

/// The longest text of a description, in bytes.
pub const MAX_TEXT: usize = 16 * 1024;

/// The longest name of a type or field, in bytes.
pub const MAX_NAME: usize = 120;

/// The largest type, in bytes: as large as the largest block of a pool.
pub const MAX_SIZE: u32 = 64 << 20;
