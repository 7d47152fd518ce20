//! The tables in `/proc/sysvipc`: `shm`, `sem`, `msg`.
//!
//! Columns are located by the names in the first line, so a kernel with more of them, or in another order,
//! can be read as well.
//!
//! ```
//! use ipc_core::list::proc;
//!
//! for line in proc::segments()? {
//!     println!("{} {} bytes, {:?} in memory", line.id, line.size, line.resident_bytes);
//! }
//! # Ok::<(), ipc_core::Error>(())
//! ```

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use crate::error::{Error, ErrorKind, Result};
use crate::key::Key;
use crate::{msg, sem, shm};

/// The fields that all three tables have.
///
/// ```
/// use ipc_core::{Mode, list::proc};
///
/// let table = "key msqid perms cbytes qnum lspid lrpid uid gid cuid cgid stime rtime ctime\n42 7 640 5 1 10 0 1 2 3 4 100 0 90\n";
/// let object = &proc::parse_queues(table)?[0].object;
/// assert_eq!((object.key.as_raw(), object.perms, object.uid, object.cgid), (42, 0o640, 1, 4));
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object {
    /// The key.
    pub key: Key,
    /// The permission bits; for segments also the flags 01000 (removed) and 02000 (locked).
    pub perms: u32,
    /// User id of the owner.
    pub uid: u32,
    /// Group id of the owner.
    pub gid: u32,
    /// User id of the creator.
    pub cuid: u32,
    /// Group id of the creator.
    pub cgid: u32,
    /// Seconds since 1970 of the creation or the last change.
    pub ctime: i64,
}

/// A line of `/proc/sysvipc/shm`.
///
/// ```
/// # use ipc_core::{Key, RemoveOnDrop, list::proc, shm};
/// let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 100, &shm::Options::default())?);
/// let attached = memory.attach()?;
/// attached.copy_to(0, b"touched")?;
/// let line = proc::segments()?.into_iter().find(|line| line.id == memory.id()).unwrap();
/// assert_eq!((line.size, line.attachments), (100, 1));
/// assert!(line.resident_bytes.unwrap() > 0); // only this table knows it segment by segment
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Key, owner, creator and mode.
    pub object: Object,
    /// The identifier.
    pub id: shm::ShmId,
    /// Size in bytes.
    pub size: u64,
    /// Mappings.
    pub attachments: u64,
    /// Process id of the creator; 0: not visible.
    pub creator_pid: u32,
    /// Process id of the last attach or detach; 0: none, or not visible.
    pub last_pid: u32,
    /// Seconds since 1970 of the last attach; 0: never.
    pub atime: i64,
    /// Seconds since 1970 of the last detach; 0: never.
    pub dtime: i64,
    /// Bytes in memory, where the kernel reports it.
    pub resident_bytes: Option<u64>,
    /// Bytes in swap, where the kernel reports it.
    pub swapped_bytes: Option<u64>,
}

/// A line of `/proc/sysvipc/sem`.
///
/// ```
/// # use ipc_core::{Key, Mode, RemoveOnDrop, list::proc, sem};
/// let set = RemoveOnDrop::new(sem::SemaphoreSet::create_new(Key::PRIVATE, 3, Mode::PRIVATE)?);
/// let line = proc::sets()?.into_iter().find(|line| line.id == set.id()).unwrap();
/// assert_eq!((line.count, line.otime), (3, 0));
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Set {
    /// Key, owner, creator and mode.
    pub object: Object,
    /// The identifier.
    pub id: sem::SemId,
    /// Number of semaphores.
    pub count: u64,
    /// Seconds since 1970 of the last operation; 0: never.
    pub otime: i64,
}

/// A line of `/proc/sysvipc/msg`.
///
/// ```
/// # use ipc_core::{Key, Mode, RemoveOnDrop, list::proc, msg};
/// let queue = RemoveOnDrop::new(msg::MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
/// queue.send_bytes(msg::MessageType::ONE, b"hello")?;
/// let line = proc::queues()?.into_iter().find(|line| line.id == queue.id()).unwrap();
/// assert_eq!((line.messages, line.bytes), (1, 5));
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Key, owner, creator and mode.
    pub object: Object,
    /// The identifier.
    pub id: msg::MsgId,
    /// Bytes of text.
    pub bytes: u64,
    /// Messages.
    pub messages: u64,
    /// Process id of the last sender; 0: none, or not visible.
    pub last_sender_pid: u32,
    /// Process id (or thread id) of the last receiver; 0: none, or not visible.
    pub last_receiver_pid: u32,
    /// Seconds since 1970 of the last send; 0: never.
    pub stime: i64,
    /// Seconds since 1970 of the last receive; 0: never.
    pub rtime: i64,
}

fn read(name: &str) -> Result<String> {
    let path = Path::new("/proc/sysvipc").join(name);
    fs::read_to_string(&path).map_err(|error| Error::io("read", path.display().to_string(), error))
}

/// All segments, from `/proc/sysvipc/shm`.
///
/// # Errors
/// [`ErrorKind::NotFound`]: no `/proc`, or no System V IPC; [`ErrorKind::Invalid`] for a table that cannot be read as one.
///
/// ```
/// println!("{} segments", ipc_core::list::proc::segments()?.len());
/// # Ok::<(), ipc_core::Error>(())
/// ```
pub fn segments() -> Result<Vec<Segment>> {
    parse_segments(&read("shm")?)
}

