//! All objects of the IPC namespace, whoever they belong to.
//!
//! [`segments`], [`sets`] and [`queues`] walk over the kernel's slots; [`proc`] reads the tables in `/proc/sysvipc`, which know a little more.
//! Both need no rights, and both are no snapshot: objects come and go between two entries.
//!
//! ```
//! use ipc_core::{Key, Mode, RemoveOnDrop, list, msg};
//!
//! let queue = RemoveOnDrop::new(msg::MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
//! let (id, stat) = list::queues()?.into_iter().find(|(id, _)| *id == queue.id()).expect("it is there");
//! assert_eq!(stat.messages(), 0);
//! # Ok::<(), ipc_core::Error>(())
//! ```

mod abandoned;
pub mod proc;
mod walk;

pub use abandoned::abandoned_segments;
pub use walk::{queues, segments, sets};
