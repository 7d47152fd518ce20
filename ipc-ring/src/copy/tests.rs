#[test]
fn a_line_is_filled_behind_its_word_and_nowhere_else() {
    #[repr(align(64))]
    struct Lines([u8; 128]);
    let source: Vec<u8> = (1..=64).collect();
    for len in (0..=56).step_by(if cfg!(miri) { 14 } else { 1 }) {
        let mut lines = Lines([0; 128]);
        // SAFETY: 56 bytes, 8 behind a multiple of 64; `source` has more.
        unsafe { super::store_behind_word(lines.0[8..].as_mut_ptr(), source[1..].as_ptr(), len) };
        assert_eq!(lines.0[..8], [0; 8]);
        assert_eq!(lines.0[8..8 + len], source[1..=len], "{len}");
        assert!(lines.0[8 + len..].iter().all(|byte| *byte == 0), "wrote beyond {len}");
    }
}

/// The private side is a caller's `&T`, aligned to 8 as well: no reference to it may be created that claims
/// the right to write.
#[test]
fn what_is_only_borrowed_is_only_read() {
    let message = [7u64; 40];
    let mut slot = [0u64; 40];
    let (to, len) = (slot.as_mut_ptr().cast::<u8>(), size_of_val(&message));
    // SAFETY: both have `len` bytes, aligned to 8.
    unsafe { super::store(to, core::ptr::from_ref(&message).cast(), len) };
    let mut back = [0u64; 40];
    // SAFETY: as above.
    unsafe { super::load(core::ptr::from_mut(&mut back).cast(), to, len) };
    assert_eq!(back, message);
}

type Copy = unsafe fn(*mut u8, *const u8, usize);

#[test]
fn every_length_is_copied_whole_and_nothing_beside_it() {
    let ways: [(Copy, Copy); 2] = [(super::store, super::load), (super::store_bytes, super::load_bytes)];
    let source: Vec<u8> = (0..3000u32).map(|i| (i * 7 + 1) as u8).collect();
    // An interpreter takes a second per length.
    let lengths: Vec<usize> = if cfg!(miri) {
        vec![0, 7, 8, 17, 121, 257, 264]
    } else {
        (0..300).chain([511, 512, 513, 519, 1024, 1500, 2048, 2049, 2113, 2900]).collect()
    };
    for (len, (store, load)) in lengths.into_iter().flat_map(|len| ways.map(|way| (len, way))) {
        let mut words = vec![0u64; if cfg!(miri) { 40 } else { 375 }];
        let shared = words.as_mut_ptr().cast::<u8>();
        // SAFETY: more bytes than `len`, aligned to 8; `source` has as many.
        unsafe { store(shared, source[1..].as_ptr(), len) };
        let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_ne_bytes()).collect();
        assert_eq!(&bytes[..len], &source[1..=len], "stored {len}");
        assert!(bytes[len..].iter().all(|b| *b == 0), "wrote beyond {len}");
        let mut back = vec![0u8; len + 32];
        // SAFETY: `len` bytes at both; the target is private.
        unsafe { load(back[3..].as_mut_ptr(), shared, len) };
        assert_eq!(&back[3..3 + len], &source[1..=len], "loaded {len}");
        assert!(back[..3].iter().chain(&back[3 + len..]).all(|b| *b == 0), "beside {len}");
    }
}
