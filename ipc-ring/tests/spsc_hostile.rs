//! Whatever a peer writes into the shared memory, the result is an error or some value of the element type.
//! The same bodies as the fuzz targets in `fuzz/`, with a fixed number of pseudo-random inputs.
//!
//! `HOSTILE_SEED` repeats a run, `HOSTILE_IMAGES` makes it longer.

mod common;
mod hostile;
mod spsc_common;

use common::{private_namespace, unique};
use hostile::{channel, ring};
use spsc_common::Random;

fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).map_or(usual, |text| text.parse().expect("a number"))
}

/// A seed of this run's own, printed so that a failure can be repeated.
fn seed() -> u64 {
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let seed = number("HOSTILE_SEED", clock.as_nanos() as u64);
    eprintln!("HOSTILE_SEED={seed}");
    seed
}

fn bytes(random: &mut Random, most: u64) -> Vec<u8> {
    let count = random.below(most);
    (0..count).map(|_| random.next() as u8).collect()
}

#[test]
fn any_image_of_a_ring_is_survived() {
    private_namespace();
    let mut random = Random::new(seed());
    let images = number("HOSTILE_IMAGES", 15_000);
    let (mut attached, mut steps) = (0, 0);
    for image in 0..images {
        let data = bytes(&mut random, 200);
        let done = std::panic::catch_unwind(|| ring::run(&data));
        let Ok(done) = done else { panic!("image {image}: {data:?}") };
        attached += u64::from(done > 0);
        steps += done as u64;
    }
    eprintln!("{images} images, {attached} of them attached, {steps} operations");
    // Otherwise this tests the refusals only.
    assert!(attached > images / 8 && steps > images, "{attached} of {images} attached, {steps} operations");
}

#[test]
fn any_scribbling_on_the_other_rings_is_survived() {
    let mut random = Random::new(seed());
    let images = number("HOSTILE_IMAGES", 10_000);
    let mut steps = 0;
    for image in 0..images {
        let data = bytes(&mut random, 300);
        let done = std::panic::catch_unwind(|| hostile::bytes::run(&data) + hostile::mpmc::run(&data));
        let Ok(done) = done else { panic!("image {image}: {data:?}") };
        steps += done as u64;
    }
    eprintln!("{images} sequences, {steps} operations");
    assert!(steps > 10 * images);
}

#[test]
fn a_peer_that_scribbles_all_the_time_is_survived() {
    private_namespace();
    let mut random = Random::new(seed());
    for _ in 0..20 {
        let data: Vec<u8> = (0..4096).map(|_| random.next() as u8).collect();
        assert!(ring::run_with_scribbler(&data, 200) > 0);
    }
}

#[test]
fn any_segment_of_a_channel_and_of_its_domain_is_survived() {
    private_namespace();
    let mut random = Random::new(seed());
    let images = number("HOSTILE_IMAGES", 3_000);
    let bed = channel::Bed::new(&unique("hostile"));
    let mut steps = 0;
    for image in 0..images {
        let data = bytes(&mut random, 160);
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| bed.run(&data)));
        let Ok(done) = done else { panic!("image {image}: {data:?}") };
        steps += done as u64;
    }
    eprintln!("{images} sequences, {steps} calls");
    assert!(steps > images);
}
