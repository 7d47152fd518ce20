//! Reads one half of the pictures of `robot_camera` in place, and reports what it finds. `robot_camera` says
//! how to run the robot.

use std::process::ExitCode;

use examples::robot::{BLOCKS, Detection, PICTURES, Side, detect, detections, shots};
use examples::{Outcome, frame, run};
use ipc_ring::broadcast::PopError;
use ipc_ring::pool::Builder;
use ipc_ring::{Domain, News, WaitSet};

fn main() -> ExitCode {
    run("robot_detector", look)
}

fn look() -> Outcome {
    let side = std::env::args().nth(1).and_then(|word| Side::parse(&word));
    let side = side.ok_or("say `left` or `right`")?;

    let pictures = Builder::new(PICTURES).class(frame::BYTES, BLOCKS).create()?;
    let mut shots = shots().create_receiver()?;
    let mut detections = detections(side).create_sender()?;
    let mut set = WaitSet::new(&Domain::default_for_user()?)?;
    eprintln!("looking");
    let (mut found, mut missed) = (0_u64, 0_u64);
    loop {
        // Not `pop`, which would report repeatedly that the camera is dead. A set reports it once, and waits
        // for the next one.
        if set.wait(&mut [&mut shots], None)?.news == News::PeerGone {
            eprintln!("the camera is gone; waiting for another one");
            continue;
        }
        let shot = match shots.try_pop() {
            Ok(shot) => shot,
            // This process was too slow for some, or has been stopped.
            Err(PopError::Missed(gap)) => {
                missed += gap.count;
                continue;
            }
            Err(PopError::Empty | PopError::PeerGone(_)) => continue,
            Err(PopError::Closed) => break,
            Err(error) => return Err(error.into()),
        };
        // While this process reads the picture, its block is not reused.
        let Ok(picture) = pictures.accept(&shot.picture) else {
            missed += 1; // Its block has been reused already.
            continue;
        };
        let row = detect(&picture, side).ok_or_else(|| format!("picture {} is torn", shot.number))?;
        drop(picture);
        found += 1;
        let detection = Detection { picture: shot.number, row };
        detections.push(detection).map_err(|refused| refused.to_string())?;
    }
    println!("looked at {found} pictures, missed {missed}");
    Ok(())
}
