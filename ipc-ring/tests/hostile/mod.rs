//! Bodies that play a hostile peer, for the tests and for the fuzz targets in `fuzz/`.
#![allow(dead_code, reason = "each user takes a part")]

pub mod broadcast;
pub mod bytes;
pub mod call;
pub mod channel;
pub mod input;
pub mod latest;
pub mod mpmc;
pub mod pool;
pub mod ring;
