//! The forms for other languages, and decoding without the Rust type.

use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Output};

use ipc_describe::{Describe, Description, RosError};

#[derive(Describe)]
#[repr(C)]
#[describe(name = "geo.Point/1")]
struct Point {
    x: f64,
    y: f64,
}

#[derive(Describe)]
#[repr(C)]
#[describe(name = "robot.arm.Pose/3")]
struct Pose {
    time_ns: u64,
    at: Point,
    path: [[Point; 2]; 2],
    small: [i16; 3],
    int: u8, // A keyword of C.
    flag: i8,
}

#[derive(Describe)]
#[repr(C, packed(2))]
#[describe(name = "packed.Two/1")]
struct Two {
    kind: u16,
    price: u64,
}

#[derive(Describe)]
#[repr(C, align(32))]
struct Wide {
    words: [u32; 8],
}

#[derive(Describe)]
#[repr(C)]
struct Holds {
    wide: Wide,
    two: [Two; 16],
}

fn describe<T: Describe>() -> Description {
    Description::of::<T>().expect("consistent")
}

/// The compiler that links Rust programs; it has the headers of C.
fn compile(arguments: &[&str], folder: &Path) -> Output {
    Command::new("cc")
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("a C compiler, which links Rust programs, too")
}

#[test]
fn a_c_compiler_agrees_about_sizes_and_offsets() {
    let folder = tempfile::tempdir().expect("a folder");
    let all = [
        describe::<Pose>(),
        describe::<Holds>(),
        describe::<Two>(),
        describe::<u64>(),
        describe::<[[f32; 4]; 3]>(),
        describe::<[Point; 2]>(),
    ];
    for (number, description) in all.iter().enumerate() {
        std::fs::write(folder.path().join("types.h"), description.c_header()).expect("written");
        std::fs::write(folder.path().join("main.c"), "#include \"types.h\"\n").expect("written");
        let output = compile(&["-std=c11", "-Wall", "-Werror", "-fsyntax-only", "main.c"], folder.path());
        let (header, errors) = (description.c_header(), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "type {number}:\n{header}\n{errors}");
    }
    // The assertions can fail.
    let wrong = describe::<Pose>().c_header().replace("int16_t small[3]", "int16_t small[5]");
    std::fs::write(folder.path().join("types.h"), wrong).expect("written");
    assert!(!compile(&["-std=c11", "-fsyntax-only", "main.c"], folder.path()).status.success());
}

#[test]
fn a_c_header_reads_like_one_written_by_hand() {
    let header = describe::<Pose>().c_header();
    let wanted = "\
/* robot.arm.Pose/3 */
typedef struct robot_arm_Pose_3 {
    uint64_t time_ns;
    geo_Point_1 at;
    geo_Point_1 path[2][2];
    int16_t small[3];
    uint8_t int_;
    int8_t flag;
} robot_arm_Pose_3;
static_assert(sizeof(robot_arm_Pose_3) == 96, \"robot.arm.Pose/3\");
static_assert(offsetof(robot_arm_Pose_3, time_ns) == 0, \"robot.arm.Pose/3.time_ns\");
";
    assert!(header.contains(wanted), "{header}");
}

#[test]
fn numpy_types_are_explicit() {
    assert_eq!(
        describe::<Pose>().numpy_dtype(),
        "{'names': ['time_ns', 'at', 'path', 'small', 'int', 'flag'], 'formats': ['<u8', \
         {'names': ['x', 'y'], 'formats': ['<f8', '<f8'], 'offsets': [0, 8], 'itemsize': 16}, \
         ({'names': ['x', 'y'], 'formats': ['<f8', '<f8'], 'offsets': [0, 8], 'itemsize': 16}, (2, 2)), \
         ('<i2', (3,)), '|u1', '|i1'], 'offsets': [0, 8, 24, 88, 94, 95], 'itemsize': 96}"
    );
    assert_eq!(describe::<u64>().numpy_dtype(), "'<u8'");
}

#[test]
fn ros_definitions_have_the_types_in_them_behind() {
    let pose = describe::<Pose>();
    assert_eq!(pose.ros_name(), "robot_arm/msg/Pose");
    let wanted = format!(
        "uint64 time_ns\ngeo/Point at\ngeo/Point[4] path\nint16[3] small\nuint8 int\nint8 flag\n{}\nMSG: geo/Point\n\
         float64 x\nfloat64 y\n",
        "=".repeat(80)
    );
    assert_eq!(pose.ros_definition(), Ok(wanted));
    assert_eq!(describe::<[[f32; 4]; 3]>().ros_name(), "ipc/msg/F32_3_4");
    assert_eq!(describe::<[Point; 2]>().ros_name(), "ipc/msg/Geo_Point_1_2");
    assert_eq!(describe::<Two>().ros_definition(), Err(RosError::Unaligned));
}

#[test]
fn elements_are_decoded_field_by_field() {
    let pose = describe::<Pose>();
    let mut bytes = vec![0_u8; 96];
    bytes[..8].copy_from_slice(&7_u64.to_le_bytes());
    bytes[8 + 8..8 + 16].copy_from_slice(&(-2.5_f64).to_le_bytes());
    // path[1][0].x: the third point.
    bytes[24 + 2 * 16..24 + 2 * 16 + 8].copy_from_slice(&0.1_f64.to_le_bytes());
    bytes[88 + 2..88 + 4].copy_from_slice(&(-300_i16).to_le_bytes());
    bytes[95] = 0xff;
    let mut seen = Vec::new();
    let _ = pose.for_each_leaf(|leaf| {
        let value = leaf.value(&bytes).expect("inside").to_string();
        if value != "0" {
            seen.push(format!("{}={value}", leaf.path));
        }
        ControlFlow::<()>::Continue(())
    });
    assert_eq!(seen, ["time_ns=7", "at.y=-2.5", "path[1][0].x=0.1", "small[1]=-300", "flag=-1"]);
    let mut last = String::new();
    let stopped = pose.for_each_leaf(|leaf| {
        last = leaf.path.to_owned();
        if leaf.value(&bytes[..24]).is_none() {
            ControlFlow::Break(leaf.offset)
        } else {
            ControlFlow::Continue(())
        }
    });
    assert_eq!((stopped, &*last), (ControlFlow::Break(24), "path[0][0].x"));
}
