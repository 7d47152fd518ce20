//! The two ends as a pipe: bytes without boundaries.

use std::io::{self, BufRead, ErrorKind, IoSlice, Read, Write};

use super::{Consumer, Producer};
use crate::error::{PopError, PushError};

impl Write for Producer {
    /// Pushes as many of the bytes as one frame holds, waiting for room; no frame for no bytes.
    ///
    /// # Errors
    /// `BrokenPipe` when the consumer closed, detached or died; `InvalidData` when the ring is corrupt; otherwise what the
    /// kernel said. The [`PushError`] is inside.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.flush()?;
        let len = bytes.len().min(self.longest());
        if len > 0 {
            let pushed = self.push(&bytes[..len]);
            written(self, pushed)?;
        }
        Ok(len)
    }

    /// Pushes the pieces as one frame when they fit, otherwise as much of the first ones as does.
    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.flush()?;
        let longest = self.longest();
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
                Some(piece) => self.write(piece),
                None => Ok(0),
            };
        }
        let pushed = self.push_vectored(&pieces[..whole]);
        written(self, pushed)?;
        Ok(len)
    }

    /// Tells an error that a write could not tell, since its bytes were written: who sleeps at the other end could not be woken.
    /// Otherwise nothing: what was written can be read.
    fn flush(&mut self) -> io::Result<()> {
        self.tell().map_err(|error| push_failed(PushError::NotWoken((), error)))
    }
}

/// What a write says of a push. That somebody could not be woken is told by the next one, or by a flush.
fn written(producer: &mut Producer, pushed: Result<(), PushError<()>>) -> io::Result<()> {
    match pushed {
        Err(PushError::NotWoken((), error)) => {
            producer.keep(error);
            Ok(())
        }
        result => result.map_err(push_failed),
    }
}

/// The consuming end as a stream of bytes, from [`Consumer::into_reader`].
///
/// The stream ends when the producer has closed the channel and everything has been read. Bytes are taken from the
/// channel a frame at a time; what this reader holds of a frame goes with it when it is dropped.
///
/// # Errors
/// Reading fails with `ConnectionReset` when everything was read and the producer has detached or died without closing,
/// `InvalidData` when the ring is corrupt, otherwise with what the kernel said. The [`PopError`] is inside.
#[derive(Debug)]
pub struct Reader {
    consumer: Consumer,
    /// The frame being read.
    frame: Vec<u8>,
    /// How much of it has been read.
    read: usize,
}

impl Reader {
    pub(super) fn new(consumer: Consumer) -> Self {
        Self { consumer, frame: Vec::new(), read: 0 }
    }

    /// The consuming end.
    #[must_use]
    pub fn get_ref(&self) -> &Consumer {
        &self.consumer
    }

    /// Bytes that were taken from the channel and have not been read.
    #[must_use]
    pub fn buffer(&self) -> &[u8] {
        &self.frame[self.read..]
    }

    /// The consuming end back. What [`buffer`](Self::buffer) holds is lost.
    #[must_use]
    pub fn into_inner(self) -> Consumer {
        self.consumer
    }
}

impl Read for Reader {
    /// Waits until there is a byte, then gives what is there of one frame.
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        // Straight into the reader's memory, when the frame fits it.
        while self.buffer().is_empty() {
            match self.consumer.pop_into(out) {
                Ok(0) => {}
                Ok(len) => return Ok(len),
                Err(PopError::BufferTooSmall { .. }) => break,
                Err(PopError::Closed) => return Ok(0),
                Err(error) => return Err(pop_failed(error)),
            }
        }
        let ready = self.fill_buf()?;
        let len = ready.len().min(out.len());
        out[..len].copy_from_slice(&ready[..len]);
        self.consume(len);
        Ok(len)
    }
}

impl BufRead for Reader {
    /// Waits until there is a byte, then gives what is there of one frame.
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.read == self.frame.len() {
            self.read = 0;
            match self.consumer.pop_vec(&mut self.frame) {
                Ok(_) => {}
                Err(error) => {
                    self.frame.clear();
                    if matches!(error, PopError::Closed) {
                        break;
                    }
                    return Err(pop_failed(error));
                }
            }
        }
        Ok(&self.frame[self.read..])
    }

    fn consume(&mut self, count: usize) {
        self.read = self.read.saturating_add(count).min(self.frame.len());
    }
}

fn push_failed(error: PushError<()>) -> io::Error {
    let kind = match &error {
        PushError::Full(()) | PushError::Busy((), _) => ErrorKind::WouldBlock,
        PushError::TimedOut(()) => ErrorKind::TimedOut,
        PushError::Closed(()) | PushError::PeerGone((), _) => ErrorKind::BrokenPipe,
        PushError::TooLarge((), _) => ErrorKind::InvalidInput,
        PushError::Corrupt((), _) => ErrorKind::InvalidData,
        // Not the kind of that name: the standard library tries again then.
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
