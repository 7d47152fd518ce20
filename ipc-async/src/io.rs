//! Streams of bytes over rings of frames.
//!
//! Each write is one frame, of as many of the bytes as a frame holds; a read returns the bytes that are
//! there, of part of a frame or of several.

use std::fmt;
use std::io;
use std::task::{Context, Poll, ready};

use ipc_ring::control::{Connection, Session};
use ipc_ring::{AttachError, PopError, PushError, bytes};

use crate::r#async::Async;

/// The bytes that come through a ring of frames. The stream ends when the producer closes.
///
/// Dropping it detaches from a channel, whose stream a successor may continue, and closes a connection's
/// direction: writing at the other side fails with [`BrokenPipe`](io::ErrorKind::BrokenPipe).
#[derive(Debug)]
pub struct Reader {
    /// `None` for a direction that was closed before.
    consumer: Option<Async<bytes::Consumer>>,
    frame: Vec<u8>,
    read: usize,
    /// Whether the end belongs to a connection, whose ends have no successors.
    closes: bool,
    /// The error of the next read, found while there were bytes to return.
    failed: Option<PopError>,
}

impl Reader {
    /// Reads from this end.
    #[must_use]
    pub fn new(consumer: Async<bytes::Consumer>) -> Self {
        Self { consumer: Some(consumer), frame: Vec::new(), read: 0, closes: false, failed: None }
    }

    /// The end, and the bytes of a frame that were popped and not read; no end for a direction of a
    /// connection that was closed before.
    #[must_use]
    pub fn into_parts(mut self) -> (Option<Async<bytes::Consumer>>, Vec<u8>) {
        self.frame.drain(..self.read);
        (self.consumer.take(), std::mem::take(&mut self.frame))
    }

    /// Copies bytes to the front of `out` as soon as there are any, as many as are there and fit; returns
    /// their number, 0 at the end of the stream or for an empty `out`.
    ///
    /// # Errors
    /// The errors of [`PopError`] as [`io::Error`]: [`ConnectionReset`](io::ErrorKind::ConnectionReset) when
    /// the producer is gone without closing, and everything that it wrote has been read.
    pub fn poll_read(&mut self, context: &mut Context<'_>, out: &mut [u8]) -> Poll<io::Result<usize>> {
        if out.is_empty() {
            return Poll::Ready(Ok(0));
        }
        while self.read == self.frame.len() {
            self.read = 0;
            self.frame.clear();
            let Some(consumer) = &mut self.consumer else { return Poll::Ready(Ok(0)) };
            let popped = match self.failed.take() {
                Some(error) => Err(error),
                None => ready!(consumer.poll_pop_vec(context, &mut self.frame)),
            };
            match popped {
                Ok(()) => {}
                Err(PopError::Closed) => return Poll::Ready(Ok(0)),
                Err(error) => return Poll::Ready(Err(pop_failed(error))),
            }
        }
        let mut done = self.take(out);
        while done < out.len() && self.pop_another() {
            done += self.take(&mut out[done..]);
        }
        Poll::Ready(Ok(done))
    }

    fn take(&mut self, out: &mut [u8]) -> usize {
        let bytes = &self.frame[self.read..];
        let count = bytes.len().min(out.len());
        out[..count].copy_from_slice(&bytes[..count]);
        self.read += count;
        count
    }

