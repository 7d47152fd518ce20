//! The ends of a channel with one publisher and many subscribers.
//!
//! The rings are those of [`ring::broadcast`](crate::ring::broadcast), an end's seat is
//! [`participant`](super::participant). Here are the steps around a ring: waking subscribers after a
//! publication, waiting for room or for a message, and recognising the end of the stream.

mod end;
pub mod frames;
pub mod payloads;
mod publisher;
mod subscriber;
mod waiting;

pub use end::{End, PUBLISHER, SUBSCRIBER};
pub(crate) use end::{ended, publisher_state};
pub use publisher::Publisher;
pub use subscriber::Subscriber;
pub(crate) use waiting::room_news;
pub use waiting::{Poll, Room};
pub(crate) use waiting::{drop_all_dead, pop_after, wait_for_room};
