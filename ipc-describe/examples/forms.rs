//! Prints the forms of a described type for other languages, and one element of it, as lines of
//! `KEY: HEX OF UTF-8 OR BYTES`.
//!
//! `.ci/readers` has NumPy and an independent reader of ROS messages check them.
//!
//! ```text
//! cargo run -p ipc-describe --example forms
//! ```

use ipc_describe::{Describe, Description};

#[derive(Describe)]
#[repr(C)]
#[describe(name = "geo.Point/1")]
struct Point {
    x: f64,
    y: f64,
}

#[derive(Describe)]
#[repr(C)]
#[describe(name = "robot.Pose/3")]
struct Pose {
    time_ns: u64,
    at: Point,
    path: [[Point; 2]; 2],
    small: [i16; 3],
    quality: u8,
    gear: i8,
}

const BYTES: usize = size_of::<Pose>();

/// Bytes 0 to 7 are a time, the rest are numbers that differ from field to field.
fn element() -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    bytes[..8].copy_from_slice(&1_700_000_000_000_000_001_u64.to_le_bytes());
    for point in 0..10 {
        let value = 0.5 + f64::from(point as u8);
        bytes[8 + 8 * point..16 + 8 * point].copy_from_slice(&value.to_le_bytes());
    }
    for (number, value) in [-1_i16, 300, -30_000].into_iter().enumerate() {
        bytes[88 + 2 * number..90 + 2 * number].copy_from_slice(&value.to_le_bytes());
    }
    bytes[94] = 250;
    bytes[95] = 0xfe;
    bytes
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pose = Description::of::<Pose>()?;
    let line = |key: &str, bytes: &[u8]| {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        println!("{key}: {hex}");
    };
    line("text", pose.text().as_bytes());
    line("dtype", pose.numpy_dtype().as_bytes());
    line("ros_name", pose.ros_name().as_bytes());
    line("ros_definition", pose.ros_definition()?.as_bytes());
    line("element", &element());
    Ok(())
}
