//! Shared memory segments on the real kernel.

mod common;

use std::sync::atomic::Ordering;

use common::children::{Gate, child};
use common::namespace::{isolated, others_exist, set_kernel};
use ipc_core::segment::Segment;
use ipc_core::shm::{HugePageSize, HugePages, Options, Pages, SharedMemory, ShmId, Size};
use ipc_core::{Disposition, ErrorKind, Key, Limit, Mode, RemoveOnDrop, Trust};

fn create(key: Key, size: usize) -> RemoveOnDrop<SharedMemory> {
    RemoveOnDrop::new(SharedMemory::create_new(key, size, &Options::default()).expect("create"))
}

fn key() -> Key {
    Key::random().expect("random")
}

#[test]
fn errors_of_creation() {
    isolated(|| {
        let key = key();
        let _memory = create(key, 100);
        let again = SharedMemory::create_new(key, 100, &Options::default()).unwrap_err();
        assert_eq!(again.kind(), ErrorKind::AlreadyExists);
        assert!(again.to_string().contains(": EEXIST: File exists"), "{again}");
        // Also with a size that does not fit: the key comes first.
        let bigger = SharedMemory::create_new(key, 200, &Options::default()).unwrap_err();
        assert_eq!(bigger.kind(), ErrorKind::AlreadyExists);

        let zero = SharedMemory::create_new(Key::PRIVATE, 0, &Options::default()).unwrap_err();
        assert_eq!((zero.kind(), zero.raw_os_error()), (ErrorKind::Invalid, None));
        let huge = SharedMemory::create_new(Key::PRIVATE, 1 << 62, &Options::default()).unwrap_err();
        assert_eq!(huge.kind(), ErrorKind::OutOfMemory);
        let most = SharedMemory::create_new(Key::PRIVATE, usize::MAX, &Options::default()).unwrap_err();
        assert_eq!(most.kind(), ErrorKind::LimitReached(Limit::SegmentBytes));
    });
}

#[test]
fn errors_of_opening() {
    isolated(|| {
        let trust = Trust::same_user();
        let key = key();
        assert_eq!(SharedMemory::open(key, Size::Any, &trust).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(
            SharedMemory::open(Key::PRIVATE, Size::Any, &trust).unwrap_err().kind(),
            ErrorKind::Invalid
        );

        let memory = create(key, 100);
        for (size, fits) in [
            (Size::Any, true),
            (Size::Exact(100), true),
            (Size::Exact(99), false),
            (Size::AtLeast(100), true),
            (Size::AtLeast(101), false),
            (Size::AtLeast(4096), false), // though the page is there
        ] {
            match SharedMemory::open(key, size, &trust) {
                Ok(opened) => assert!(fits && opened == *memory, "{size}"),
                Err(error) => {
                    assert_eq!((fits, error.kind()), (false, ErrorKind::SizeMismatch), "{size}");
                    assert!(error.to_string().contains("has 100 bytes"), "{error}");
                }
            }
        }
    });
}

#[test]
fn a_removed_segment_lives_until_the_last_detach_and_its_key_is_free() {
    isolated(|| {
        let key = key();
        let memory = SharedMemory::create_new(key, 4096, &Options::default()).unwrap();
        let first = memory.attach().unwrap();
        first.atomic_u64(0).unwrap().store(42, Ordering::Relaxed);
        memory.remove().unwrap();
        memory.remove().unwrap(); // harmless again
        let stat = memory.stat().unwrap();
        assert!(stat.is_marked_for_removal());
        assert_eq!(stat.permissions().key(), Key::PRIVATE);
        assert_eq!(stat.permissions().mode(), Mode::PRIVATE); // without the flag
        let gone = SharedMemory::open(key, Size::Any, &Trust::same_user()).unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::NotFound);

        let other = create(key, 4096); // the same key, another segment
        assert_ne!(other.id(), memory.id());
        let second = memory.attach().unwrap(); // still, by its identifier
        assert_eq!(second.load_u64(0, Ordering::Relaxed), Some(42));
        drop((first, second));
        assert_eq!(memory.attach().unwrap_err().kind(), ErrorKind::Removed);
        assert_eq!(memory.stat().unwrap_err().kind(), ErrorKind::Removed);
        assert_eq!(memory.remove().unwrap_err().kind(), ErrorKind::Removed);
        assert_eq!(memory.set_mode(Mode::PRIVATE).unwrap_err().kind(), ErrorKind::Removed);
    });
}

