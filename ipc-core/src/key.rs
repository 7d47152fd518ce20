//! Keys: the external names of System V objects.

use core::fmt;
use core::num::NonZeroU8;
use core::str::FromStr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::error::{Error, Result};

/// The name by which unrelated processes find an object. Not the object's identifier: a key is used only to
/// create or open; after that the identifier is used.
///
/// The three kinds of objects have separate key spaces. A key is no secret: `/proc/sysvipc` shows all of them
/// to every user.
///
/// ```
/// use ipc_core::Key;
///
/// let key = Key::from_raw(42);
/// assert_eq!(key.to_string(), "0x0000002a");
/// assert_eq!("0x2a".parse(), Ok(key));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[doc(alias = "key_t")]
pub struct Key(i32);

impl Key {
    /// `IPC_PRIVATE`: creates a new object each time, which no process can find by a key. The name is
    /// misleading: access to the object depends on its mode alone.
    ///
    /// ```
    /// assert_eq!(ipc_core::Key::PRIVATE.as_raw(), 0);
    /// ```
    #[doc(alias = "IPC_PRIVATE")]
    pub const PRIVATE: Key = Key(0);

    /// The key of this number. 0 is [`Key::PRIVATE`]; -1 works, but is what `ftok` returns for an error.
    ///
    /// ```
    /// assert_eq!(ipc_core::Key::from_raw(-2).to_string(), "0xfffffffe");
    /// ```
    #[must_use]
    pub const fn from_raw(key: i32) -> Key {
        Key(key)
    }

    /// The number of this key, as C sees it.
    ///
    /// ```
    /// assert_eq!(ipc_core::Key::from_raw(7).as_raw(), 7);
    /// ```
    #[must_use]
    pub const fn as_raw(self) -> i32 {
        self.0
    }

    /// A random key, never 0 or -1. Store it where the other processes find it, for example in a file of
    /// mode 0600.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) when the kernel or a sandbox refuses
    /// `getrandom`.
    ///
    /// ```
    /// use ipc_core::Key;
    ///
    /// let key = Key::random()?;
    /// assert_ne!(key, Key::PRIVATE);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn random() -> Result<Key> {
        loop {
            let key = i32::from_ne_bytes(crate::random_bytes()?);
            if key != 0 && key != -1 {
                return Ok(Key(key));
            }
        }
    }

    /// `key_t ftok(const char *path, int id)`—the key that the C library computes from a file and a number:
    /// the low 8 bits of the number, of the device and the low 16 bits of the inode.
    ///
    /// For interoperating with programs that use it. **Not unique**: two files whose inodes differ by a
    /// multiple of 65536 collide, and a file replaced by renaming another one over it has another key. Prefer
    /// [`Key::random`]. The number is not zero because the C library leaves that case unspecified.
    ///
    /// # Errors
    /// Those of `stat` on the path: [`ErrorKind::NotFound`](crate::ErrorKind::NotFound),
    /// [`ErrorKind::PermissionDenied`](crate::ErrorKind::PermissionDenied) when a directory of the path may
    /// not be searched. The file itself need not be readable.
    ///
    /// ```
    /// use ipc_core::Key;
    /// use std::num::NonZeroU8;
    ///
    /// let id = NonZeroU8::new(b'a').unwrap();
    /// assert_eq!(Key::ftok("/etc", id)?, Key::ftok("/etc/.", id)?);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    ///
    /// # References
    /// ftok(3)
    pub fn ftok(path: impl AsRef<Path>, id: NonZeroU8) -> Result<Key> {
        let path = path.as_ref();
        let stat = std::fs::metadata(path)
            .map_err(|error| Error::io("ftok", format!("path={}, id={id}", path.display()), error))?;
        let device = (stat.dev() & 0xff) as u32;
        let inode = (stat.ino() & 0xffff) as u32;
        let key = u32::from(id.get()) << 24 | device << 16 | inode;
        Ok(Key(key.cast_signed()))
    }
}

impl fmt::Display for Key {
    /// Hexadecimal with eight digits, as `ipcs` shows it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:08x}", self.0.cast_unsigned())
    }
}

impl FromStr for Key {
    type Err = ParseKeyError;

    /// Reads `0x2a` (hexadecimal), `052` and `0o52` (octal), `42` and `-42` (decimal). Numbers that need more
    /// than 32 bits are rejected, not truncated.
    fn from_str(text: &str) -> core::result::Result<Key, ParseKeyError> {
        let bits = |digits: &str, radix| match digits.as_bytes() {
            [b'+' | b'-', ..] => None,
            _ => u32::from_str_radix(digits, radix).ok().map(u32::cast_signed),
        };
        let key = if let Some(digits) = text.strip_prefix("0x").or(text.strip_prefix("0X")) {
            bits(digits, 16)
        } else if let Some(digits) = text.strip_prefix("0o") {
            bits(digits, 8)
        } else if text.len() > 1 && text.starts_with('0') {
            bits(&text[1..], 8)
        } else if text.starts_with('-') {
            text.parse().ok()
        } else {
            bits(text, 10)
        };
        key.map(Key).ok_or_else(|| ParseKeyError(text.to_owned()))
    }
}

/// The text is not a 32-bit key.
///
/// ```
/// use ipc_core::Key;
///
/// let error = "0x100000000".parse::<Key>().unwrap_err();
/// assert_eq!(error.to_string(), "not a key of 32 bits in decimal, 0x hexadecimal or 0 octal: \"0x100000000\"");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ParseKeyError(String);

impl fmt::Display for ParseKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a key of 32 bits in decimal, 0x hexadecimal or 0 octal: {:?}", self.0)
    }
}

// What a `main` that returns it prints.
impl fmt::Debug for ParseKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for ParseKeyError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_in_three_bases_and_never_cut() {
        for (text, raw) in [
            ("0", 0),
            ("42", 42),
            ("-42", -42),
            ("0x2a", 42),
            ("0X2A", 42),
            ("052", 42),
            ("0o52", 42),
            ("4294967295", -1),
            ("0xffffffff", -1),
            ("-2147483648", i32::MIN),
        ] {
            assert_eq!(text.parse(), Ok(Key(raw)), "{text}");
        }
        for text in
            ["", "-", "+1", "0x", "0x-1", "0x+1", "08", "0o8", "4294967296", "-2147483649", "1 ", "key"]
        {
            assert!(text.parse::<Key>().is_err(), "{text:?}");
        }
    }
}
