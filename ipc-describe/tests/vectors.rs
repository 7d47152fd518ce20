//! `vectors/` holds descriptions and their hashes for implementations in other languages.

use ipc_describe::{Description, fingerprint};

#[test]
fn the_published_vectors_are_right() {
    let vectors = include_str!("../vectors/descriptions.txt");
    let mut count = 0;
    for vector in vectors.split("\n\n").filter(|part| !part.starts_with('#')) {
        let (head, text) = vector.split_once('\n').expect("a head line");
        let text = format!("{}\n", text.trim_end());
        let description: Description = text.parse().expect(&text);
        let computed =
            format!("fingerprint {:032x} hash {:032x}", description.fingerprint(), description.hash());
        assert_eq!(computed, head, "{text}");
        count += 1;
    }
    assert_eq!(count, 10);
}

#[test]
fn a_fingerprint_needs_no_description() {
    let element: Description =
        "type md.Tick/2 size 8 align 8\n0 u64 time_ns\n".parse().expect("a description");
    assert_eq!(element.fingerprint(), fingerprint(8, 8, "md.Tick/2"));
}
