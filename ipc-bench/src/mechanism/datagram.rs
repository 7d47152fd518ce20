//! One message, one datagram: sockets that keep the bounds of messages.

use std::fs::File;
use std::io::{self, Read, Write};

use super::Link;
use super::byte_stream::{persist, set_nonblocking};
use crate::process::{Descriptors, Failure, Job};
use crate::wait::Wait;

/// A link over two descriptors, or one used both ways. `LOSSY`: the kernel may drop messages; reading then
/// gives up after a silence (the descriptor has a timeout).
#[derive(Debug)]
pub(super) struct Datagrams<const LOSSY: bool> {
    outgoing: File,
    incoming: File,
    /// Whether to poll instead of sleeping in the kernel.
    poll: bool,
    /// Polls since the last message, of a lossy link.
    idle_polls: u64,
}

/// A polling lossy reader gives up after this number of empty polls: some seconds.
const IDLE_POLLS: u64 = 10_000_000;

impl<const LOSSY: bool> Datagrams<LOSSY> {
    /// A link over the two descriptors that the parent passed: outgoing, incoming.
    pub(super) fn inherited(job: &Job) -> Result<Datagrams<LOSSY>, Failure> {
        let mut descriptors = Descriptors::take(job);
        let (outgoing, incoming) = (descriptors.next_file()?, descriptors.next_file()?);
        let poll = job.plan.wait == Wait::Spin;
        if poll {
            set_nonblocking(&outgoing)?;
            set_nonblocking(&incoming)?;
        }
        Ok(Datagrams { outgoing, incoming, poll, idle_polls: 0 })
    }
}

impl<const LOSSY: bool> Link for Datagrams<LOSSY> {
    const END_MARKS: u32 = if LOSSY { 10 } else { 1 };

    #[inline]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let sent = persist(self.poll, || self.outgoing.write(message))?;
        if sent == message.len() {
            Ok(())
        } else {
            Err(io::Error::other(format!("{sent} of {} bytes sent", message.len())))
        }
    }

    #[inline]
    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        let received = loop {
            match self.incoming.read(message) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.idle_polls += 1;
                    if LOSSY && (!self.poll || self.idle_polls > IDLE_POLLS) {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                    std::hint::spin_loop();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.idle_polls = 0;
        if received == message.len() {
            Ok(())
        } else if received == 0 {
            Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the peer closed its end"))
        } else {
            Err(io::Error::other(format!("a message of {received} bytes, not {}", message.len())))
        }
    }
}
