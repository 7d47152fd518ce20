//! Described Rust types and their texts.

use ipc_describe::{Describe, Description, Problem};

#[derive(Describe)]
#[repr(C)]
#[describe(name = "geo.Point/1")]
struct Point {
    axes: [f64; 3],
}

#[derive(Describe)]
#[repr(C)]
#[describe(name = "robot.Pose/1")]
struct Pose {
    time_ns: u64,
    position: Point,
    path: [[Point; 2]; 4],
    r#type: u32,
    flags: [u8; 4],
}

const POSE: &str = "\
type robot.Pose/1 size 232 align 8
0 u64 time_ns
8 geo.Point/1 position
32 geo.Point/1[4][2] path
224 u32 type
228 u8[4] flags
type geo.Point/1 size 24 align 8
0 f64[3] axes
";

#[test]
fn a_struct_with_structs_and_arrays_in_it() {
    let pose = Description::of::<Pose>().expect("consistent");
    assert_eq!(pose.text(), POSE);
    assert_eq!(POSE.parse(), Ok(pose));
}

#[derive(Describe)]
#[repr(C)]
struct Left {
    common: Point,
}

#[derive(Describe)]
#[repr(C)]
struct Right {
    left: Left,
}

#[derive(Describe)]
#[repr(C)]
struct Both {
    left: Left,
    right: Right,
    again: Left,
}

#[test]
fn a_type_that_is_met_again_stands_once_behind_all_that_contain_it() {
    let both = Description::of::<Both>().expect("consistent");
    let names: Vec<_> = both.types().iter().map(|each| each.name()).collect();
    assert_eq!(names, ["Both", "Right", "Left", "geo.Point/1"]);
    assert_eq!(both.text().parse(), Ok(both));
}

#[test]
fn numbers_and_arrays_have_one_field() {
    for (text, description) in [
        ("type u64 size 8 align 8\n0 u64 value\n", Description::of::<u64>()),
        ("type f32[16] size 64 align 4\n0 f32[16] value\n", Description::of::<[f32; 16]>()),
        ("type i16[2][3] size 12 align 2\n0 i16[2][3] value\n", Description::of::<[[i16; 3]; 2]>()),
        (
            "type geo.Point/1[2] size 48 align 8\n0 geo.Point/1[2] value\ntype geo.Point/1 size 24 align 8\n0 f64[3] axes\n",
            Description::of::<[Point; 2]>(),
        ),
    ] {
        let description = description.expect("consistent");
        assert_eq!(description.text(), text);
        assert!(description.is_bare());
        assert_eq!(text.parse(), Ok(description));
    }
    assert!(!Description::of::<Pose>().expect("consistent").is_bare());
}

#[derive(Describe)]
#[repr(C)]
#[describe(name = "robot.Scan{N}/1")]
struct Scan<const N: usize> {
    ranges: [f32; N],
}

#[test]
fn constants_are_part_of_the_name() {
    let scan = Description::of::<Scan<64>>().expect("consistent");
    assert_eq!(scan.text(), "type robot.Scan64/1 size 256 align 4\n0 f32[64] ranges\n");
    assert_ne!(scan.hash(), Description::of::<Scan<65>>().expect("consistent").hash());
}

#[derive(Describe)]
#[repr(C, packed)]
struct Packed {
    kind: u8,
    price: u64,
}

#[derive(Describe)]
#[repr(C, align(64))]
struct Line {
    words: [u64; 8],
}

#[test]
fn packed_and_aligned_structs_say_so() {
    let packed = Description::of::<Packed>().expect("consistent");
    assert_eq!(packed.text(), "type Packed size 9 align 1\n0 u8 kind\n1 u64 price\n");
    assert!(!packed.is_naturally_aligned());
    let line = Description::of::<Line>().expect("consistent");
    assert_eq!(line.text(), "type Line size 64 align 64\n0 u64[8] words\n");
    assert!(line.is_naturally_aligned());
}

mod other {
    #[derive(ipc_describe::Describe)]
    #[repr(C)]
    #[describe(name = "geo.Point/1")]
    pub struct Flat {
        axes: [f64; 2],
    }
}

#[derive(Describe)]
#[repr(C)]
struct Clash {
    deep: Point,
    flat: other::Flat,
}

#[test]
fn two_types_of_one_name_are_refused() {
    assert_eq!(Description::of::<Clash>(), Err(Problem::DuplicateType { name: "geo.Point/1".to_owned() }));
}

#[derive(Describe)]
#[repr(C)]
#[describe(name = "two words")]
struct BadName {
    value: u8,
}

#[derive(Describe)]
#[repr(C)]
struct Nothing {
    value: [u8; 0],
}

#[test]
fn names_and_sizes_are_checked() {
    assert_eq!(Description::of::<BadName>(), Err(Problem::TypeName { name: "two words".to_owned() }));
    assert!(matches!(Description::of::<Nothing>(), Err(Problem::Alignment { size: 0, .. })));
}

#[derive(Describe)]
#[repr(C)]
#[describe(crate = "ipc_describe", name = "Through/1")]
struct Through {
    value: u8,
}

#[test]
fn the_crate_may_be_found_elsewhere() {
    assert!(Description::of::<Through>().is_ok());
}
