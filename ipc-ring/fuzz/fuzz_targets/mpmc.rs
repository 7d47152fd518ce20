//! The many-to-many ring in memory that a hostile peer scribbles on; see `tests/hostile/mpmc.rs`.
#![no_main]

#[path = "../../tests/hostile/mod.rs"]
mod hostile;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    hostile::mpmc::run(data);
});
