//! All objects of the IPC namespace, of all users, and the processes that use them.
//!
//! [`segments`], [`sets`] and [`queues`] walk over the kernel's slots; [`proc`] reads the tables in
//! `/proc/sysvipc`, which hold a little more. Neither needs any right, and neither is a snapshot: objects
//! come and go between two entries.
//!
//! [`attached`] and [`asleep`] inspect processes: which of them have which segments attached, and which
//! threads sleep in which queues and sets. [`Judge`] decides whether an object is in use, and gives the
//! evidence.
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
mod asleep;
mod attached;
pub mod proc;
mod processes;
mod verdict;
mod walk;

pub use abandoned::abandoned_segments;
pub use asleep::{Asleep, WaitsIn, asleep};
pub use attached::{Attached, attached};
pub use processes::{Look, Presence, Process, Unseen, presence};
pub use verdict::{Judge, Judgement, Verdict};
pub use walk::{queues, segments, sets};
