//! The ring of frames in memory that a hostile peer scribbles on; see `tests/hostile/bytes.rs`.
#![no_main]

#[path = "../../tests/hostile/mod.rs"]
mod hostile;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    hostile::bytes::run(data);
});
