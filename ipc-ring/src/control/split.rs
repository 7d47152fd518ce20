//! The two directions of a connection, for two threads.

use std::fmt;
use std::io::{self, BufRead, IoSlice, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::connection::Connection;
use super::peer::Peer;
use super::reason::Reason;
use super::session::Session;
use super::stream::{fill_buf, open, read};
use crate::channel::bytes::{Consumer, Producer, Reading, Writing, flush};
use crate::interrupter::Interrupter;

/// The state that both halves share.
type Shared = Arc<Mutex<Session>>;

fn session(shared: &Shared) -> MutexGuard<'_, Session> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The reading half of a connection, from [`Connection::into_split`]: [`Read`] and [`BufRead`] with the same
/// errors as the connection.
///
/// Dropping it closes its direction: writing at the other side fails with `BrokenPipe`.
pub struct ReadHalf {
    /// `None` only when it was closed, or is being dropped.
    consumer: Option<Consumer>,
    reading: Reading,
    session: Shared,
}

/// The writing half of a connection, from [`Connection::into_split`]: [`Write`] with the same errors as the
/// connection.
///
/// Dropping it closes its direction: the other side reads what was written, then the end of the stream.
pub struct WriteHalf {
    /// `None` when it was closed.
    producer: Option<Producer>,
    writing: Writing,
    session: Shared,
}

/// Halves of two connections, from [`ReadHalf::reunite`].
#[derive(Debug)]
pub struct ReuniteError(pub ReadHalf, pub WriteHalf);

impl Connection {
    /// The two directions, for two threads. Timeouts, [`set_nonblocking`](Self::set_nonblocking) and
    /// [`unread`](Self::unread) bytes go with them; each half has an [`interrupter`](ReadHalf::interrupter)
    /// of its own, and those of the connection have no effect on them. The connection counts for its listener
    /// until both are dropped.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::io::{BufRead, Write};
    ///
    /// # let domain = ipc_ring::Domain::open("doc-example-split")?;
    /// # let service = ipc_ring::control::Builder::new("lines").domain(&domain);
    /// # let mut listener = service.bind()?;
    /// # let client = std::thread::spawn(move || service.connect().map_err(|error| error.to_string()));
    /// # let mut server = listener.accept()?;
    /// # let connection = client.join().expect("no panic")?;
    /// let (mut reader, mut writer) = connection.into_split();
    /// let printer = std::thread::spawn(move || {
    ///     let mut line = String::new();
    ///     reader.read_line(&mut line).map(|_| line)
    /// });
    /// writeln!(writer, "hello")?;
    /// # let mut line = String::new();
    /// # server.read_line(&mut line)?;
    /// # server.write_all(line.as_bytes())?;
    /// assert_eq!(printer.join().expect("no panic")?, "hello\n");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn into_split(mut self) -> (ReadHalf, WriteHalf) {
        let (reading, writing) = (std::mem::take(&mut self.reading), self.writing);
        let (producer, consumer, session) = self.into_parts();
        let session = Arc::new(Mutex::new(session));
        let reader = ReadHalf { consumer, reading, session: Arc::clone(&session) };
        (reader, WriteHalf { producer, writing, session })
    }
}

