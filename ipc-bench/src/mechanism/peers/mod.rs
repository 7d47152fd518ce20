//! Other projects, for comparison, behind the feature `peers`: measured in the same run, by the same harness,
//! at the version that this program was built with. Nothing of theirs is quoted.

mod files;
mod iceoryx;
mod iceoryx_in_place;
mod ringfire;
mod threads;

pub(super) use iceoryx::{Iceoryx, IceoryxCall, IceoryxCopy};
pub(super) use iceoryx_in_place::IceoryxInPlace;
pub(super) use ringfire::Ringfire;
pub(super) use threads::{Crossbeam, Rtrb};
