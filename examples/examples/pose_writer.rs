//! Publishes a robot's position continuously; every reader gets the newest pose.
//!
//! In two terminals, in either order:
//!
//! ```text
//! cargo run --release -p examples --example pose_writer [how many]
//! cargo run --release -p examples --example pose_reader
//! ```
//!
//! A pose each millisecond, 5000 by default. The reader is slow, and skips the poses that it misses. Kill the
//! writer (`kill -9`): the reader still has the last pose. Start it again: it continues counting where the
//! dead one stopped.

use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use examples::{Outcome, Pose};
use ipc_ring::latest;

fn main() -> ExitCode {
    examples::run("pose_writer", write)
}

fn write() -> Outcome {
    let count = std::env::args().nth(1).map_or(Ok(5000), |count| count.parse::<u64>())?;

    let mut robot = latest::Writer::<Pose>::create("robot.pose")?;
    let first = robot.sequence()?;
    eprintln!("publishing from pose {first}");
    for number in first..first + count {
        robot.publish(Pose::sample(number))?;
        sleep(Duration::from_millis(1));
    }
    println!("published {count} poses");
    Ok(()) // Dropping the writer closes the channel: readers take the last pose and end.
}
