//! Mapped memory: seals, files, trust.

mod common;

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use common::children::child;
use ipc_core::mapping::{Mapping, SealedMemory};
use ipc_core::segment::{Identity, Segment};
use ipc_core::shm::Size;
use ipc_core::{ErrorKind, Mode, Trust};
use nix::fcntl::{FallocateFlags, FcntlArg, SealFlag, fallocate, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

/// A path of our own, cleaned up at the end of the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        Scratch(std::env::temp_dir().join(format!("ipc-core-{name}-{}", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn unsealed(size: u64, seals: SealFlag) -> OwnedFd {
    let descriptor = memfd_create("test", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING).unwrap();
    let file = std::fs::File::from(descriptor);
    file.set_len(size).unwrap();
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals)).unwrap();
    file.into()
}

#[test]
fn the_size_of_sealed_memory_is_fixed_for_all_its_users() {
    let memory = SealedMemory::create("test", 8192).unwrap();
    let file = std::fs::File::from(memory.as_fd().try_clone_to_owned().unwrap());
    for size in [0, 4096, 8191, 8193, 1 << 20] {
        assert_eq!(file.set_len(size).unwrap_err().raw_os_error(), Some(nix::libc::EPERM), "{size}");
    }
    // And no seal can be added that would take the writer's rights away.
    assert!(fcntl(&file, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_WRITE)).is_err());
    assert_eq!(memory.map().unwrap().len(), 8192);
}

/// A hole in them that another process punched can be filled only while huge pages are free, and is SIGBUS
/// otherwise. The pool may be empty: no page is touched.
#[test]
fn the_receiver_takes_no_huge_pages() {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING | MFdFlags::MFD_HUGETLB;
    let descriptor = match memfd_create("test", flags) {
        Ok(descriptor) => descriptor,
        Err(errno) => return common::skip(common::Need::HugePages, &errno.to_string()),
    };
    let file = std::fs::File::from(descriptor);
    if let Err(error) = file.set_len(1 << 30) {
        return common::skip(common::Need::HugePages, &error.to_string());
    }
    fcntl(&file, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW)).unwrap();
    let error = SealedMemory::receive(file.into(), Size::Any).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Untrusted, "{error}");
    assert!(error.to_string().contains("huge pages"), "{error}");
}

/// Of ordinary memory another process may punch holes, and they fill with zeros.
#[test]
fn a_hole_in_sealed_memory_reads_as_zeros() {
    let memory = SealedMemory::create("test", 8192).unwrap();
    let mapped = memory.map().unwrap();
    mapped.copy_to(5000, b"gone").unwrap();
    let flags = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
    fallocate(memory.descriptor(), flags, 4096, 4096).unwrap();
    let mut text = [1; 4];
    mapped.copy_from(5000, &mut text).unwrap();
    assert_eq!(text, [0; 4]);
}

#[test]
fn the_receiver_takes_only_what_is_sealed() {
    let both = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW;
    for seals in [SealFlag::empty(), SealFlag::F_SEAL_SHRINK, SealFlag::F_SEAL_GROW, SealFlag::F_SEAL_SEAL] {
        let error = SealedMemory::receive(unsealed(4096, seals), Size::Any).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Untrusted, "{seals:?}: {error}");
    }
    assert_eq!(SealedMemory::receive(unsealed(4096, both), Size::Exact(4096)).unwrap().size(), 4096);
    let error = SealedMemory::receive(unsealed(4096, both), Size::Exact(4097)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SizeMismatch);
    let error = SealedMemory::receive(unsealed(0, both), Size::Any).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SizeMismatch);
    // Neither a file nor a pipe can be sealed.
    let file = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
    assert_eq!(SealedMemory::receive(file.into(), Size::Any).unwrap_err().kind(), ErrorKind::Untrusted);
    let (pipe, _) = std::io::pipe().unwrap();
    assert_eq!(SealedMemory::receive(pipe.into(), Size::Any).unwrap_err().kind(), ErrorKind::Untrusted);
}

