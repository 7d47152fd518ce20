//! The two ends as a pipe: bytes without boundaries.
//!
//! [`Reading`] and [`Writing`] hold a stream's state apart from its end. They serve the ends here and those
//! of a [`Connection`](crate::control::Connection).

use std::io::{self, BufRead, ErrorKind, IoSlice, Read, Write};

use super::patience::Patience;
use super::{Consumer, Producer};
use crate::channel::waitable::Await as _;
use crate::end::pair::PeerState;
use crate::error::{PeerExit, PopError, PushError};

/// The reading side of a stream, without its end.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// The frame being read.
    frame: Vec<u8>,
    /// Number of its bytes that have been read.
    read: usize,
    pub(crate) patience: Patience,
    /// The error of the next read, found when there were still bytes to return.
    failed: Option<PopError>,
}

impl Reading {
    /// Bytes taken from the channel that have not been read.
    pub(crate) fn buffer(&self) -> &[u8] {
        &self.frame[self.read..]
    }

    /// The same, as an owned vector; they count as read.
    pub(crate) fn take_buffer(&mut self) -> Option<Vec<u8>> {
        if self.buffer().is_empty() {
            return None;
        }
        let mut rest = std::mem::take(&mut self.frame);
        rest.drain(..std::mem::take(&mut self.read));
        Some(rest)
    }

    /// Waits until there is a byte, then returns as many as are available and fit.
    ///
    /// # Errors
    /// See [`Reader`].
    pub(crate) fn read(&mut self, consumer: &mut Consumer, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        let mut done = self.take(out);
        // Directly into the reader's memory, if the frame fits.
        while done == 0 {
            match self.pop_into(consumer, out) {
                Ok(len) => done = len,
                Err(PopError::BufferTooSmall { .. }) => {
                    self.fill(consumer)?;
                    done = self.take(out);
                }
                Err(PopError::Closed) => return Ok(0),
                Err(error) => return Err(pop_failed(error)),
            }
        }
        while done < out.len() && consumer.has_frame() {
            match consumer.try_pop_into(&mut out[done..]) {
                Ok(len) => done += len,
                Err(PopError::BufferTooSmall { .. }) => {
                    if let Err(error) = consumer.try_pop_vec(self.emptied()) {
                        self.failed = Some(error);
                        break;
                    }
                    done += self.take(&mut out[done..]);
                }
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
            }
        }
        Ok(done)
    }

    /// Waits until there is a byte; returns the available bytes of one frame, nothing at the end.
    ///
    /// # Errors
    /// See [`Reader`].
    pub(crate) fn fill_buf(&mut self, consumer: &mut Consumer) -> io::Result<&[u8]> {
        while self.buffer().is_empty() {
            if !self.fill(consumer)? {
                break;
            }
        }
        Ok(self.buffer())
    }

    pub(crate) fn consume(&mut self, count: usize) {
        self.read = self.read.saturating_add(count).min(self.frame.len());
    }

    /// Takes bytes from the frame popped earlier.
    fn take(&mut self, out: &mut [u8]) -> usize {
        let ready = self.buffer();
        let len = ready.len().min(out.len());
        out[..len].copy_from_slice(&ready[..len]);
        self.consume(len);
        len
    }

    fn emptied(&mut self) -> &mut Vec<u8> {
        self.read = 0;
        self.frame.clear();
        &mut self.frame
    }

    /// Pops a frame into the buffer, which is empty; false at the end of the stream.
    fn fill(&mut self, consumer: &mut Consumer) -> io::Result<bool> {
        let (patience, failed) = (self.patience, self.failed.take());
        let frame = self.emptied();
        let popped = match (failed, patience.is_nonblocking(), patience.deadline()) {
            (Some(error), ..) => Err(error),
            (None, true, _) => pop_or_ask(consumer, |consumer| consumer.try_pop_vec(frame)),
            (None, false, None) => consumer.pop_vec(frame),
            (None, false, Some(deadline)) => consumer.pop_vec_deadline(frame, deadline),
        };
        if popped.is_err() {
            self.emptied();
        }
        match popped {
            Ok(_) => Ok(true),
            Err(PopError::Closed) => Ok(false),
            Err(error) => Err(pop_failed(error)),
        }
    }

