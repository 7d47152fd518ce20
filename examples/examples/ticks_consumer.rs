//! Receives the ticks of `ticks_producer`, which says how to run both.
//!
//! While no tick arrives, the consumer polls for a few microseconds, then sleeps on a semaphore and uses no
//! CPU.

use std::process::ExitCode;

use examples::{Outcome, Tick};
use ipc_ring::spsc;

fn main() -> ExitCode {
    examples::run("ticks_consumer", consume)
}

fn consume() -> Outcome {
    let mut received = 0_u64;
    let mut volume = 0_u64;
    let mut ages = Vec::new();

    // `create` makes the channel or finds it, so either program may be first. `open` would insist that it
    // exists.
    let mut ticks = spsc::Consumer::<Tick>::create("md.ticks")?;
    eprintln!("waiting for ticks");
    for tick in &mut ticks {
        ages.push(tick.age_ns());
        received += 1;
        volume += u64::from(tick.quantity);
    }

    ages.sort_unstable();
    let median = ages.get(ages.len() / 2).copied().unwrap_or(0);
    println!("received {received} ticks, volume {volume}, median age {:.1} µs", median as f64 / 1e3);
    match ticks.last_error() {
        // The loop ended because the producer closed the channel.
        None => Ok(()),
        Some(error) => Err(error.to_string().into()),
    }
}