#[test]
fn published_memory_is_written_by_its_creator_only() {
    let (memory, writer) = SealedMemory::publish("test", 4096).unwrap();
    let (pid, descriptor) = (std::process::id(), std::os::fd::AsRawFd::as_raw_fd(&memory.descriptor()));
    writer.atomic_u64(0).unwrap().store(11, Ordering::Release);
    child(|| {
        // The way of the same user without a socket: the descriptor as a path.
        let handed = std::fs::File::options()
            .read(true)
            .write(true)
            .open(format!("/proc/{pid}/fd/{descriptor}"))
            .unwrap();
        let received = SealedMemory::receive(handed.into(), Size::Exact(4096)).unwrap();
        assert!(received.is_read_only());
        assert_eq!(received.map().unwrap_err().kind(), ErrorKind::PermissionDenied);
        let reader = received.map_read_only().unwrap();
        assert_eq!(reader.load_u64(0, Ordering::Acquire), Some(11));
        assert!(reader.atomic_u64(0).is_none());
    })
    .join();
    writer.atomic_u64(0).unwrap().store(12, Ordering::Release); // goes on writing
    assert_eq!(memory.map_read_only().unwrap().load_u64(0, Ordering::Acquire), Some(12));
}

#[test]
fn files_are_created_with_care_and_opened_with_more() {
    let scratch = Scratch::new("mapping");
    let path = &scratch.0;
    let trust = Trust::same_user();
    assert_eq!(Mapping::open_file(path, Size::Any, &trust).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(Mapping::create_file(path, 0, Mode::PRIVATE).unwrap_err().kind(), ErrorKind::Invalid);
    let writer = Mapping::create_file(path, 4096, Mode::PRIVATE).unwrap();
    assert_eq!(Mapping::create_file(path, 4096, Mode::PRIVATE).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(Mapping::open_file(path, Size::Exact(1), &trust).unwrap_err().kind(), ErrorKind::SizeMismatch);

    writer.copy_to(100, b"hello").unwrap();
    child(|| {
        let reader = Mapping::open_file_read_only(path, Size::Exact(4096), &trust).unwrap();
        let mut copy = [0; 5];
        reader.copy_from(100, &mut copy).unwrap();
        assert_eq!(&copy, b"hello");
    })
    .join();
    writer.flush().unwrap();

    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = Mapping::open_file(path, Size::Any, &trust).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Untrusted);
    assert!(error.to_string().contains("its mode is 0644"), "{error}");
    Mapping::open_file(path, Size::Any, &Trust::same_user().mode_at_most(Mode::new(0o644).unwrap())).unwrap();
}

#[test]
fn links_and_other_things_are_not_opened() {
    let (target, link) = (Scratch::new("target"), Scratch::new("link"));
    Mapping::create_file(&target.0, 64, Mode::PRIVATE).unwrap();
    std::os::unix::fs::symlink(&target.0, &link.0).unwrap();
    let trust = Trust::same_user();
    let error = Mapping::open_file(&link.0, Size::Any, &trust).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Untrusted);
    assert!(error.to_string().contains("symbolic link"), "{error}");
    assert_eq!(
        Mapping::create_file(&link.0, 64, Mode::PRIVATE).unwrap_err().kind(),
        ErrorKind::AlreadyExists
    );

    let pipe = Scratch::new("fifo");
    nix::unistd::mkfifo(&pipe.0, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let error = Mapping::open_file(&pipe.0, Size::Any, &trust).unwrap_err(); // and does not wait for its other end
    assert_eq!(error.kind(), ErrorKind::Untrusted);
}

#[test]
fn a_segment_is_any_memory() {
    let memory = SealedMemory::create("test", 4096).unwrap();
    let (one, two) = (Segment::from(memory.map().unwrap()), Segment::from(memory.map_read_only().unwrap()));
    assert_eq!(one.identity(), two.identity());
    let other = Segment::from(SealedMemory::create("test", 4096).unwrap().map().unwrap());
    assert_ne!(one.identity(), other.identity());
    assert!(matches!(one.identity(), Identity::Mapped { .. }));
    one.prefault().unwrap();
    two.prefault().unwrap();
    one.atomic_u32(4).unwrap().store(9, Ordering::Release);
    assert_eq!(two.load_u32(4, Ordering::Acquire), Some(9));
}
