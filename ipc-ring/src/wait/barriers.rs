//! One heavy barrier for the waiting bits of many ends.

use ipc_core::Error;

use crate::platform::{Barrier, Platform};

/// The heavy barriers that must follow some waiting bits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Barriers {
    fence: bool,
    asymmetric: bool,
}

impl Barriers {
    /// One more.
    pub fn add(&mut self, barrier: Barrier) {
        match barrier {
            Barrier::Fence => self.fence = true,
            Barrier::Asymmetric => self.asymmetric = true,
        }
    }

    /// Runs them, one of each kind for all waiting bits set before.
    ///
    /// # Errors
    /// When one was refused.
    pub fn run<P: Platform>(self) -> Result<(), Error> {
        let asymmetric = if self.asymmetric { P::heavy(Barrier::Asymmetric) } else { Ok(()) };
        let fence = if self.fence { P::heavy(Barrier::Fence) } else { Ok(()) };
        asymmetric.and(fence)
    }
}
