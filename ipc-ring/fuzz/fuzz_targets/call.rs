//! A call ring in memory that a hostile peer scribbles on; see `tests/hostile/call.rs`.
#![no_main]

#[path = "../../tests/hostile/mod.rs"]
mod hostile;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    hostile::call::run(data);
});
