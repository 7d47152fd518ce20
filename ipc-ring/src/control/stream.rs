//! A connection as a stream of bytes, like a socket.

use std::io::{self, BufRead, IoSlice, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use super::connection::Connection;
use crate::channel::bytes::{Consumer, Producer, Reading, flush};
use crate::channel::{Carry, Frames};

/// Closes one direction or both, like `shutdown(2)` of a socket.
impl<Out: Carry, In: Carry> Connection<Out, In> {
    /// Closes the sending direction, the receiving one, or both.
    ///
    /// - [`Shutdown::Write`]: the other side reads what was sent, then the end of the stream; writing here
    ///   fails with `BrokenPipe`. The same as [`finish`](Self::finish).
    /// - [`Shutdown::Read`]: reading here gives the end of the stream at once, and what has arrived and was
    ///   not read is lost; writing at the other side fails with `BrokenPipe`.
    ///
    /// Closing a direction that is closed has no effect. Never waits.
    pub fn shutdown(&mut self, how: Shutdown) {
        if matches!(how, Shutdown::Write | Shutdown::Both) {
            self.producer = None;
        }
        if matches!(how, Shutdown::Read | Shutdown::Both) {
            self.reading = Reading::default();
            if let Some(consumer) = self.consumer.take() {
                consumer.close();
            }
        }
    }
}

impl Connection {
    /// Whether reads and writes return `WouldBlock` instead of waiting; by default they wait. The timeouts
    /// have no effect then.
    ///
    /// A read or a write that would wait asks whether the other side is alive, one system call. To learn
    /// when it is worth trying again, wait for [`receiver`](Self::receiver) or [`sender`](Self::sender) in a
    /// [`WaitSet`](crate::WaitSet) or a [`PollSet`](crate::readiness::PollSet), after a `WouldBlock`.
    ///
    /// Has no effect on [`send`](Self::send), [`recv`](Self::recv) and their other forms.
    pub fn set_nonblocking(&mut self, is_nonblocking: bool) {
        self.reading.patience.set_nonblocking(is_nonblocking);
        self.writing.patience.set_nonblocking(is_nonblocking);
    }
}

impl<Out: Carry> Connection<Out, Frames> {
    /// How long a read waits before it fails with `TimedOut`; `None`, the default, means without limit. For
    /// reads of the stream, not for [`recv`](Self::recv).
    ///
    /// # Errors
    /// `InvalidInput` for zero.
    pub fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.reading.patience.set_timeout(timeout)
    }

    /// How long a read waits; `None` means without limit.
    #[must_use]
    pub fn read_timeout(&self) -> Option<Duration> {
        self.reading.patience.timeout()
    }

    /// The rest of a frame that was read in part. The next read, or [`recv`](Self::recv), begins with it.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        self.reading.buffer()
    }
}

impl<In: Carry> Connection<Frames, In> {
    /// How long a write waits for room before it fails with `TimedOut`; `None`, the default, means without
    /// limit. A write that failed has written nothing. For writes to the stream, not for
    /// [`send`](Self::send).
    ///
    /// # Errors
    /// `InvalidInput` for zero.
    pub fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.writing.patience.set_timeout(timeout)
    }

    /// How long a write waits for room; `None` means without limit.
    #[must_use]
    pub fn write_timeout(&self) -> Option<Duration> {
        self.writing.patience.timeout()
    }
}

/// Frames without their boundaries: a read returns the bytes that are there, of a part of a frame or of
/// several.
///
/// # Errors
/// The [`PopError`](crate::PopError) is inside.
///
/// | kind | |
/// |---|---|
/// | `ConnectionReset` | the other side's process died, and everything that it sent has been read |
/// | `TimedOut` | nothing came within the [timeout](Connection::set_read_timeout) |
/// | `WouldBlock` | a [non-blocking](Connection::set_nonblocking) connection has nothing to read |
/// | `InvalidData` | the ring is corrupt |
/// | `Other` | the wait was [interrupted](Connection::interrupter), or the kernel refused |
///
/// An interruption is not reported as `Interrupted`, because the standard library's loops retry that kind.
///
/// # Blocking
/// By this side's wait strategy, until a byte is there.
impl<Out: Carry> Read for Connection<Out, Frames> {
    /// 0 is the end of the stream: the other side has closed its sending direction, and everything has been
    /// read.
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        read(&mut self.reading, self.consumer.as_mut(), out)
    }
}

impl<Out: Carry> BufRead for Connection<Out, Frames> {
    /// Returns the bytes of one frame that are there.
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        fill_buf(&mut self.reading, self.consumer.as_mut())
    }

    fn consume(&mut self, count: usize) {
        self.reading.consume(count);
    }
}

/// Each write is one frame, with as many of the bytes as a frame holds, half the ring; a write of no bytes
/// sends no frame. The other side can read it at once; collect small writes with a
/// [`BufWriter`](std::io::BufWriter).
///
/// # Errors
/// The [`PushError`](crate::PushError) is inside. Nothing was written then.
///
/// | kind | |
/// |---|---|
/// | `BrokenPipe` | this direction is closed, by either side: the other one will not read any more |
/// | `ConnectionReset` | there is no room, and the other side's process died |
/// | `TimedOut` | no room came within the [timeout](Connection::set_write_timeout) |
/// | `WouldBlock` | a [non-blocking](Connection::set_nonblocking) connection has no room |
/// | `InvalidData` | the ring is corrupt |
/// | `Other` | the wait was [interrupted](Connection::interrupter), or the kernel refused |
///
/// # Blocking
/// By this side's wait strategy, for room.
impl<In: Carry> Write for Connection<Frames, In> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writing.write(open(self.producer.as_mut())?, bytes)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.writing.write_vectored(open(self.producer.as_mut())?, pieces)
    }

    /// Returns an error that a write could not return, since its bytes were written: the other side sleeps
    /// and could not be woken. Otherwise it does nothing: what was written can be read.
    fn flush(&mut self) -> io::Result<()> {
        self.producer.as_mut().map_or(Ok(()), flush)
    }
}

/// Reads from an end; a closed end gives nothing.
pub(super) fn read(
    reading: &mut Reading,
    consumer: Option<&mut Consumer>,
    out: &mut [u8],
) -> io::Result<usize> {
    consumer.map_or(Ok(0), |consumer| reading.read(consumer, out))
}

/// As [`read`], but returns a reference.
pub(super) fn fill_buf<'a>(
    reading: &'a mut Reading,
    consumer: Option<&mut Consumer>,
) -> io::Result<&'a [u8]> {
    match consumer {
        Some(consumer) => reading.fill_buf(consumer),
        None => Ok(&[]),
    }
}

/// The end to write to, unless it is closed.
pub(super) fn open(producer: Option<&mut Producer>) -> io::Result<&mut Producer> {
    producer.ok_or_else(|| {
        io::Error::new(io::ErrorKind::BrokenPipe, "the sending direction of this connection was shut down")
    })
}
