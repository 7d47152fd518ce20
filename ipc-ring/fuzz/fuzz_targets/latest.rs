//! A table of latest values in memory that a hostile peer scribbles on; see `tests/hostile/latest.rs`.
#![no_main]

#[path = "../../tests/hostile/mod.rs"]
mod hostile;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    hostile::latest::run(data);
});
