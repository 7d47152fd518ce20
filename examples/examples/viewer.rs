//! Reads the pictures of `camera` in place; `camera` says how to run both.

use std::process::ExitCode;

use examples::frame::{BLOCKS, BYTES, CHANNEL, Frame, HEIGHT, POOL, is_whole, row};
use examples::{Outcome, run};
use ipc_ring::pool::Builder;
use ipc_ring::spsc::{self, PopError};

fn main() -> ExitCode {
    run("viewer", look)
}

fn look() -> Outcome {
    let pictures = Builder::new(POOL).class(BYTES, BLOCKS).create()?;
    let mut frames = spsc::Consumer::<Frame>::create(CHANNEL)?;
    eprintln!("waiting for pictures");
    let (mut seen, mut brightness) = (0_u64, 0_u64);
    loop {
        // The picture is taken before its message is popped: a death in between loses no block.
        let popped = frames.pop_with(|message| {
            let frame = message.read();
            (frame.number, pictures.accept(&frame.picture))
        });
        let (number, picture) = match popped {
            Ok(popped) => popped,
            Err(PopError::Closed) => break,
            Err(error) => return Err(error.into()),
        };
        // A camera that was killed while it sent leaves an invalid handle.
        let Ok(picture) = picture else { continue };
        if !is_whole(&picture, number) {
            return Err(format!("picture {number} is torn").into());
        }
        seen += 1;
        brightness += u64::from(row(&picture, HEIGHT / 2)?[0]);
    } // Dropping a picture gives its block back to the camera.
    println!("saw {seen} pictures, brightness {brightness}");
    Ok(())
}