#[test]
fn attachments_are_mappings_and_go_with_the_process() {
    isolated(|| {
        let memory = create(Key::PRIVATE, 10);
        let one = memory.attach().unwrap();
        let two = memory.attach_read_only().unwrap();
        assert_eq!(memory.stat().unwrap().attachments(), 2);
        let (ready, done) = (Gate::new(), Gate::new());
        let process = child(|| {
            ready.open();
            done.pass();
        });
        ready.pass();
        assert_eq!(memory.stat().unwrap().attachments(), 4); // a fork doubles them
        process.kill();
        assert_eq!(memory.stat().unwrap().attachments(), 2);
        one.detach().unwrap();
        drop(two);
        assert_eq!(memory.stat().unwrap().attachments(), 0);
    });
}

#[test]
fn the_length_is_the_size_asked_for_not_the_page() {
    isolated(|| {
        let memory = create(Key::PRIVATE, 100);
        let attached = memory.attach().unwrap();
        assert_eq!(attached.len(), 100);
        assert!(attached.atomic_u8(99).is_some());
        assert!(attached.atomic_u8(100).is_none());
        assert!(attached.atomic_u64(92).is_none()); // not aligned
        assert!(attached.atomic_u64(96).is_none()); // half outside
        assert!(attached.atomic_u64(88).is_some());
        assert!(attached.atomic_u32(96).is_some());
        assert!(attached.pointer(usize::MAX, 2).is_none());
        assert!(attached.pointer(100, 0).is_some());
        assert_eq!(attached.copy_to(96, &[0; 5]).unwrap_err().kind(), ErrorKind::OutOfRange);
        assert_eq!(attached.copy_from(usize::MAX, &mut [0; 5]).unwrap_err().kind(), ErrorKind::OutOfRange);
    });
}

#[test]
fn copies_are_exact_at_every_offset_and_length() {
    isolated(|| {
        const SIZE: usize = 1200;
        let memory = create(Key::PRIVATE, SIZE);
        let attached = memory.attach().unwrap();
        let pattern: Vec<u8> = (0..SIZE).map(|i| (i * 7 + i / 256) as u8).collect();
        // Lengths on both sides of each of the ways to copy.
        let lengths = (0..40).chain(248..272).chain([511, 512]).chain(1016..1032);
        for length in lengths {
            for offset in 0..17 {
                attached.copy_to(0, &[0xee; SIZE]).unwrap();
                attached.copy_to(offset, &pattern[..length]).unwrap();
                let mut back = vec![0; length];
                attached.copy_from(offset, &mut back).unwrap();
                assert_eq!(back, pattern[..length], "offset {offset}, length {length}");
                let mut all = [0; SIZE];
                attached.copy_from(0, &mut all).unwrap();
                assert!(all[..offset].iter().chain(&all[offset + length..]).all(|&byte| byte == 0xee));
            }
        }
    });
}

#[test]
fn read_only_attachments_hand_out_nothing_that_stores() {
    isolated(|| {
        let memory = create(Key::PRIVATE, 64);
        let attached = memory.attach_read_only().unwrap();
        assert!(attached.is_read_only());
        assert!(
            attached.atomic_u8(0).is_none()
                && attached.atomic_u32(0).is_none()
                && attached.atomic_u64(0).is_none()
        );
        assert_eq!(attached.copy_to(0, &[1]).unwrap_err().kind(), ErrorKind::PermissionDenied);
        assert_eq!(attached.load_u64(0, Ordering::Acquire), Some(0));
        attached.prefault().unwrap();
    });
}

#[test]
fn of_many_openers_one_creates() {
    isolated(|| {
        for _ in 0..50 {
            let key = key();
            let (counts, _) = Segment::ephemeral(64, &Options::default()).unwrap(); // the children inherit it
            let start = Gate::new();
            let processes: Vec<_> = (0..8)
                .map(|_| {
                    child(|| {
                        start.pass();
                        let opened =
                            SharedMemory::open_or_create(key, 64, &Options::default(), &Trust::same_user());
                        let created = opened.expect("one of the two").1 == Disposition::Created;
                        counts
                            .atomic_u32(if created { 0 } else { 4 })
                            .unwrap()
                            .fetch_add(1, Ordering::Relaxed);
                    })
                })
                .collect();
            processes.iter().for_each(|_| start.open());
            processes.into_iter().for_each(common::children::Child::join);
            let count = |offset| counts.load_u32(offset, Ordering::Relaxed).unwrap();
            assert_eq!((count(0), count(4)), (1, 7));
            SharedMemory::open(key, Size::Exact(64), &Trust::same_user()).unwrap().remove().unwrap();
        }
    });
}

