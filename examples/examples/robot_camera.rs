//! The eye of a robot of four processes: takes 60 pictures a second and publishes them to all subscribers.
//!
//! In four terminals, in any order:
//!
//! ```text
//! cargo run --release -p examples --example robot_camera [how many pictures]
//! cargo run --release -p examples --example robot_detector left
//! cargo run --release -p examples --example robot_detector right
//! cargo run --release -p examples --example robot_planner
//! ```
//!
//! ```text
//!                                   ┌→ robot_detector left ──┐ detections, broadcast
//!   robot_camera ── pictures, pool ─┤                        ├→ robot_planner ── plan, latest ─→ the drive
//!                   and broadcast   └→ robot_detector right ─┘   watches who comes, goes and dies
//! ```
//!
//! Kill any of them with `kill -9`: the others continue, the planner reports which is missing, and a
//! restarted one takes its place. The pictures that the dead one held are recovered. A camera that has taken
//! all its pictures ends the robot; one that is asked for none ends it at once.

use std::collections::VecDeque;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant};

use examples::frame::{BYTES, expose};
use examples::robot::{BLOCKS, PICTURES, Shot, shots};
use examples::{Outcome, run};
use ipc_ring::pool::{Builder, LoanError};

/// Sixty a second.
const PERIOD: Duration = Duration::from_nanos(1_000_000_000 / 60);
/// The newest pictures, kept for late subscribers.
const KEPT: usize = 4;

fn main() -> ExitCode {
    run("robot_camera", film)
}

fn film() -> Outcome {
    let count = std::env::args().nth(1).map_or(Ok(600), |count| count.parse::<u64>())?;

    let pictures = Builder::new(PICTURES).class(BYTES, BLOCKS).create()?;
    let mut shots = shots().create_sender()?;
    // A successor continues counting.
    let first = shots.pushed();
    eprintln!("taking pictures from {first}");
    let (mut kept, mut dropped) = (VecDeque::new(), 0_u64);
    let mut next = Instant::now();
    for number in first..first.saturating_add(count) {
        if kept.len() == KEPT {
            kept.pop_front(); // Free again when no view of it is left.
        }
        match pictures.loan(BYTES) {
            Ok(mut picture) => {
                expose(&mut picture, number)?;
                let (view, picture) = picture.share();
                shots.push(Shot { number, picture }).map_err(|refused| refused.to_string())?;
                kept.push_back(view);
            }
            // All are in use: this one is not taken.
            Err(LoanError::Exhausted { .. }) => dropped += 1,
            Err(error) => return Err(error.into()),
        }
        next += PERIOD;
        sleep(next.saturating_duration_since(Instant::now()));
    }
    println!("took {} pictures, dropped {dropped}", shots.pushed() - first);
    Ok(()) // Dropping the publisher ends the stream.
}
