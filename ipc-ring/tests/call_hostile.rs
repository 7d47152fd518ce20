//! Whatever a peer writes into a call ring, the result is an error or some value. The same body as the fuzz
//! target `call`, with a fixed number of pseudo-random inputs.
//!
//! `HOSTILE_SEED` repeats a run, `HOSTILE_IMAGES` makes it longer.

mod common;
mod hostile;
mod spsc_common;

use common::private_namespace;
use hostile::call;
use spsc_common::Random;

fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).map_or(usual, |text| text.parse().expect("a number"))
}

#[test]
fn any_image_of_a_call_ring_is_survived() {
    private_namespace();
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let seed = number("HOSTILE_SEED", clock.as_nanos() as u64);
    eprintln!("HOSTILE_SEED={seed}");
    let mut random = Random::new(seed);
    let images = number("HOSTILE_IMAGES", 5000);
    let (mut attached, mut steps) = (0, 0);
    for image in 0..images {
        let data: Vec<u8> = (0..random.below(300)).map(|_| random.next() as u8).collect();
        let done = std::panic::catch_unwind(|| call::run(&data));
        let Ok(done) = done else { panic!("image {image}: {data:?}") };
        attached += u64::from(done > 0);
        steps += done as u64;
    }
    // Otherwise this tests the refusals only.
    assert!(attached > images / 8 && steps > images, "{attached} of {images} attached, {steps} operations");
}
