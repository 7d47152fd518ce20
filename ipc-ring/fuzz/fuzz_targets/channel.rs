//! A channel in kernel objects whose segments a hostile peer scribbles on; see `tests/hostile/channel.rs`.
#![no_main]

#[path = "../../tests/hostile/mod.rs"]
mod hostile;

thread_local! {
    static BED: hostile::channel::Bed = hostile::channel::Bed::new(&format!("fuzz-{}", std::process::id()));
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    BED.with(|bed| bed.run(data));
});
