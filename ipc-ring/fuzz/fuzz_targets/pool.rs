//! A pool in kernel objects whose segment a hostile peer scribbles on, and whose handles are forged; see
//! `tests/hostile/pool.rs`.
#![no_main]

#[path = "../../tests/hostile/mod.rs"]
mod hostile;

thread_local! {
    static BED: hostile::pool::Bed = hostile::pool::Bed::new(&format!("fuzz-pool-{}", std::process::id()));
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    BED.with(|bed| bed.run(data));
});
