//! The ring algorithms: pure code over a [`Platform`](crate::platform::Platform) and the memory that holds
//! the words.
//!
//! Nothing here makes a system call, allocates or blocks, but for registering the process for `membarrier`,
//! once, when a ring is mapped whose [barrier](crate::Barrier) needs it. Waiting, naming, liveness and
//! everything else that needs a kernel is one floor up, in the [channels](crate::Sender).

pub mod ahead;
pub mod broadcast;
pub mod bytes;
pub mod call;
pub mod latest;
mod limit;
pub mod mpmc;
pub mod pool;
pub(crate) mod seats;
pub mod spsc;
