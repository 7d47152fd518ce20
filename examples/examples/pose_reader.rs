//! Follows the poses of `pose_writer`, which says how to run both. Any number of these may run.

use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use examples::{Outcome, Pose};
use ipc_ring::latest::{ReadError, Reader};

fn main() -> ExitCode {
    examples::run("pose_reader", read)
}

fn read() -> Outcome {
    let mut robot = Reader::<Pose>::create("robot.pose")?;
    eprintln!("waiting for poses");
    let (mut read, mut sequence) = (0_u64, 0);
    loop {
        match robot.wait() {
            Ok(newest) => {
                read += 1;
                sequence = newest.sequence;
                // The pose is consistent, whenever it was written.
                assert_eq!(newest.value, Pose::sample(sequence - 1));
                sleep(Duration::from_millis(3)); // Work; meanwhile new poses arrive.
            }
            Err(ReadError::Closed) => break,
            Err(ReadError::PeerGone(how)) => {
                // The last pose can still be read.
                let last = robot.get()?.ok_or("no pose was ever written")?;
                eprintln!("the writer is gone ({how:?}); last pose {}", last.sequence);
                robot.wait_for_peer(None)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    println!("read {read} of {sequence} poses");
    Ok(())
}
