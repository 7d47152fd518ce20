//! How long a stream waits.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

/// How long a read or a write waits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Patience {
    timeout: Option<Duration>,
    is_nonblocking: bool,
}

impl Patience {
    pub(crate) fn timeout(self) -> Option<Duration> {
        self.timeout
    }

    /// # Errors
    /// `InvalidInput` for zero.
    pub(crate) fn set_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        if timeout == Some(Duration::ZERO) {
            let what = "a timeout of zero: use None to wait without end, or set_nonblocking not to wait";
            return Err(io::Error::new(ErrorKind::InvalidInput, what));
        }
        self.timeout = timeout;
        Ok(())
    }

    pub(crate) fn set_nonblocking(&mut self, is_nonblocking: bool) {
        self.is_nonblocking = is_nonblocking;
    }

    pub(super) fn is_nonblocking(self) -> bool {
        self.is_nonblocking
    }

    pub(super) fn deadline(self) -> Option<Instant> {
        self.timeout.map(crate::clock::after)
    }
}