/// The methods that both halves have.
macro_rules! half {
    ($half:ident, $end:ident) => {
        impl $half {
            /// The process at the other side.
            #[must_use]
            pub fn peer(&self) -> Peer {
                session(&self.session).peer()
            }

            /// As [`Session::is_peer_alive`].
            ///
            /// # Errors
            /// As there.
            pub fn is_peer_alive(&self) -> Result<bool, ipc_core::Error> {
                session(&self.session).is_peer_alive()
            }

            /// The server's reason for ending the connection, if it sent one. For a client, after its rings
            /// were closed; one system call.
            pub fn reason(&mut self) -> Option<Reason> {
                session(&self.session).close_reason()
            }

            /// A handle by which another thread, or a signal handler, ends the waits of this half, with an
            /// error of the kind `Other`; `None` when it is closed.
            #[must_use]
            pub fn interrupter(&self) -> Option<Interrupter> {
                self.$end.as_ref().map(|end| end.interrupter())
            }

            /// As [`Connection::set_interruptible`], for this half.
            pub fn set_interruptible(&mut self, by_signals: bool) {
                if let Some(end) = &mut self.$end {
                    end.set_interruptible(by_signals);
                }
            }
        }

        impl fmt::Debug for $half {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let is_open = self.$end.is_some();
                f.debug_struct(stringify!($half)).field("is_open", &is_open).finish_non_exhaustive()
            }
        }
    };
}

half!(ReadHalf, consumer);
half!(WriteHalf, producer);

impl ReadHalf {
    /// The receiving end, for frames and for use in a set; `None` when it is closed. The rest of a frame that
    /// was read in part is in [`unread`](Self::unread).
    pub fn receiver(&mut self) -> Option<&mut Consumer> {
        self.consumer.as_mut()
    }

    /// The rest of a frame that was read in part.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        self.reading.buffer()
    }

    /// As [`Connection::set_read_timeout`].
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

    /// As [`Connection::set_nonblocking`], for this half.
    pub fn set_nonblocking(&mut self, is_nonblocking: bool) {
        self.reading.patience.set_nonblocking(is_nonblocking);
    }

    /// Joins the two halves of one connection again.
    ///
    /// # Errors
    /// When they belong to two connections; they are handed back.
    #[expect(clippy::result_large_err, reason = "the halves are handed back as they are")]
    pub fn reunite(mut self, mut writer: WriteHalf) -> Result<Connection, ReuniteError> {
        if !Arc::ptr_eq(&self.session, &writer.session) {
            return Err(ReuniteError(self, writer));
        }
        let (reading, writing) = (std::mem::take(&mut self.reading), writer.writing);
        let (consumer, producer) = (self.consumer.take(), writer.producer.take());
        let shared = Arc::clone(&self.session);
        drop((self, writer));
        let session = Arc::into_inner(shared).expect("two halves hold it, and both are gone");
        let session = session.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(Connection::of_parts((producer, writing), (consumer, reading), session))
    }
}

impl Read for ReadHalf {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        read(&mut self.reading, self.consumer.as_mut(), out)
    }
}

impl BufRead for ReadHalf {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        fill_buf(&mut self.reading, self.consumer.as_mut())
    }

    fn consume(&mut self, count: usize) {
        self.reading.consume(count);
    }
}

impl Drop for ReadHalf {
    fn drop(&mut self) {
        // After a panic the end detaches, as it does by itself in a forked child.
        if let Some(consumer) = self.consumer.take()
            && !std::thread::panicking()
        {
            consumer.close();
        }
    }
}

impl WriteHalf {
    /// The sending end, for frames and for use in a set; `None` when it is closed.
    pub fn sender(&mut self) -> Option<&mut Producer> {
        self.producer.as_mut()
    }

    /// As [`Connection::set_write_timeout`].
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

    /// As [`Connection::set_nonblocking`], for this half.
    pub fn set_nonblocking(&mut self, is_nonblocking: bool) {
        self.writing.patience.set_nonblocking(is_nonblocking);
    }

    /// Closes the direction, like dropping, but the half can be [reunited](ReadHalf::reunite).
    pub fn shutdown(&mut self) {
        self.producer = None;
    }
}

impl Write for WriteHalf {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writing.write(open(self.producer.as_mut())?, bytes)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.writing.write_vectored(open(self.producer.as_mut())?, pieces)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.producer.as_mut().map_or(Ok(()), flush)
    }
}

impl fmt::Display for ReuniteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("these are halves of two connections; reunite each with its own")
    }
}

impl std::error::Error for ReuniteError {}
