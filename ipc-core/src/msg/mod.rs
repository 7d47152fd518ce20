//! Message queues: `msgget`, `msgsnd`, `msgrcv`, `msgctl`.
//!
//! A queue holds whole messages: a positive type and a text of bytes. It preserves message boundaries,
//! outlives its users, and can select by type. It cannot be polled, its messages do not identify their
//! sender, and any process with the right to read can take any of them: use one queue per pair of parties
//! that trust each other. Meant for control traffic; an ordinary queue holds 16 KiB.
//!
//! ```
//! use ipc_core::{Key, Mode, RemoveOnDrop, msg::{MessageBuffer, MessageQueue, MessageType, Select}};
//!
//! let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
//! let urgent = MessageType::new(1).unwrap();
//! let ordinary = MessageType::new(5).unwrap();
//! queue.send_bytes(ordinary, b"later")?;
//! queue.send_bytes(urgent, b"now")?;
//!
//! let mut buffer = MessageBuffer::with_capacity(100);
//! queue.receive(&mut buffer, Select::LowestUpTo(ordinary))?;
//! assert_eq!((buffer.message_type(), buffer.bytes()), (urgent, &b"now"[..]));
//! # Ok::<(), ipc_core::Error>(())
//! ```

mod buffer;
mod deadline;
mod doorbell;
pub(crate) mod failure;
mod queue;
mod receive;
mod select;
mod send;
mod stat;

pub use buffer::MessageBuffer;
pub use doorbell::{Doorbell, RingingQueue};
pub use queue::{MessageQueue, MsgId};
pub use select::{MessageType, Select};
pub use stat::Stat;
