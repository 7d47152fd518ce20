//! Which processes have which segments attached, from `/proc/PID/maps`.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::AsFd as _;

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::fstat;

use super::processes::{Look, Unseen, is_elsewhere, numbers};
use crate::error::{Error, Result};
use crate::shm::ShmId;

/// A segment in the address space of a process.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attached {
    /// The process.
    pub pid: u32,
    /// The segment.
    pub id: ShmId,
    /// The number of mappings. The kernel's count of attachments,
    /// [`Stat::attachments`](crate::shm::Stat::attachments), is their sum over all processes: if it is
    /// larger, some process was not seen.
    pub mappings: u64,
    /// Whether one of them can be written to.
    pub is_writable: bool,
}

/// Which processes have which segments attached now. Inspects all processes that the caller may inspect:
/// those of its own user, and with CAP_SYS_PTRACE all. Not a snapshot: processes come and go meanwhile.
///
/// Processes in other IPC namespaces are omitted: identifiers name other segments there.
///
/// # Errors
/// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound): no `/proc`.
///
/// ```
/// use ipc_core::{Key, RemoveOnDrop, list, shm};
///
/// let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 64, &shm::Options::default())?);
/// let _attached = (memory.attach()?, memory.attach_read_only()?);
/// let look = list::attached()?;
/// let me = look.found.iter().find(|attached| attached.id == memory.id()).unwrap();
/// assert_eq!((me.pid, me.mappings, me.is_writable), (std::process::id(), 2, true));
/// # Ok::<(), ipc_core::Error>(())
/// ```
///
/// # References
/// proc_pid_maps(5): the inode of a mapping of `/SYSV…` is the segment's identifier.
pub fn attached() -> Result<Look<Attached>> {
    let pids = numbers().map_err(|error| Error::io("read", "/proc".to_owned(), error))?;
    let devices = devices();
    let mut look = Look::new();
    for pid in pids {
        let elsewhere = is_elsewhere(pid);
        if elsewhere == Some(true) {
            continue;
        }
        match fs::read(format!("/proc/{pid}/maps")) {
            Ok(maps) if elsewhere.is_some() => look.found.extend(of_process(pid, &maps, &devices)),
            _ => look.unseen.extend(Unseen::of(pid)),
        }
    }
    Ok(look)
}

/// The devices on which the kernel keeps segments, as `maps` writes them: the one of all memory without a
/// file system, and the one of huge pages. A memfd is on the same device. A file of any other file system can
/// have any name and inode.
fn devices() -> Vec<String> {
    let flags = [MFdFlags::MFD_CLOEXEC, MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_HUGETLB];
    let device = |flags| {
        let file = memfd_create(c"device", flags).ok()?;
        let device = fstat(file.as_fd()).ok()?.st_dev;
        Some(format!("{:02x}:{:02x}", nix::sys::stat::major(device), nix::sys::stat::minor(device)))
    };
    flags.into_iter().filter_map(device).collect()
}

fn of_process(pid: u32, maps: &[u8], devices: &[String]) -> Vec<Attached> {
    let mut found: BTreeMap<i32, Attached> = BTreeMap::new();
    for line in maps.split(|byte| *byte == b'\n') {
        // The name comes last and may be any bytes; the fields before it are ASCII.
        let Ok(line) = core::str::from_utf8(line) else { continue };
        let Some((id, is_writable)) = segment(line, devices) else { continue };
        let entry = found.entry(id).or_insert(Attached {
            pid,
            id: ShmId::from_raw(id),
            mappings: 0,
            is_writable: false,
        });
        entry.mappings += 1;
        entry.is_writable |= is_writable;
    }
    found.into_values().collect()
}

/// The segment of a line such as `7fec7b6f1000-7fec7b6f3000 rw-s 00000000 00:01 3571749    /SYSV00000000
/// (deleted)`, and whether it may be written to.
fn segment(line: &str, devices: &[String]) -> Option<(i32, bool)> {
    let mut fields = line.split_ascii_whitespace();
    let (rights, device, inode, name) = (fields.nth(1)?, fields.nth(1)?, fields.next()?, fields.next()?);
    let key = name.strip_prefix("/SYSV")?;
    let is_key = key.len() == 8 && key.bytes().all(|digit| digit.is_ascii_hexdigit());
    let is_segment = is_key && rights.ends_with('s') && devices.iter().any(|known| known == device);
    is_segment.then_some((inode.parse().ok()?, rights.as_bytes().get(1) == Some(&b'w')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_segments_are_taken_for_segments() {
        let devices = ["00:01".to_owned()];
        let line = "7fec7b6f1000-7fec7b6f3000 rw-s 00000000 00:01 3571749                    /SYSV0000002a (deleted)";
        assert_eq!(segment(line, &devices), Some((3_571_749, true)));
        assert_eq!(segment(&line.replace("rw-s", "r--s"), &devices), Some((3_571_749, false)));
        for (from, to) in [
            ("00:01", "08:01"),
            ("rw-s", "rw-p"),
            ("/SYSV0000002a", "/SYSV0000002"),
            ("/SYSV0000002a", "/SYSV0000002x"),
            ("/SYSV0000002a", "/memfd:SYSV0000002a"),
            ("3571749", "99999999999"),
            ("/SYSV0000002a (deleted)", ""),
        ] {
            assert_eq!(segment(&line.replace(from, to), &devices), None, "{to}");
        }
    }
}
