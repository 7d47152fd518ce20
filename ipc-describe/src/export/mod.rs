//! The same types in the words of other languages.

mod c;
mod numpy;
mod ros;

pub use ros::RosError;
