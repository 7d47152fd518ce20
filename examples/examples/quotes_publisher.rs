//! Publishes quotes to any number of other processes.
//!
//! In several terminals, the publisher first:
//!
//! ```text
//! cargo run --release -p examples --example quotes_publisher [how many]
//! cargo run --release -p examples --example quotes_subscriber
//! ```
//!
//! The publisher waits for the first subscriber, then sends a quote each millisecond, 5000 by default. It
//! never waits for a slow subscriber: stop one for a while (`kill -STOP`, then `-CONT`), and it reports the
//! number of quotes that it missed.

use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use examples::{Outcome, Tick};
use ipc_ring::broadcast;

fn main() -> ExitCode {
    examples::run("quotes_publisher", publish)
}

fn publish() -> Outcome {
    let count = std::env::args().nth(1).map_or(Ok(5000), |count| count.parse::<u32>())?;

    let mut quotes = broadcast::Publisher::<Tick>::create("md.quotes")?;
    eprintln!("waiting for quotes_subscriber");
    while quotes.counters().subscribers == 0 {
        sleep(Duration::from_millis(1));
    }
    for number in 0..count {
        quotes.push(Tick::sample(number))?;
        sleep(Duration::from_millis(1));
    }
    println!("published {count} quotes, dropped {} dead subscribers", quotes.counters().dropped);
    Ok(()) // Dropping the publisher closes the channel: subscribers read what is left and end.
}
