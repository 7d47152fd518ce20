//! The ends of a channel of frames.

mod publisher;
mod subscriber;

pub use publisher::Publisher;
pub(crate) use publisher::refused;
pub use subscriber::{Place, Subscriber};
