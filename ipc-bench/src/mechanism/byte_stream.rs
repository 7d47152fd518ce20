//! Messages of one size over a byte stream: pipes and stream sockets.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use super::Link;
use crate::process::{Descriptors, Failure, Job};
use crate::wait::Wait;
use crate::workload::Workload;

/// Room for reading ahead: one `read` takes all messages that wait, as a good reader of a byte stream does.
const READ_AHEAD: usize = 64 * 1024;
/// Messages from this size on are read directly into their destination.
const DIRECT: usize = 8 * 1024;

/// A link over two descriptors, or one used both ways.
#[derive(Debug)]
pub(super) struct ByteStream {
    outgoing: File,
    incoming: File,
    /// Whether to poll instead of sleeping in the kernel.
    poll: bool,
    ahead: Box<[u8]>,
    start: usize,
    end: usize,
}

impl ByteStream {
    /// A link over the two descriptors that the parent passed: outgoing, incoming.
    pub(super) fn inherited(job: &Job) -> Result<ByteStream, Failure> {
        let mut descriptors = Descriptors::take(job);
        // With many readers, each reads only what it is about to use.
        let ahead = if job.plan.workload == Workload::Fan { job.plan.size } else { READ_AHEAD };
        ByteStream::new(descriptors.next_file()?, descriptors.next_file()?, job.plan.wait, ahead)
    }

    fn new(outgoing: File, incoming: File, wait: Wait, ahead: usize) -> Result<ByteStream, Failure> {
        let poll = wait == Wait::Spin;
        if poll {
            set_nonblocking(&outgoing)?;
            set_nonblocking(&incoming)?;
        }
        let ahead = vec![0; ahead].into_boxed_slice();
        Ok(ByteStream { outgoing, incoming, poll, ahead, start: 0, end: 0 })
    }

    #[cold]
    fn read_direct(&mut self, message: &mut [u8]) -> io::Result<()> {
        let mut filled = 0;
        while filled < message.len() {
            filled += read_some(&mut self.incoming, self.poll, &mut message[filled..])?;
        }
        Ok(())
    }
}

/// Makes operations on a descriptor return instead of sleeping.
pub(super) fn set_nonblocking(descriptor: &impl AsFd) -> Result<(), Failure> {
    change_flags(descriptor, |flags| flags | OFlag::O_NONBLOCK)
}

/// Makes operations on a descriptor sleep.
pub(super) fn set_blocking(descriptor: &impl AsFd) -> Result<(), Failure> {
    change_flags(descriptor, |flags| flags - OFlag::O_NONBLOCK)
}

fn change_flags(descriptor: &impl AsFd, change: impl FnOnce(OFlag) -> OFlag) -> Result<(), Failure> {
    let flags = fcntl(descriptor, FcntlArg::F_GETFL).map_err(Failure::at("fcntl(F_GETFL)"))?;
    let flags = change(OFlag::from_bits_retain(flags));
    fcntl(descriptor, FcntlArg::F_SETFL(flags)).map_err(Failure::at("fcntl(F_SETFL)"))?;
    Ok(())
}

/// Repeats `operation` while the kernel says that it would block (when polling) or was interrupted.
#[inline(always)]
pub(super) fn persist<T>(poll: bool, mut operation: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match operation() {
            Err(error) if poll && error.kind() == io::ErrorKind::WouldBlock => std::hint::spin_loop(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// Reads at least one byte.
fn read_some(file: &mut File, poll: bool, into: &mut [u8]) -> io::Result<usize> {
    match persist(poll, || file.read(into))? {
        0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the peer closed its end")),
        read => Ok(read),
    }
}

impl Link for ByteStream {
    #[inline]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let mut sent = 0;
        while sent < message.len() {
            sent += persist(self.poll, || self.outgoing.write(&message[sent..]))?;
        }
        Ok(())
    }

    #[inline]
    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        let size = message.len();
        if self.start == self.end && size >= DIRECT {
            return self.read_direct(message);
        }
        while self.end - self.start < size {
            if self.ahead.len() - self.start < size {
                self.ahead.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            self.end += read_some(&mut self.incoming, self.poll, &mut self.ahead[self.end..])?;
        }
        message.copy_from_slice(&self.ahead[self.start..self.start + size]);
        self.start += size;
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
        Ok(())
    }
}
