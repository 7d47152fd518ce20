//! Publishes ticks to another process. The smallest pair: start here.
//!
//! In two terminals, in either order:
//!
//! ```text
//! cargo run --release -p examples --example ticks_consumer
//! cargo run --release -p examples --example ticks_producer [how many]
//! ```
//!
//! The producer sends a tick each millisecond, 5000 by default, and closes the channel. Kill it in between
//! (`kill -9`): the consumer reports it at once. Kill the consumer: the producer fills the ring, then reports
//! it too.

use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use examples::{Outcome, Tick};
use ipc_ring::spsc;

fn main() -> ExitCode {
    examples::run("ticks_producer", produce)
}

fn produce() -> Outcome {
    let count = std::env::args().nth(1).map_or(Ok(5000), |count| count.parse::<u32>())?;

    let mut ticks = spsc::Producer::<Tick>::create("md.ticks")?;
    eprintln!("waiting for ticks_consumer");
    ticks.wait_for_peer(None)?;
    for number in 0..count {
        ticks.push(Tick::sample(number))?;
        sleep(Duration::from_millis(1));
    }
    println!("sent {count} ticks");
    Ok(()) // Dropping the producer closes the channel: the consumer drains it and ends.
}