    fn pop_into(&mut self, consumer: &mut Consumer, out: &mut [u8]) -> Result<usize, PopError> {
        match (self.failed.take(), self.patience.is_nonblocking(), self.patience.deadline()) {
            (Some(error), ..) => Err(error),
            (None, true, _) => pop_or_ask(consumer, |consumer| consumer.try_pop_into(out)),
            (None, false, None) => consumer.pop_into(out),
            (None, false, Some(deadline)) => consumer.pop_into_deadline(out, deadline),
        }
    }
}

/// Pops without waiting. If there is nothing, checks whether the producer is alive, which a pop alone does
/// not, and pops once more what it left.
fn pop_or_ask(
    consumer: &mut Consumer,
    mut pop: impl FnMut(&mut Consumer) -> Result<usize, PopError>,
) -> Result<usize, PopError> {
    match pop(consumer) {
        Err(PopError::Empty) if !consumer.awaits_successors() => {}
        popped => return popped,
    }
    match consumer.peer().map_err(PopError::System)? {
        PeerState::Gone(exit @ PeerExit::Died { .. }) => match pop(consumer) {
            Err(PopError::Empty) => Err(PopError::PeerGone(exit)),
            popped => popped,
        },
        _ => Err(PopError::Empty),
    }
}

/// The writing side of a stream, without its end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Writing {
    pub(crate) patience: Patience,
}

impl Writing {
    /// Pushes as many of the bytes as one frame holds; returns their number.
    ///
    /// # Errors
    /// See [`Producer`]'s [`Write`].
    pub(crate) fn write(self, producer: &mut Producer, bytes: &[u8]) -> io::Result<usize> {
        flush(producer)?;
        let len = bytes.len().min(producer.longest());
        if len > 0 {
            let bytes = &bytes[..len];
            let pushed = match (self.patience.is_nonblocking(), self.patience.deadline()) {
                (true, _) => push_or_ask(producer, |producer| producer.try_push(bytes)),
                (false, None) => producer.push(bytes),
                (false, Some(deadline)) => producer.push_deadline(bytes, deadline),
            };
            written(producer, pushed)?;
        }
        Ok(len)
    }

    /// Pushes the pieces as one frame if they fit, otherwise as much of the first ones as does.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub(crate) fn write_vectored(self, producer: &mut Producer, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        flush(producer)?;
        let longest = producer.longest();
        let mut len = 0usize;
        let whole = pieces
            .iter()
            .take_while(|piece| {
                let fits = piece.len() <= longest - len;
                if fits {
                    len += piece.len();
                }
                fits
            })
            .count();
        if len == 0 {
            return match pieces.iter().find(|piece| !piece.is_empty()) {
                Some(piece) => self.write(producer, piece),
                None => Ok(0),
            };
        }
        let pieces = &pieces[..whole];
        let pushed = match (self.patience.is_nonblocking(), self.patience.deadline()) {
            (true, _) => push_or_ask(producer, |producer| producer.try_push_vectored(pieces)),
            (false, None) => producer.push_vectored(pieces),
            (false, Some(deadline)) => producer.push_vectored_deadline(pieces, deadline),
        };
        written(producer, pushed)?;
        Ok(len)
    }
}

/// Pushes without waiting. If there is no room, checks whether the consumer is alive, which a push alone does
/// not.
fn push_or_ask(
    producer: &mut Producer,
    mut push: impl FnMut(&mut Producer) -> Result<(), PushError<()>>,
) -> Result<(), PushError<()>> {
    match push(producer) {
        Err(PushError::Full(())) if !producer.awaits_successors() => {}
        pushed => return pushed,
    }
    match producer.peer().map_err(|error| PushError::System((), error))? {
        PeerState::Gone(exit @ PeerExit::Died { .. }) => match push(producer) {
            Err(PushError::Full(())) => Err(PushError::PeerGone((), exit)),
            pushed => pushed,
        },
        _ => Err(PushError::Full(())),
    }
}

/// Converts the result of a push to that of a write. A failure to wake the other end is reported by the next
/// write, or by a flush.
fn written(producer: &mut Producer, pushed: Result<(), PushError<()>>) -> io::Result<()> {
    match pushed {
        Err(PushError::NotWoken((), error)) => {
            producer.keep(error);
            Ok(())
        }
        result => result.map_err(push_failed),
    }
}

