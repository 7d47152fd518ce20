//! What differs between two versions of a type, in words.

use ipc_describe::{Describe, Description};

fn parse(text: &str) -> Description {
    text.parse().expect(text)
}

const TICK: &str =
    "type md.Tick/2 size 24 align 8\n0 u64 time_ns\n8 i64 price\n16 u32 quantity\n20 u32 symbol\n";

/// The sentence about what is found where `TICK` is expected.
fn difference(found: &str) -> String {
    let difference = parse(found).difference(&parse(TICK)).expect("they differ");
    assert_eq!(parse(TICK).difference(&parse(TICK)), None);
    difference.to_string()
}

#[test]
fn each_kind_of_difference_has_its_sentence() {
    let tick = |fields: &str| difference(&format!("type md.Tick/2 size 24 align 8\n{fields}"));
    assert_eq!(
        difference(&TICK.replace("md.Tick/2", "md.Tick/3")),
        "the element is a `md.Tick/3`, expected a `md.Tick/2`"
    );
    assert_eq!(
        tick("0 u64 time_ns\n8 f64 price\n16 u32 quantity\n20 u32 symbol\n"),
        "field `price` is f64, expected i64"
    );
    assert_eq!(
        tick("0 u64 time_ns\n8 i64 cents\n16 u32 quantity\n20 u32 symbol\n"),
        "the field at byte 8 is named `cents`, expected `price`"
    );
    assert_eq!(
        tick("0 u64 time_ns\n8 i64 price\n16 u32 symbol\n20 u32 quantity\n"),
        "field `quantity` begins at byte 20, expected byte 16"
    );
    assert_eq!(
        tick("0 u64 time_ns\n8 i64 price\n16 u64 quantity\n"),
        "field `quantity` is u64, expected u32"
    );
    assert_eq!(
        difference("type md.Tick/2 size 16 align 8\n0 u64 time_ns\n8 i64 price\n"),
        "field `quantity` is missing, expected u32"
    );
    assert_eq!(
        difference(&TICK.replace("size 24", "size 32").replace("symbol\n", "symbol\n24 u64 venue\n")),
        "field `venue` (u64) was not expected"
    );
    assert_eq!(
        difference(&TICK.replace("align 8", "align 4")),
        "the element is aligned to 4 bytes, expected 8"
    );
    assert_eq!(
        difference("type u64 size 8 align 8\n0 u64 value\n"),
        "the element is a `u64`, expected a `md.Tick/2`"
    );
}

#[test]
fn differences_inside_a_field_have_its_path() {
    let pose = |inner: &str| {
        parse(&format!(
            "type Pose size 16 align 8\n0 geo.Point/1 at\ntype geo.Point/1 size 16 align 8\n{inner}"
        ))
    };
    let (found, expected) = (pose("0 f64 x\n8 i64 y\n"), pose("0 f64 x\n8 f64 y\n"));
    assert_eq!(
        found.difference(&expected).expect("they differ").to_string(),
        "field `at.y` is i64, expected f64"
    );
}

#[test]
fn bare_elements_differ_in_their_type() {
    let found = Description::of::<[f32; 8]>().expect("consistent");
    let expected = Description::of::<[f32; 16]>().expect("consistent");
    let difference = found.difference(&expected).expect("they differ");
    assert_eq!(difference.to_string(), "field `value` is f32[8], expected f32[16]");
}

#[derive(Describe)]
#[repr(C)]
#[describe(name = "md.Tick/2")]
struct Tick {
    time_ns: u64,
    price: i64,
    quantity: u32,
    symbol: u32,
}

#[test]
fn a_newer_version_begins_with_the_older_one() {
    let old = Description::of::<Tick>().expect("consistent");
    let longer = "type md.Tick/3 size 32 align 8\n0 u64 time_ns\n8 i64 price\n16 u32 quantity\n20 u32 symbol\n24 u64 venue\n";
    assert_eq!(parse(longer).begins_with(&old), Ok(()));
    assert_eq!(old.begins_with(&old), Ok(()));
    let sentence =
        |found: &Description| found.begins_with(&parse(longer)).expect_err("too short").to_string();
    assert_eq!(sentence(&old), "field `venue` is missing, expected u64");
    let renamed = parse(&longer.replace("md.Tick", "md.Quote"));
    assert_eq!(
        renamed.begins_with(&old).expect_err("another name").to_string(),
        "the element is a `md.Quote/3`, expected a `md.Tick/2`"
    );
    let other = parse(&longer.replace("8 i64 price", "8 f64 price"));
    assert_eq!(
        other.begins_with(&old).expect_err("another field").to_string(),
        "field `price` is f64, expected i64"
    );
}

#[test]
fn only_the_element_itself_may_be_longer() {
    let inner = |version: u32, fields: &str, size: u32| {
        parse(&format!(
            "type A/{version} size {size} align 8\n0 B at\ntype B size {size} align 8\n0 u64 x\n{fields}"
        ))
    };
    let found = inner(2, "8 u64 y\n", 16);
    assert_eq!(
        found.begins_with(&inner(1, "", 8)).expect_err("inner types are the same").to_string(),
        "field `at.y` (u64) was not expected"
    );
}
