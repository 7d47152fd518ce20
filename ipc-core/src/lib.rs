//! Safe System V (XSI) IPC for Linux: shared memory, semaphore sets, message queues, and what is built on them.
#![deny(unsafe_code)]

pub mod barrier;
mod bytes;
mod error;
mod guard;
mod key;
mod limit;
pub mod limits;
pub mod list;
pub mod liveness;
pub mod mapping;
pub mod msg;
mod open;
mod permissions;
pub mod segment;
pub mod sem;
pub mod shm;
mod sys;
mod time;

pub use bytes::SharedBytes;
pub use error::{Error, ErrorKind, Result};
pub use guard::{Object, RemoveOnDrop};
pub use key::{Key, ParseKeyError};
pub use limit::Limit;
pub use open::{Disposition, Trust};
pub use permissions::{Mode, Permissions};
