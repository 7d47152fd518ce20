//! Sends pictures of 2 MB to another process without copying them: they are written in place and read in
//! place.
//!
//! In two terminals, in either order:
//!
//! ```text
//! cargo run --release -p examples --example viewer
//! cargo run --release -p examples --example camera [how many]
//! ```
//!
//! The pictures lie in a pool that both processes have open. A message of 32 bytes with the picture's handle
//! goes through the channel. Kill the viewer while it reads one: the pool recovers the picture. Kill the
//! camera: the viewer gets what was sent, and reports it.

use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use examples::frame::{BLOCKS, BYTES, CHANNEL, Frame, POOL, expose};
use examples::{Outcome, run};
use ipc_ring::pool::{Builder, LoanError};
use ipc_ring::spsc;

fn main() -> ExitCode {
    run("camera", record)
}

fn record() -> Outcome {
    let count = std::env::args().nth(1).map_or(Ok(300), |count| count.parse::<u64>())?;

    let pictures = Builder::new(POOL).class(BYTES, BLOCKS).create()?;
    let mut frames = spsc::Producer::<Frame>::create(CHANNEL)?;
    eprintln!("waiting for viewer");
    frames.wait_for_peer(None)?;
    let mut dropped = 0_u64;
    for number in 0..count {
        // A camera does not wait: if all pictures are still in use, this one is not taken.
        match pictures.loan(BYTES) {
            Ok(mut picture) => {
                expose(&mut picture, number)?;
                picture
                    .send_with(frames.route(), |picture| frames.push(Frame { number, picture }))
                    .map_err(|refused| refused.to_string())?;
            }
            Err(LoanError::Exhausted { .. }) => dropped += 1,
            Err(error) => return Err(error.into()),
        }
        sleep(Duration::from_millis(2));
    }
    println!("took {count} pictures, dropped {dropped}");
    print!("{}", pictures.stats());
    Ok(())
}
