//! The same types in other languages.

mod c;
mod numpy;
mod ros;

pub use ros::RosError;