#[test]
fn open_or_create_survives_a_segment_that_comes_and_goes() {
    isolated(|| {
        let key = key();
        let restless = child(|| {
            loop {
                if let Ok(memory) = SharedMemory::create_new(key, 64, &Options::default()) {
                    let _ = memory.remove();
                }
            }
        });
        for _ in 0..2000 {
            let (memory, how) =
                SharedMemory::open_or_create(key, 64, &Options::default(), &Trust::same_user())
                    .expect("goes round");
            if how == Disposition::Created {
                memory.remove().unwrap();
            }
        }
        restless.kill();
        if let Ok(left) = SharedMemory::open(key, Size::Any, &Trust::same_user()) {
            left.remove().unwrap();
        }
    });
}

#[test]
fn limits_are_named_with_value_and_remedy() {
    isolated(|| {
        if !set_kernel("shmmni", "2") {
            return;
        }
        let _two = [create(Key::PRIVATE, 1), create(Key::PRIVATE, 1)];
        let error = SharedMemory::create_new(Key::PRIVATE, 1, &Options::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitReached(Limit::Segments));
        let text = error.to_string();
        assert!(text.contains("ENOSPC"), "{text}");
        assert!(
            text.contains("SHMMNI (segments in this IPC namespace) is 2, 2 in use; to raise it, as root: sysctl -w kernel.shmmni="),
            "{text}"
        );

        assert!(set_kernel("shmmni", "100") && set_kernel("shmall", "3"));
        let error = SharedMemory::create_new(Key::PRIVATE, 2 * 4096, &Options::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitReached(Limit::SegmentPages));
        assert!(
            error.to_string().contains("SHMALL (pages in all segments of this IPC namespace) is 3, 2 in use"),
            "{error}"
        );

        assert!(set_kernel("shmmax", "4096"));
        let error = SharedMemory::create_new(Key::PRIVATE, 4097, &Options::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitReached(Limit::SegmentBytes));
        assert!(error.to_string().contains("SHMMAX (bytes in one segment) is 4096"), "{error}");
    });
}

#[test]
fn huge_pages_are_had_or_the_reason_is_told() {
    isolated(|| {
        let size = 2 << 20;
        let require = Options::new().huge_pages(HugePages::Require(HugePageSize::Default));
        let prefer = Options::new().huge_pages(HugePages::Prefer(HugePageSize::Default));
        let (memory, pages) =
            SharedMemory::create_new_reported(Key::PRIVATE, size, &prefer).expect("falls back");
        let memory = RemoveOnDrop::new(memory);
        assert_eq!(memory.stat().unwrap().size(), size);
        match pages {
            Pages::Huge => {
                let attached = memory.attach().unwrap();
                assert_eq!(attached.len(), size);
                attached.prefault().unwrap();
                attached.copy_to(size - 4, b"last").unwrap();
            }
            Pages::FellBack(why) => {
                assert_eq!(why.kind(), ErrorKind::HugePagesUnavailable);
                assert!(why.hint().is_some(), "{why}");
                let error = SharedMemory::create_new(Key::PRIVATE, size, &require).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::HugePagesUnavailable);
            }
            Pages::Normal => panic!("huge pages were asked for"),
        }
        let error = SharedMemory::create_new(Key::PRIVATE, usize::MAX, &require).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitReached(Limit::SegmentBytes));
        // No machine has huge pages of 8 KiB.
        let odd = Options::new().huge_pages(HugePages::Require(HugePageSize::PowerOfTwo(13)));
        let error = SharedMemory::create_new(Key::PRIVATE, size, &odd).unwrap_err();
        assert_eq!(
            (error.kind(), error.raw_os_error()),
            (ErrorKind::HugePagesUnavailable, Some(nix::libc::EINVAL))
        );
    });
}

