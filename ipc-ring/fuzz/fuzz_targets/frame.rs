//! Control frames as a hostile member of the domain may send them: any bytes decode or are refused, what
//! decodes encodes to the same bytes but for what a decoder ignores, and that decodes to the same frame.
#![no_main]

use ipc_ring::frame::Frame;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = Frame::decode(data);
    // Few inputs have the right checksum by chance: take the body and the numbers from the input instead.
    let Some((numbers, body)) = data.split_at_checked(42) else { return };
    if body.len() > ipc_ring::frame::MAX_BODY {
        return;
    }
    let word = |at: usize| u64::from_ne_bytes(numbers[at..at + 8].try_into().expect("eight bytes"));
    let half = |at: usize| i32::from_ne_bytes(numbers[at..at + 4].try_into().expect("four bytes"));
    let kinds = ipc_ring::frame::FrameKind::ALL;
    let mut frame = Frame::new(kinds[usize::from(numbers[40]) % kinds.len()], body);
    frame.minor = numbers[41];
    (frame.session, frame.sequence, frame.ack, frame.generation) = (word(0), word(8), word(16), word(24));
    (frame.queue, frame.segment) = (half(32), half(36));
    let mut bytes = frame.encode();
    assert_eq!(Frame::decode(&bytes).as_ref(), Ok(&frame));
    let at = usize::from(numbers[0]) % bytes.len();
    bytes[at] ^= numbers[1] | 1;
    assert!(Frame::decode(&bytes).is_err(), "one changed byte is noticed");
});
