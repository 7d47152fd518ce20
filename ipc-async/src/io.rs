//! Streams of bytes over rings of frames.
//!
//! Each write is one frame, of as many of the bytes as a frame holds; a reader gives the bytes without the
//! frames' limits.

use std::fmt;
use std::io;
use std::task::{Context, Poll, ready};

use ipc_ring::control::{Connection, Session};
use ipc_ring::{AttachError, PopError, PushError, bytes};

use crate::r#async::Async;

/// The bytes that come through a ring of frames. Ends when the producer closes.
#[derive(Debug)]
pub struct Reader {
    consumer: Async<bytes::Consumer>,
    frame: Vec<u8>,
    read: usize,
}

impl Reader {
    /// Reads from this end.
    #[must_use]
    pub fn new(consumer: Async<bytes::Consumer>) -> Self {
        Self { consumer, frame: Vec::new(), read: 0 }
    }

    /// The end, and the bytes of a frame that were popped and not read.
    #[must_use]
    pub fn into_parts(mut self) -> (Async<bytes::Consumer>, Vec<u8>) {
        self.frame.drain(..self.read);
        (self.consumer, self.frame)
    }

    /// Copies bytes to the front of `out` as soon as there are any; gives their number, 0 at the end of the
    /// stream or for an empty `out`.
    ///
    /// # Errors
    /// Those of [`PopError`] as [`io::Error`]: [`BrokenPipe`](io::ErrorKind::BrokenPipe) when the producer is
    /// gone without closing.
    pub fn poll_read(&mut self, context: &mut Context<'_>, out: &mut [u8]) -> Poll<io::Result<usize>> {
        while self.read == self.frame.len() && !out.is_empty() {
            self.read = 0;
            self.frame.clear();
            match ready!(self.consumer.poll_pop_vec(context, &mut self.frame)) {
                Ok(()) => {}
                Err(PopError::Closed) => return Poll::Ready(Ok(0)),
                Err(error @ PopError::PeerGone(_)) => {
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::BrokenPipe, error)));
                }
                Err(error) => return Poll::Ready(Err(io::Error::other(error))),
            }
        }
        let bytes = &self.frame[self.read..];
        let count = bytes.len().min(out.len());
        out[..count].copy_from_slice(&bytes[..count]);
        self.read += count;
        Poll::Ready(Ok(count))
    }
}

impl Async<bytes::Consumer> {
    /// As [`poll_pop`](Self::poll_pop), behind what a buffer holds: no allocation once it is large enough.
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

    /// Pushes one frame of the first bytes, as many as a frame holds, when there is room; gives their number.
    ///
    /// # Errors
    /// Those of [`PushError`] as [`io::Error`]: [`BrokenPipe`](io::ErrorKind::BrokenPipe) when the consumer
    /// has closed or is gone, or the writer was shut down.
    pub fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Some(producer) = &mut self.producer else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        if bytes.is_empty() {
            return Poll::Ready(Ok(0)); // An empty frame would mean nothing to a stream.
        }
        let count = bytes.len().min(producer.get_ref().longest());
        Poll::Ready(match ready!(producer.poll_push(&bytes[..count], context)) {
            // Pushed, and found late.
            Ok(()) | Err(PushError::NotWoken(..)) => Ok(count),
            Err(error @ (PushError::Closed(()) | PushError::PeerGone(..))) => {
                Err(io::Error::new(io::ErrorKind::BrokenPipe, error))
            }
            Err(error) => Err(io::Error::other(error)),
        })
    }

    /// Closes the channel: the consumer gets what was written, then the end of the stream.
    pub fn shut_down(&mut self) {
        if let Some(producer) = self.producer.take() {
            producer.into_inner().close();
        }
    }
}

/// Both directions of a [`Connection`].
///
/// Shutting it down ends the sending direction; dropping it ends both.
pub struct Stream {
    reader: Reader,
    writer: Writer,
    session: Session,
}

impl Stream {
    /// Takes a connection over.
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
        let (producer, consumer, session) = connection.into_parts();
        let reader = Reader::new(Async::new(consumer)?);
        let writer = Writer { producer: producer.map(Async::new).transpose()? };
        Ok(Self { reader, writer, session })
    }

    /// Who is at the other side, what both can do, how it ended.
    pub fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// The two directions, for two tasks. The session belongs to either; the connection's end is told when
    /// all three are gone.
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

/// `AsyncRead` and `AsyncWrite` of one crate family for a type, by these parts of it.
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
                    Poll::Ready(Ok(())) // Each write is with the other side.
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
                    Poll::Ready(Ok(())) // Each write is with the other side.
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