#[test]
fn locking_shows_in_the_record() {
    isolated(|| {
        let memory = create(Key::PRIVATE, 4096);
        match memory.lock() {
            Ok(()) => {
                assert!(memory.stat().unwrap().is_locked());
                memory.unlock().unwrap();
                assert!(!memory.stat().unwrap().is_locked());
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::LimitReached(Limit::LockedBytes));
                common::skip(common::Need::LockedMemory, &error.to_string());
            }
        }
    });
}

#[test]
fn options_reach_the_kernel() {
    isolated(|| {
        let options = Options::new().mode(Mode::new(0o751).unwrap()).no_reserve(true);
        let memory = RemoveOnDrop::new(SharedMemory::create_new(Key::PRIVATE, 64, &options).unwrap());
        assert_eq!(memory.stat().unwrap().permissions().mode().bits(), 0o751); // no umask
        let error = memory.grant(u32::MAX).unwrap_err();
        assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::Invalid, Some(nix::libc::EINVAL)));
        memory.set_mode(Mode::new(0o440).unwrap()).unwrap();
        if !others_exist() {
            return;
        }
        memory.set_owner(12, 34).unwrap();
        let permissions = memory.stat().unwrap().permissions();
        assert_eq!((permissions.mode().bits(), permissions.uid(), permissions.gid()), (0o440, 12, 34));
        assert_eq!(permissions.cuid(), nix::unistd::geteuid().as_raw());
        memory.grant(56).unwrap();
        let permissions = memory.stat().unwrap().permissions();
        assert_eq!((permissions.uid(), permissions.gid()), (56, 34));
    });
}

#[test]
fn an_identifier_that_names_nothing_is_removed() {
    isolated(|| {
        for raw in [-1, 0, 5, i32::MAX] {
            let memory = SharedMemory::from_id(ShmId::from_raw(raw));
            assert_eq!(memory.attach().unwrap_err().kind(), ErrorKind::Removed, "{raw}");
            assert_eq!(memory.stat().unwrap_err().kind(), ErrorKind::Removed, "{raw}");
        }
        // And 0 is the first identifier of a new namespace.
        assert_eq!(create(Key::PRIVATE, 1).id().as_raw(), 0);
    });
}

#[test]
fn an_identifier_used_again_is_another_segment() {
    isolated(|| {
        let old = SharedMemory::create_new(Key::PRIVATE, 100, &Options::default()).unwrap();
        old.remove().unwrap();
        if !set_kernel("shm_next_id", &old.id().to_string()) {
            return;
        }
        let new = create(Key::PRIVATE, 200);
        assert_eq!(new.id(), old.id()); // forced
        let error = old.attach_verified(Size::Exact(100), &Trust::same_user()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SizeMismatch);
        assert_eq!(new.stat().unwrap().attachments(), 0); // nothing stayed attached
        // While attached, an identifier is not given to another object.
        let attached = new.attach().unwrap();
        new.remove().unwrap();
        assert!(set_kernel("shm_next_id", &new.id().to_string()));
        assert_ne!(create(Key::PRIVATE, 300).id(), attached.id());
    });
}

#[test]
fn a_size_of_huge_pages_that_does_not_fit_the_flag_is_an_error() {
    isolated(|| {
        for exponent in [0, 64, 85, 127, 255] {
            for huge in [HugePages::Prefer, HugePages::Require] {
                let options = Options::new().huge_pages(huge(HugePageSize::PowerOfTwo(exponent)));
                let error = SharedMemory::create_new(Key::PRIVATE, 4096, &options).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Invalid, "{exponent}: {error}");
                assert!(error.to_string().contains(&format!("PowerOfTwo({exponent})")), "{error}");
            }
        }
        // It fits, and no kernel has them.
        for exponent in [1, 12, 22, 63] {
            let options = Options::new().huge_pages(HugePages::Require(HugePageSize::PowerOfTwo(exponent)));
            let error = SharedMemory::create_new(Key::PRIVATE, 4096, &options).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::HugePagesUnavailable, "{exponent}: {error}");
        }
        assert_eq!(HugePageSize::from_bytes(1), None);
        assert_eq!(HugePageSize::from_bytes(2), Some(HugePageSize::PowerOfTwo(1)));
        assert_eq!(HugePageSize::from_bytes(1 << 63), Some(HugePageSize::PowerOfTwo(63)));
    });
}
