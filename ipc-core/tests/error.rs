//! The text of errors, and their conversions.

mod common;

use std::error::Error as _;
use std::io;

use common::namespace::isolated;
use ipc_core::sem::{Op, SemaphoreSet};
use ipc_core::shm::{Options, SharedMemory, Size};
use ipc_core::{Error, ErrorKind, Key, Limit, Mode, RemoveOnDrop, Trust};

#[test]
fn the_text_names_the_call_its_arguments_and_the_errno() {
    isolated(|| {
        let key = Key::from_raw(42);
        let memory = RemoveOnDrop::new(SharedMemory::create_new(key, 4096, &Options::default()).unwrap());
        let error = SharedMemory::create_new(key, 4096, &Options::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "shmget(key=0x0000002a, size=4096 bytes, mode=0600): EEXIST: File exists"
        );
        assert_eq!(
            (error.call(), error.arguments()),
            ("shmget", "key=0x0000002a, size=4096 bytes, mode=0600")
        );
        assert_eq!(error.hint(), None);
        // The end of a main that returns it in a box is the sentence.
        assert_eq!(format!("{error:?}"), error.to_string());
        let boxed: Box<dyn std::error::Error> = Box::new(error);
        assert_eq!(format!("{boxed:?}"), boxed.to_string());
        assert_eq!(
            format!("{boxed:#?}"),
            "Error {\n    kind: AlreadyExists,\n    text: shmget(key=0x0000002a, size=4096 bytes, mode=0600): EEXIST: File exists,\n}"
        );
        let error = SharedMemory::open(key, Size::Exact(8192), &Trust::same_user()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "shmctl(id=0, IPC_STAT): the segment has 4096 bytes, asked for was exactly 8192 bytes"
        );
        drop(memory);
        let error = SemaphoreSet::from_id(ipc_core::sem::SemId::from_raw(0)).post(0).unwrap_err();
        assert_eq!(
            error.to_string(),
            "semop(id=0, [add(0, 1)]): EINVAL: Invalid argument; the object was removed, or the identifier never named one"
        );
    });
}

#[test]
fn an_error_becomes_an_io_error_and_stays_inside_it() {
    isolated(|| {
        let missing = SharedMemory::open(Key::from_raw(1), Size::Any, &Trust::same_user()).unwrap_err();
        assert_eq!(
            missing.source().unwrap().downcast_ref::<io::Error>().unwrap().raw_os_error(),
            Some(nix::libc::ENOENT)
        );
        let outer = io::Error::from(missing);
        assert_eq!(outer.kind(), io::ErrorKind::NotFound);
        let inner = outer.get_ref().unwrap().downcast_ref::<Error>().unwrap();
        assert_eq!((inner.kind(), inner.raw_os_error()), (ErrorKind::NotFound, Some(nix::libc::ENOENT)));

        let refused = SharedMemory::create_new(Key::PRIVATE, 0, &Options::default()).unwrap_err();
        assert!(refused.source().is_none());
        assert_eq!(io::Error::from(refused).kind(), io::ErrorKind::InvalidInput);
    });
}

#[test]
fn an_error_is_one_pointer_large_and_crosses_threads() {
    fn crosses_threads<T: Send + Sync + 'static>() {}
    crosses_threads::<Error>();
    assert_eq!(size_of::<Error>(), size_of::<usize>());
    assert_eq!(size_of::<ipc_core::Result<()>>(), size_of::<usize>()); // a success costs a zero
}

#[test]
fn long_calls_are_told_in_short() {
    isolated(|| {
        let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE).unwrap());
        let error = set.perform(&vec![Op::add(0, 1); 501]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooManyOperations);
        assert!(error.to_string().contains("[add(0, 1), and 500 more]): E2BIG"), "{error}");
    });
}

#[test]
fn every_limit_says_how_it_is_raised() {
    let all = [
        Limit::SegmentBytes,
        Limit::Segments,
        Limit::SegmentPages,
        Limit::SemaphoresPerSet,
        Limit::Semaphores,
        Limit::SemaphoreSets,
        Limit::OperationsPerCall,
        Limit::MessageBytes,
        Limit::QueueBytes,
        Limit::Queues,
        Limit::LockedBytes,
    ];
    for limit in all {
        assert!(limit.value().is_some() && !limit.how_to_raise().is_empty(), "{limit}");
        assert_eq!(limit.path().is_none(), limit == Limit::LockedBytes);
    }
}