/// All semaphore sets, from `/proc/sysvipc/sem`.
///
/// # Errors
/// As of [`segments`].
///
/// ```
/// println!("{} sets", ipc_core::list::proc::sets()?.len());
/// # Ok::<(), ipc_core::Error>(())
/// ```
pub fn sets() -> Result<Vec<Set>> {
    parse_sets(&read("sem")?)
}

/// All message queues, from `/proc/sysvipc/msg`.
///
/// # Errors
/// As of [`segments`].
///
/// ```
/// println!("{} queues", ipc_core::list::proc::queues()?.len());
/// # Ok::<(), ipc_core::Error>(())
/// ```
pub fn queues() -> Result<Vec<Queue>> {
    parse_queues(&read("msg")?)
}

/// The lines of a `shm` table, its first line naming the columns.
///
/// # Errors
/// [`ErrorKind::Invalid`] for a missing column or a number that is none.
///
/// ```
/// use ipc_core::{ErrorKind, list::proc};
///
/// assert_eq!(proc::parse_segments("key shmid\n0 x\n").unwrap_err().kind(), ErrorKind::Invalid);
/// ```
pub fn parse_segments(table: &str) -> Result<Vec<Segment>> {
    lines(table, |line| {
        Ok(Segment {
            object: line.object()?,
            id: shm::ShmId::from_raw(line.number("shmid")?),
            size: line.number("size")?,
            attachments: line.number("nattch")?,
            creator_pid: line.number("cpid")?,
            last_pid: line.number("lpid")?,
            atime: line.number("atime")?,
            dtime: line.number("dtime")?,
            resident_bytes: line.number("rss").ok(),
            swapped_bytes: line.number("swap").ok(),
        })
    })
}

/// The lines of a `sem` table, its first line naming the columns.
///
/// # Errors
/// As of [`parse_segments`].
///
/// ```
/// use ipc_core::list::proc;
///
/// let table = "key semid perms nsems uid gid cuid cgid otime ctime\n-1 3 600 5 0 0 0 0 0 100\n";
/// assert_eq!(proc::parse_sets(table)?[0].count, 5);
/// # Ok::<(), ipc_core::Error>(())
/// ```
pub fn parse_sets(table: &str) -> Result<Vec<Set>> {
    lines(table, |line| {
        Ok(Set {
            object: line.object()?,
            id: sem::SemId::from_raw(line.number("semid")?),
            count: line.number("nsems")?,
            otime: line.number("otime")?,
        })
    })
}

/// The lines of a `msg` table, its first line naming the columns.
///
/// # Errors
/// As of [`parse_segments`].
///
/// ```
/// use ipc_core::list::proc;
///
/// assert!(proc::parse_queues("key msqid perms\n")?.is_empty());
/// # Ok::<(), ipc_core::Error>(())
/// ```
pub fn parse_queues(table: &str) -> Result<Vec<Queue>> {
    lines(table, |line| {
        Ok(Queue {
            object: line.object()?,
            id: msg::MsgId::from_raw(line.number("msqid")?),
            bytes: line.number("cbytes")?,
            messages: line.number("qnum")?,
            last_sender_pid: line.number("lspid")?,
            last_receiver_pid: line.number("lrpid")?,
            stime: line.number("stime")?,
            rtime: line.number("rtime")?,
        })
    })
}

/// One line, by the names of the columns.
struct Line<'a>(HashMap<&'a str, &'a str>);

impl Line<'_> {
    fn bad(&self, column: &str) -> Error {
        let hint = match self.0.get(column) {
            Some(text) => format!("column {column} says {text:?}"),
            None => format!("there is no column {column}"),
        };
        Error::refused("parse", "a table of /proc/sysvipc".to_owned(), ErrorKind::Invalid, hint)
    }

    fn number<T: core::str::FromStr>(&self, column: &str) -> Result<T> {
        self.0.get(column).and_then(|text| text.parse().ok()).ok_or_else(|| self.bad(column))
    }

    fn object(&self) -> Result<Object> {
        let perms = self.0.get("perms").and_then(|text| u32::from_str_radix(text, 8).ok());
        Ok(Object {
            // Signed decimal, unlike everywhere else.
            key: Key::from_raw(self.number("key")?),
            perms: perms.ok_or_else(|| self.bad("perms"))?,
            uid: self.number("uid")?,
            gid: self.number("gid")?,
            cuid: self.number("cuid")?,
            cgid: self.number("cgid")?,
            ctime: self.number("ctime")?,
        })
    }
}

fn lines<T>(table: &str, read: impl Fn(&Line<'_>) -> Result<T>) -> Result<Vec<T>> {
    let mut lines = table.lines();
    let columns: Vec<&str> = lines.next().unwrap_or_default().split_whitespace().collect();
    lines
        .filter(|line| !line.trim().is_empty())
        .map(|line| read(&Line(columns.iter().copied().zip(line.split_whitespace()).collect())))
        .collect()
}
