//! The ends of a channel with one publisher and many subscribers.
//!
//! The rings are those of [`ring::broadcast`](crate::ring::broadcast), an end's seat is
//! [`participant`](super::participant). Here are the steps around a ring: waking subscribers after a
//! publication, waiting for room or for a message, and recognising the end of the stream.

mod attached;
mod end;
pub mod frames;
pub mod payloads;
mod publisher;
mod room;
mod seated;
mod subscriber;

pub use attached::{Attached, Source};
pub(crate) use end::publisher_state;
pub use end::{End, PUBLISHER, SUBSCRIBER};
pub use publisher::Publisher;
pub use room::Room;
pub(crate) use room::{drop_all_dead, wait_for_room};
pub use seated::{Half, Publishing, Reports, Subscribing};
pub use subscriber::Subscriber;
