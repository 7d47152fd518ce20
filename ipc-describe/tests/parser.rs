//! Texts of whatever origin.

use ipc_describe::{Description, MAX_TEXT, ParseError, Problem};
use proptest::prelude::*;

fn problem(text: &str) -> (usize, Problem) {
    let ParseError { line, problem } = text.parse::<Description>().expect_err(text);
    (line, problem)
}

#[test]
fn each_mistake_is_named_with_its_line() {
    let name = |name: &str| name.to_owned();
    for (text, line, expected) in [
        ("", 0, Problem::Empty),
        ("0 u8 a\n", 1, Problem::Syntax { found: name("0 u8 a") }),
        ("type A size 1\n", 1, Problem::Syntax { found: name("type A size 1") }),
        ("type A size 1 align 1\n0 u8\n", 2, Problem::Syntax { found: name("0 u8") }),
        ("type A size 1 align 1\n0 u8 a b\n", 2, Problem::Syntax { found: name("0 u8 a b") }),
        ("type A size 1 align 1\n-1 u8 a\n", 2, Problem::Syntax { found: name("-1 u8 a") }),
        ("type A size 1 align 1\n0 u8[ a\n", 2, Problem::Syntax { found: name("0 u8[ a") }),
        ("type A size 1 align 1\n0 u8[1 a\n", 2, Problem::Syntax { found: name("0 u8[1 a") }),
        ("type A size 1 align 1\n0 u8[][1] a\n", 2, Problem::Syntax { found: name("0 u8[][1] a") }),
        ("type A size 1 align 1\n\n", 2, Problem::Syntax { found: name("") }),
        ("type A size 1 align 1\n0 u7 a\n", 2, Problem::Order { name: name("A.a") }),
        ("type A size 1 align 1\n0 A a\n", 0, Problem::Order { name: name("A.a") }),
        (
            "type A size 1 align 1\n0 B b\ntype B size 1 align 1\n0 A a\n",
            0,
            Problem::Order { name: name("B.a") },
        ),
        ("type A-B size 1 align 1\n0 u8 a\n", 0, Problem::TypeName { name: name("A-B") }),
        ("type u8 size 2 align 2\n0 u16 value\n", 0, Problem::TypeName { name: name("u8") }),
        ("type u8[2] size 1 align 1\n0 u8 value\n", 0, Problem::TypeName { name: name("u8[2]") }),
        ("type A size 1 align 1\n0 u8 1a\n", 0, Problem::FieldName { name: name("A.1a") }),
        ("type A size 2 align 1\n0 u8 a\n1 u8 a\n", 0, Problem::DuplicateField { name: name("A.a") }),
        (
            "type A size 1 align 1\n0 B b\ntype B size 1 align 1\n0 u8 a\ntype B size 1 align 1\n0 u8 a\n",
            0,
            Problem::Unused { name: name("B") },
        ),
        (
            "type A size 1 align 1\n0 u8 a\ntype B size 1 align 1\n0 u8 a\n",
            0,
            Problem::Unused { name: name("B") },
        ),
        ("type A size 1 align 0\n0 u8 a\n", 0, Problem::Alignment { name: name("A"), size: 1, align: 0 }),
        ("type A size 3 align 2\n0 u8[3] a\n", 0, Problem::Alignment { name: name("A"), size: 3, align: 2 }),
        ("type A size 0 align 1\n", 0, Problem::Alignment { name: name("A"), size: 0, align: 1 }),
        (
            "type A size 2 align 1\n0 u8 a\n0 u8 b\n",
            0,
            Problem::Offset { name: name("A.b"), found: 0, expected: 1 },
        ),
        ("type A size 2 align 1\n0 u8 a\n", 0, Problem::Size { name: name("A"), size: 2, end: 1 }),
        (
            "type A size 1 align 1\n0 u8[4294967295][4294967295][4294967295] a\n",
            0,
            Problem::TooLarge { name: name("A.a") },
        ),
        ("type A size 1 align 1\n0 u8[0] a\n", 0, Problem::TooLarge { name: name("A.a") }),
        ("type A size 67108865 align 1\n0 u8[67108865] a\n", 0, Problem::TooLarge { name: name("A") }),
        ("type A size 01 align 1\n0 u8 a\n", 0, Problem::NotCanonical),
        ("type A size 1 align 1\n0 u8 a", 0, Problem::NotCanonical),
        ("type A size 1 align 1\r\n0 u8 a\r\n", 0, Problem::NotCanonical),
    ] {
        assert_eq!(problem(text), (line, expected), "{text:?}");
    }
    let long = format!("type A size 1 align 1\n0 u8 {}\n", "a".repeat(MAX_TEXT));
    assert_eq!(problem(&long), (0, Problem::TextTooLong { length: long.len() }));
}

#[test]
fn the_order_of_types_is_the_canonical_one() {
    let right =
        "type A size 2 align 1\n0 B b\n1 C c\ntype B size 1 align 1\n0 u8 x\ntype C size 1 align 1\n0 u8 x\n";
    let wrong =
        "type A size 2 align 1\n0 B b\n1 C c\ntype C size 1 align 1\n0 u8 x\ntype B size 1 align 1\n0 u8 x\n";
    assert!(right.parse::<Description>().is_ok());
    assert_eq!(problem(wrong), (0, Problem::TypeOrder { name: "C".to_owned() }));
}

/// Lines that are nearly right.
fn lines() -> impl Strategy<Value = String> {
    let number = prop_oneof![Just("0".to_owned()), (0_u32..20).prop_map(|n| n.to_string()), "[0-9]{1,12}"];
    let name = prop_oneof![Just("A"), Just("B"), Just("C/1"), Just("u8"), Just("u32"), Just("f64")];
    let line = prop_oneof![
        (name.clone(), number.clone(), number.clone())
            .prop_map(|(name, size, align)| format!("type {name} size {size} align {align}\n")),
        (number.clone(), name, number, "[a-c]")
            .prop_map(|(offset, name, length, field)| format!("{offset} {name}[{length}] {field}\n")),
        "[ -~\n]{0,20}",
    ];
    proptest::collection::vec(line, 0..12).prop_map(|lines| lines.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whatever_is_accepted_is_canonical_and_everything_can_be_made_of_it(text in lines()) {
        if let Ok(description) = text.parse::<Description>() {
            prop_assert_eq!(description.text(), text);
            let _ = (description.c_header(), description.numpy_dtype(), description.ros_definition());
            prop_assert_eq!(description.difference(&description.clone()), None);
        }
    }

    #[test]
    fn no_text_is_too_strange(text in "\\PC{0,200}") {
        let _ = text.parse::<Description>();
    }
}
