//! Payloads as streams of bytes.

use std::io;

use super::bytes::Bytes;

/// Reads a payload from its first byte on, copying what it reads.
pub struct Reader<'a> {
    bytes: Bytes<'a>,
    position: usize,
}

/// Writes a loan from its first byte on. When it is full, `write` returns 0 and `write_all` fails with
/// [`WriteZero`](io::ErrorKind::WriteZero).
pub struct Writer<'a> {
    bytes: Bytes<'a>,
    position: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: Bytes<'a>) -> Self {
        Self { bytes, position: 0 }
    }

    /// Number of bytes that were read.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }
}

impl<'a> Writer<'a> {
    /// For a loan that stays borrowed mutably.
    pub(super) fn new(bytes: Bytes<'a>) -> Self {
        Self { bytes, position: 0 }
    }

    /// Number of bytes that were written: the length to give to [`Loan::set_len`](super::Loan::set_len) at
    /// the end.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }
}

impl io::Read for Reader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let len = out.len().min(self.bytes.len - self.position);
        self.bytes.read_at(self.position, &mut out[..len])?;
        self.position += len;
        Ok(len)
    }
}

impl io::Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = bytes.len().min(self.bytes.len - self.position);
        self.bytes.write_at(self.position, &bytes[..len])?;
        self.position += len;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl core::fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Reader").field("position", &self.position).finish_non_exhaustive()
    }
}

impl core::fmt::Debug for Writer<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Writer").field("position", &self.position).finish_non_exhaustive()
    }
}
