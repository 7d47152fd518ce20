//! Any bytes as the text of a description: refused, or canonical, and everything can be made of it.
#![no_main]

use std::ops::ControlFlow;

use ipc_describe::Description;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(description) = text.parse::<Description>() else { return };
    assert_eq!(description.text(), text);
    assert_eq!(description.difference(&description.clone()), None);
    assert_eq!(description.begins_with(&description), Ok(()));
    let _ = (description.c_header(), description.numpy_dtype(), description.ros_definition());
    let element = vec![0xff; description.element().size() as usize];
    let mut end = 0;
    let _ = description.for_each_leaf(|leaf| {
        assert_eq!(leaf.offset, end, "the numbers lie one behind the other");
        end += leaf.scalar.size();
        assert!(leaf.value(&element).is_some());
        if end > 1 << 16 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
});