/// Reports an error that a write could not report because its bytes were written.
///
/// # Errors
/// That one. Reported once.
pub(crate) fn flush(producer: &mut Producer) -> io::Result<()> {
    producer.tell().map_err(|error| push_failed(PushError::NotWoken((), error)))
}

impl Write for Producer {
    /// Pushes as many of the bytes as one frame holds, waiting for room; no frame for no bytes.
    ///
    /// # Errors
    /// `BrokenPipe` when the consumer closed; `ConnectionReset` when there is no room and it has detached or
    /// died; `InvalidData` when the ring is corrupt; otherwise the kernel's error. The [`PushError`] is
    /// inside.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Writing::default().write(self, bytes)
    }

    /// Pushes the pieces as one frame if they fit, otherwise as much of the first ones as does.
    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        Writing::default().write_vectored(self, pieces)
    }

    /// Reports an error that a write could not report because its bytes were written: the sleeping peer could
    /// not be woken. Otherwise does nothing: what was written can be read.
    fn flush(&mut self) -> io::Result<()> {
        flush(self)
    }
}

/// The consuming end as a stream of bytes, from [`Consumer::into_reader`].
///
/// The stream ends when the producer has closed the channel and everything has been read. Bytes are taken
/// from the channel a frame at a time; the part of a frame that this reader holds is lost when it is dropped.
///
/// # Errors
/// Reading fails with `ConnectionReset` when everything was read and the producer has detached or died
/// without closing, `InvalidData` when the ring is corrupt, otherwise with the kernel's error. The
/// [`PopError`] is inside.
#[derive(Debug)]
pub struct Reader {
    consumer: Consumer,
    reading: Reading,
}

impl Reader {
    pub(super) fn new(consumer: Consumer) -> Self {
        Self { consumer, reading: Reading::default() }
    }

    /// The consuming end.
    #[must_use]
    pub fn get_ref(&self) -> &Consumer {
        &self.consumer
    }

    /// Bytes taken from the channel that have not been read.
    #[must_use]
    pub fn buffer(&self) -> &[u8] {
        self.reading.buffer()
    }

    /// Returns the consuming end. What [`buffer`](Self::buffer) holds is lost.
    #[must_use]
    pub fn into_inner(self) -> Consumer {
        self.consumer
    }
}

impl Read for Reader {
    /// Waits until there is a byte, then returns as many as are available and fit, of one frame or of
    /// several.
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.reading.read(&mut self.consumer, out)
    }
}

impl BufRead for Reader {
    /// Waits until there is a byte, then returns the available bytes of one frame.
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reading.fill_buf(&mut self.consumer)
    }

    fn consume(&mut self, count: usize) {
        self.reading.consume(count);
    }
}

fn push_failed(error: PushError<()>) -> io::Error {
    let kind = match &error {
        PushError::Full(()) | PushError::Busy((), _) => ErrorKind::WouldBlock,
        PushError::TimedOut(()) => ErrorKind::TimedOut,
        PushError::Closed(()) => ErrorKind::BrokenPipe,
        PushError::PeerGone((), _) => ErrorKind::ConnectionReset,
        PushError::TooLarge((), _) => ErrorKind::InvalidInput,
        PushError::Corrupt((), _) => ErrorKind::InvalidData,
        // Not the `Interrupted` kind: the standard library retries on it.
        PushError::Interrupted(()) => ErrorKind::Other,
        PushError::Forked(()) | PushError::NotWoken((), _) | PushError::System((), _) => ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

fn pop_failed(error: PopError) -> io::Error {
    let kind = match &error {
        PopError::Empty | PopError::Busy { .. } => ErrorKind::WouldBlock,
        PopError::TimedOut => ErrorKind::TimedOut,
        PopError::Closed => ErrorKind::UnexpectedEof,
        PopError::PeerGone(_) => ErrorKind::ConnectionReset,
        PopError::BufferTooSmall { .. } => ErrorKind::InvalidInput,
        PopError::Corrupt(_) => ErrorKind::InvalidData,
        // As above.
        PopError::Missed(_) | PopError::Forked | PopError::Interrupted | PopError::System(_) => {
            ErrorKind::Other
        }
    };
    io::Error::new(kind, error)
}
