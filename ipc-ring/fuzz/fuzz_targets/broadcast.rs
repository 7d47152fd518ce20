//! The broadcast rings in memory that a hostile peer scribbles on; see `tests/hostile/broadcast.rs`.
#![no_main]

#[path = "../../tests/hostile/mod.rs"]
mod hostile;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    hostile::broadcast::run(data);
});