    /// Pops one more frame after those that were read, if it is already there.
    fn pop_another(&mut self) -> bool {
        let Some(consumer) = &mut self.consumer else { return false };
        self.read = 0;
        self.frame.clear();
        match consumer.get_mut().try_pop_vec(&mut self.frame) {
            Ok(_) => true,
            Err(error) => {
                self.frame.clear();
                // The other errors are found again.
                self.failed = Some(error).filter(|error| matches!(error, PopError::System(_)));
                false
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(consumer) = self.consumer.take()
            && self.closes
            && !std::thread::panicking()
        {
            consumer.into_inner().close();
        }
    }
}

impl Async<bytes::Consumer> {
    /// As [`poll_pop`](Self::poll_pop), appending to a buffer: no allocation once it is large enough.
    pub fn poll_pop_vec(
        &mut self,
        context: &mut Context<'_>,
        out: &mut Vec<u8>,
    ) -> Poll<Result<(), PopError>> {
        let mut into = PopInto { consumer: self, out };
        into.poll(context)
    }
}

/// The bytes that go into a ring of frames. Shutting it down, or dropping it, closes the channel.
#[derive(Debug)]
pub struct Writer {
    /// `None` after it was shut down.
    producer: Option<Async<bytes::Producer>>,
}

impl Writer {
    /// Writes to this end.
    #[must_use]
    pub fn new(producer: Async<bytes::Producer>) -> Self {
        Self { producer: Some(producer) }
    }

    /// The end; `None` after the writer was shut down.
    #[must_use]
    pub fn into_inner(self) -> Option<Async<bytes::Producer>> {
        self.producer
    }

    /// Pushes one frame of the first bytes, as many as a frame holds, when there is room; returns their
    /// number.
    ///
    /// # Errors
    /// The errors of [`PushError`] as [`io::Error`]: [`BrokenPipe`](io::ErrorKind::BrokenPipe) when the
    /// consumer has closed, or the writer was shut down; [`ConnectionReset`](io::ErrorKind::ConnectionReset)
    /// when there is no room and the consumer is gone without closing.
    pub fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Some(producer) = &mut self.producer else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        if bytes.is_empty() {
            return Poll::Ready(Ok(0)); // An empty frame has no meaning in a stream.
        }
        let count = bytes.len().min(producer.get_ref().longest());
        Poll::Ready(match ready!(producer.poll_push(&bytes[..count], context)) {
            // The frame was pushed, and will be found late.
            Ok(()) | Err(PushError::NotWoken(..)) => Ok(count),
            Err(error) => Err(push_failed(error)),
        })
    }

    /// Closes the channel: the consumer gets what was written, then the end of the stream.
    pub fn shut_down(&mut self) {
        if let Some(producer) = self.producer.take() {
            producer.into_inner().close();
        }
    }
}

fn push_failed(error: PushError<()>) -> io::Error {
    let kind = match &error {
        PushError::Closed(()) => io::ErrorKind::BrokenPipe,
        PushError::PeerGone(..) => io::ErrorKind::ConnectionReset,
        PushError::Corrupt(..) => io::ErrorKind::InvalidData,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

fn pop_failed(error: PopError) -> io::Error {
    let kind = match &error {
        PopError::PeerGone(_) => io::ErrorKind::ConnectionReset,
        PopError::Corrupt(_) => io::ErrorKind::InvalidData,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

/// Both directions of a [`Connection`].
///
/// Shutting it down closes the sending direction: the other side reads what was written, then the end of the
/// stream. Dropping it closes both.
pub struct Stream {
    reader: Reader,
    writer: Writer,
    session: Session,
}

impl Stream {
    /// Takes over a connection, with the bytes of a frame that were [not read](Connection::unread) yet.
    ///
    /// # Errors
    /// As [`Async::new`].
    ///
    /// # Panics
    /// As [`Async::new`].
    ///
    /// # Blocking
    /// As [`Async::new`].
    pub fn new(connection: Connection) -> Result<Self, AttachError> {
        let frame = connection.unread().to_vec();
        let (producer, consumer, session) = connection.into_parts();
        let consumer = consumer.map(Async::new).transpose()?;
        let reader = Reader { consumer, frame, read: 0, closes: true, failed: None };
        let writer = Writer { producer: producer.map(Async::new).transpose()? };
        Ok(Self { reader, writer, session })
    }

    /// The process at the other side, the features that both have, and why the connection ended.
    pub fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// The two directions, for two tasks, each closed by dropping it. The connection counts for its listener
    /// as long as the session is kept.
    #[must_use]
    pub fn into_split(self) -> (Reader, Writer, Session) {
        (self.reader, self.writer, self.session)
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("peer", &self.session.peer()).finish_non_exhaustive()
    }
}

/// A pop into a buffer.
struct PopInto<'a> {
    consumer: &'a mut Async<bytes::Consumer>,
    out: &'a mut Vec<u8>,
}

impl PopInto<'_> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PopError>> {
        let out = &mut *self.out;
        self.consumer.poll_with(context, |end| match end.try_pop_vec(out) {
            Ok(_) => Ok(Some(())),
            Err(PopError::Empty) => Ok(None),
            Err(error) => Err(error),
        })
    }
}

/// The `AsyncRead` and `AsyncWrite` implementations of one crate family, behind its feature.
macro_rules! poll_io {
    ($feature:literal, $read:item $write:item) => {
        #[cfg(feature = $feature)]
        $read
        #[cfg(feature = $feature)]
        $write
    };
}

macro_rules! stream_of_bytes {
    ($reading:ty, |$reader:ident| $get_reader:expr, $writing:ty, |$writer:ident| $get_writer:expr) => {
        poll_io! {
            "tokio",
            impl tokio::io::AsyncRead for $reading {
                fn poll_read(
                    self: std::pin::Pin<&mut Self>,
                    context: &mut Context<'_>,
                    out: &mut tokio::io::ReadBuf<'_>,
                ) -> Poll<io::Result<()>> {
                    let $reader = self.get_mut();
                    let count = ready!($get_reader.poll_read(context, out.initialize_unfilled()))?;
                    out.advance(count);
                    Poll::Ready(Ok(()))
                }
            }
            impl tokio::io::AsyncWrite for $writing {
                fn poll_write(
                    self: std::pin::Pin<&mut Self>,
                    context: &mut Context<'_>,
                    bytes: &[u8],
                ) -> Poll<io::Result<usize>> {
                    let $writer = self.get_mut();
                    $get_writer.poll_write(context, bytes)
                }

                fn poll_flush(self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                    Poll::Ready(Ok(())) // The other side can read each write already.
                }

                fn poll_shutdown(self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                    let $writer = self.get_mut();
                    $get_writer.shut_down();
                    Poll::Ready(Ok(()))
                }
            }
        }
        poll_io! {
            "futures-io",
            impl futures_io::AsyncRead for $reading {
                fn poll_read(
                    self: std::pin::Pin<&mut Self>,
                    context: &mut Context<'_>,
                    out: &mut [u8],
                ) -> Poll<io::Result<usize>> {
                    let $reader = self.get_mut();
                    $get_reader.poll_read(context, out)
                }
            }
            impl futures_io::AsyncWrite for $writing {
                fn poll_write(
                    self: std::pin::Pin<&mut Self>,
                    context: &mut Context<'_>,
                    bytes: &[u8],
                ) -> Poll<io::Result<usize>> {
                    let $writer = self.get_mut();
                    $get_writer.poll_write(context, bytes)
                }

                fn poll_flush(self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                    Poll::Ready(Ok(())) // The other side can read each write already.
                }

                fn poll_close(self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                    let $writer = self.get_mut();
                    $get_writer.shut_down();
                    Poll::Ready(Ok(()))
                }
            }
        }
    };
}

stream_of_bytes!(Reader, |reader| reader, Writer, |writer| writer);
stream_of_bytes!(Stream, |stream| stream.reader, Stream, |stream| stream.writer);
