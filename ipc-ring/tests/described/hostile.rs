//! What a member of the domain may write in place of a description.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;

use ipc_ring::control::Named;
use ipc_ring::{AttachError, AttachErrorKind, Domain, Lifetime};

use super::common::{private_namespace, the_ring, unique};
use super::{FRAMES, Gives, How, Plain, Takes, Tick, all, end, text_of};

const TOTAL_SIZE: usize = 0x18;
const DESCRIPTION_LENGTH: usize = 0x7c;

/// Whatever a member writes there: an error for the ends that need it, nothing for the others, and no fault.
#[test]
fn nonsense_in_place_of_a_description_is_an_error() {
    private_namespace();
    for kind in all() {
        let domain = Domain::open(&unique("nonsense")).unwrap();
        let how = How { domain: &domain, described: true, lifetime: Lifetime::Ephemeral };
        let _maker = end::<Tick>(kind, Gives, how).unwrap();
        let ring = the_ring();
        let text = text_of(kind);
        let total = ring.load_u64(TOTAL_SIZE, Ordering::Relaxed).unwrap();
        let at = (total as usize).next_multiple_of(8);
        let mut found = vec![0; text.len()];
        ring.copy_from(at, &mut found).unwrap();
        assert_eq!(found, text.as_bytes(), "{kind}: it lies where the specification says");
        assert_eq!(ring.len() - at, text.len(), "{kind}: and nothing behind it");

        // The reaction of an opener and of the listing.
        let look = |what: &str| {
            catch_unwind(AssertUnwindSafe(|| {
                let opened = end::<Tick>(kind, Takes, how).map(drop);
                let listed = match domain.look_up(kind).unwrap().expect("it is there").what {
                    Named::Channel(channel) => channel.descriptions().map(|_| channel.description),
                    Named::Unreadable { .. } => Err(AttachErrorKind::NotReady.into()),
                    other => panic!("{other:?}"),
                };
                (opened, listed)
            }))
            .unwrap_or_else(|_| panic!("{kind}: {what}: a panic"))
        };
        let is_invalid =
            |error: &AttachError| matches!(error.kind(), AttachErrorKind::InvalidDescription { .. });

        // Lengths that lead outside, or leave something out.
        let length = ring.atomic_u32(DESCRIPTION_LENGTH).unwrap();
        let right = text.len() as u32;
        for wrong in [1, right - 1, right + 1, 4096, 32 * 1024 + 1, 32 * 1024 + 2, i32::MAX as u32, u32::MAX]
        {
            length.store(wrong, Ordering::Relaxed);
            let (opened, listed) = look(&format!("length {wrong}"));
            let error = opened.expect_err("neither the text nor none");
            if wrong > right {
                assert!(is_invalid(&error), "{kind}: {wrong}: {error}");
                assert!(listed.is_err(), "{kind}: {wrong}");
                // It is not optional: ends that specify nothing get the error, too.
                let silent = end::<Plain>(kind, Takes, How { described: false, ..how });
                assert!(silent.is_err(), "{kind}: {wrong}");
            }
        }
        // No text at all is none.
        length.store(0, Ordering::Relaxed);
        let (opened, listed) = look("no length");
        opened.unwrap();
        assert_eq!(listed.unwrap(), None);
        length.store(right, Ordering::Relaxed);

        // A ring size at which the text would be at another place.
        let size = ring.atomic_u64(TOTAL_SIZE).unwrap();
        for wrong in [0, 8, total - 8, total + 8, total + 4096, u64::MAX - 7, u64::MAX] {
            size.store(wrong, Ordering::Relaxed);
            let (opened, _) = look(&format!("size {wrong}"));
            assert!(opened.is_err(), "{kind}: size {wrong}");
        }
        size.store(total, Ordering::Relaxed);

        // Bytes.
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut refused = 0;
        for round in 0..2000 {
            let mut bytes = text.clone().into_bytes();
            for _ in 0..1 + round % 3 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let (at, byte) = ((state >> 33) as usize % bytes.len(), (state >> 24) as u8);
                bytes[at] = if round % 2 == 0 { byte } else { b"0123456789 \n[]/"[byte as usize % 15] };
            }
            let is_changed = bytes != text.as_bytes();
            ring.copy_to(at, &bytes).unwrap();
            let (opened, _) = look(&format!("{:?}", String::from_utf8_lossy(&bytes)));
            assert_eq!(opened.is_err(), is_changed, "{kind}: {:?}", String::from_utf8_lossy(&bytes));
            refused += usize::from(is_changed);
        }
        assert!(refused > 1500, "{refused}");
        // A valid description of other elements than the header's.
        let lie = text.replace("size 24", "size 32").replace("20 u32 symbol", "20 u32[3] sym");
        if lie.len() == text.len() {
            ring.copy_to(at, lie.as_bytes()).unwrap();
            let (opened, listed) = look("another size");
            assert!(opened.is_err(), "{kind}");
            if !FRAMES.contains(&kind) {
                assert!(is_invalid(&listed.unwrap_err()), "{kind}");
            }
        } else {
            panic!("{} and {} bytes", lie.len(), text.len());
        }
        ring.copy_to(at, text.as_bytes()).unwrap();
        look("the right one").0.unwrap();
    }
}
