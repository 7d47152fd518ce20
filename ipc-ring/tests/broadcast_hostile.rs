//! Whatever a peer writes into a broadcast ring, the result is an error or some value. The same body as the
//! fuzz target in `fuzz/`, with a fixed number of pseudo-random inputs. `HOSTILE_SEED` repeats a run,
//! `HOSTILE_IMAGES` makes it longer.

mod common;
mod hostile;
mod spsc_common;

use hostile::broadcast;
use spsc_common::Random;

#[test]
fn any_image_of_a_broadcast_ring_is_survived() {
    common::private_namespace();
    let number = |variable: &str, usual: u64| {
        std::env::var(variable).map_or(usual, |text| text.parse().expect("a number"))
    };
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let seed = number("HOSTILE_SEED", clock.as_nanos() as u64);
    eprintln!("HOSTILE_SEED={seed}");
    let mut random = Random::new(seed);
    let images = number("HOSTILE_IMAGES", 4_000);
    let (mut attached, mut steps) = (0, 0);
    for image in 0..images {
        let count = random.below(200);
        let data: Vec<u8> = (0..count).map(|_| random.next() as u8).collect();
        let done = std::panic::catch_unwind(|| broadcast::run(&data));
        let Ok(done) = done else { panic!("image {image}: {data:?}") };
        attached += u64::from(done > 0);
        steps += done as u64;
    }
    eprintln!("{images} images, {attached} of them attached, {steps} operations");
    // Otherwise this tests the refusals only.
    assert!(attached > images / 8 && steps > images, "{attached} of {images} attached, {steps} operations");
}
