//! The interface of a mechanism for a worker: sending and receiving whole messages.

use std::fmt::Display;
use std::io;

/// One process's end. The workloads are compiled once for each kind of link, so that the loops hold no
/// indirect call.
pub(crate) trait Link {
    /// How often the end of a run is announced: more than once where messages may get lost.
    const END_MARKS: u32 = 1;

    /// Sends one message to the peer; waits while there is no room.
    fn send(&mut self, message: &[u8]) -> io::Result<()>;

    /// Receives the next message into `message`; waits until there is one. `TimedOut` only from links that
    /// may lose messages, after a long silence.
    fn receive(&mut self, message: &mut [u8]) -> io::Result<()>;

    /// Publishes what a batching link still holds back.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Both ends of one process: what the first sends, and what the second receives.
pub(crate) struct BothWays<Out, In>(pub(crate) Out, pub(crate) In);

impl<Out: Link, In: Link> Link for BothWays<Out, In> {
    const END_MARKS: u32 = Out::END_MARKS;

    #[inline(always)]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.0.send(message)
    }

    #[inline(always)]
    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        self.1.receive(message)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// An end's own error, converted to the workloads' error type.
#[cold]
pub(crate) fn failed(error: impl Display) -> io::Error {
    io::Error::other(error.to_string())
}

/// What an end that only sends, or only receives, reports for the other direction.
#[cold]
pub(crate) fn one_way() -> io::Error {
    io::Error::other("this end goes the other way")
}

/// A message arrived with an unexpected length.
#[cold]
pub(crate) fn wrong(length: usize, expected: usize) -> io::Error {
    io::Error::other(format!("a message of {length} bytes, not {expected}"))
}
