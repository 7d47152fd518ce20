//! Receives the quotes of `quotes_publisher`, which says how to run both. Any number of these may run.

use std::process::ExitCode;

use examples::{Outcome, Tick};
use ipc_ring::broadcast;

fn main() -> ExitCode {
    examples::run("quotes_subscriber", subscribe)
}

fn subscribe() -> Outcome {
    let (mut received, mut missed) = (0_u64, 0_u64);

    let mut quotes = broadcast::Subscriber::<Tick>::open("md.quotes")?;
    eprintln!("reading from quote {}", quotes.sequence());
    for quote in &mut quotes {
        match quote {
            Ok(_) => received += 1,
            // This number was overwritten before this process could read them.
            Err(gap) => missed += gap.count,
        }
    }

    println!("received {received} quotes, missed {missed}");
    match quotes.last_error() {
        // The loop ended because the publisher closed the channel.
        None => Ok(()),
        Some(error) => Err(error.to_string().into()),
    }
}
