//! What a worker needs from a mechanism: a way to send and a way to receive whole messages.

use std::io;

/// One process's end. The workloads are compiled once for each kind of link, so that the loops hold no indirect call.
pub(crate) trait Link {
    /// How often the end of a run is announced: more than once where messages may get lost.
    const END_MARKS: u32 = 1;

    /// Sends one message to the peer; waits while there is no room.
    fn send(&mut self, message: &[u8]) -> io::Result<()>;

    /// Receives the next message into `message`; waits until there is one. `TimedOut` only from links that may lose
    /// messages, after a long silence.
    fn receive(&mut self, message: &mut [u8]) -> io::Result<()>;

    /// Publishes what a batching link still holds back.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
