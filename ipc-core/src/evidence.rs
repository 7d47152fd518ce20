//! Distinguishes an object from others that had, or will have, the same identifier.

use core::fmt;
use core::str::FromStr;
use std::os::unix::fs::MetadataExt;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::{Error, ErrorKind, Result};
use crate::key::Key;
use crate::permissions::Permissions;

/// Which of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A message queue.
    Queue,
    /// A semaphore set.
    Set,
    /// A shared memory segment.
    Segment,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Queue => "queue",
            Kind::Set => "set",
            Kind::Segment => "segment",
        })
    }
}

/// What the kernel records about an object and shows to every process: identifier, key, creator, size, the
/// time of its creation or last change, and the IPC namespace. Store it next to an identifier, or in place of
/// it: as text it is one line.
///
/// Creator, key and size never change. The time changes with owner, mode or capacity (`IPC_SET`), and for
/// sets also with a reset (`SETVAL`, `SETALL`); the kernel keeps no other time of creation. Two objects are
/// indistinguishable if they have the same creator, key and size and were created or last changed in the same
/// second. Users and groups are numbers of the caller's user namespace.
///
/// ```
/// use ipc_core::{Evidence, Key, Mode, Object, RemoveOnDrop, Trust, Verified, msg::MessageQueue};
///
/// let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
/// let line = queue.evidence()?.to_string(); // into a file, say
/// let evidence: Evidence = line.parse()?;
/// let queue: Verified<MessageQueue> = Verified::from_evidence(&evidence, &Trust::same_user())?;
/// assert_eq!(queue.get()?.stat()?.messages(), 0);
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Evidence {
    kind: Kind,
    id: i32,
    key: Key,
    cuid: u32,
    cgid: u32,
    /// Bytes, semaphores, or 0.
    extent: u64,
    /// Seconds since 1970.
    changed_at: u64,
    /// Inode of the IPC namespace; 0: unknown.
    namespace: u64,
    /// A removed segment that is still attached has lost its key.
    marked_for_removal: bool,
}

impl Evidence {
    pub(crate) fn new(
        kind: Kind,
        id: i32,
        permissions: &Permissions,
        changed_at: Option<SystemTime>,
        extent: u64,
        marked_for_removal: bool,
    ) -> Evidence {
        let seconds = changed_at.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        Evidence {
            kind,
            id,
            key: permissions.key(),
            cuid: permissions.cuid(),
            cgid: permissions.cgid(),
            extent,
            changed_at: seconds.map_or(0, |seconds| seconds.as_secs()),
            namespace: namespace(),
            marked_for_removal,
        }
    }

    /// The kind of object it describes.
    ///
    /// ```
    /// # use ipc_core::{EvidenceKind, Key, Mode, Object, RemoveOnDrop, sem};
    /// # let set = RemoveOnDrop::new(sem::SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// assert_eq!(set.evidence()?.kind(), EvidenceKind::Set);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The identifier, as a number.
    ///
    /// ```
    /// # use ipc_core::Evidence;
    /// let evidence: Evidence = "set id=5 key=0x0000002a cuid=0 cgid=0 extent=1 ctime=1700000000 namespace=0".parse()?;
    /// assert_eq!(evidence.id(), 5);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub fn id(&self) -> i32 {
        self.id
    }

    /// The key at the time of recording.
    ///
    /// ```
    /// # use ipc_core::{Evidence, Key};
    /// let evidence: Evidence = "set id=5 key=0x0000002a cuid=0 cgid=0 extent=1 ctime=1700000000 namespace=0".parse()?;
    /// assert_eq!(evidence.key(), Key::from_raw(42));
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub fn key(&self) -> Key {
        self.key
    }

    /// Why the object found is certainly another one; `None` when it may be the same, changed since or not.
    fn contradiction(&self, found: &Evidence) -> Option<&'static str> {
        if self.namespace != 0 && found.namespace != 0 && self.namespace != found.namespace {
            Some("this thread is in another IPC namespace, where the identifier names another object")
        } else if (self.cuid, self.cgid) != (found.cuid, found.cgid) {
            Some("the object was removed, and its identifier given to one of another creator")
        } else if self.key != found.key && !found.marked_for_removal {
            Some("the object was removed, and its identifier given to one with another key")
        } else if (self.kind, self.id, self.extent) != (found.kind, found.id, found.extent) {
            Some("the object was removed, and its identifier given to one of another size")
        } else if found.changed_at < self.changed_at {
            Some("it was changed last before the object that is meant existed")
        } else {
            None
        }
    }

    /// Whether it may be the same object, changed since or not.
    pub(crate) fn may_have_become(&self, found: &Evidence) -> bool {
        self.contradiction(found).is_none()
    }

    /// Whether the object found is the same, and unchanged.
    ///
    /// # Errors
    /// [`ErrorKind::Removed`]: certainly another one. [`ErrorKind::Untrusted`]: changed since, or another
    /// one of the same creator, key and size.
    pub(crate) fn confirm(&self, found: &Evidence) -> Result<()> {
        let refused = |kind, why: &str| {
            let hint = format!("{why}; found is {found}");
            Err(Error::refused("IPC_STAT", self.to_string(), kind, hint))
        };
        if let Some(why) = self.contradiction(found) {
            return refused(ErrorKind::Removed, why);
        }
        if self.changed_at != found.changed_at {
            let why =
                "it was changed since, or replaced by one of the same creator, key and size: verify it anew";
            return refused(ErrorKind::Untrusted, why);
        }
        Ok(())
    }
}

/// The IPC namespace of the calling thread; 0 where /proc does not show it.
fn namespace() -> u64 {
    std::fs::metadata("/proc/thread-self/ns/ipc").map_or(0, |namespace| namespace.ino())
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Evidence { kind, id, key, cuid, cgid, extent, changed_at, namespace, .. } = self;
        write!(
            f,
            "{kind} id={id} key={key} cuid={cuid} cgid={cgid} extent={extent} ctime={changed_at} namespace={namespace}"
        )
    }
}

impl FromStr for Evidence {
    type Err = Error;

    /// Parses what `Display` writes.
    fn from_str(text: &str) -> Result<Evidence> {
        parse(text).ok_or_else(|| {
            let hint =
                "expected is \"queue|set|segment id= key= cuid= cgid= extent= ctime= namespace=\"".to_owned();
            Error::refused("Evidence::from_str", format!("{text:?}"), ErrorKind::Invalid, hint)
        })
    }
}

fn parse(text: &str) -> Option<Evidence> {
    fn field<'a, T: FromStr>(words: &mut impl Iterator<Item = &'a str>, name: &str) -> Option<T> {
        words.next()?.strip_prefix(name)?.strip_prefix('=')?.parse().ok()
    }
    let words = &mut text.split_whitespace();
    let kind = match words.next()? {
        "queue" => Kind::Queue,
        "set" => Kind::Set,
        "segment" => Kind::Segment,
        _ => return None,
    };
    let evidence = Evidence {
        kind,
        id: field(words, "id")?,
        key: field(words, "key")?,
        cuid: field(words, "cuid")?,
        cgid: field(words, "cgid")?,
        extent: field(words, "extent")?,
        changed_at: field(words, "ctime")?,
        namespace: field(words, "namespace")?,
        marked_for_removal: false,
    };
    words.next().is_none().then_some(evidence)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "set id=7 key=0x0000002a cuid=1 cgid=2 extent=3 ctime=1700000000 namespace=4026531839";

    #[test]
    fn text_is_read_back_and_nothing_else_is_read() {
        let evidence: Evidence = LINE.parse().unwrap();
        assert_eq!(evidence.to_string(), LINE);
        let broken = [
            "",
            "set",
            "pipe id=7",
            &LINE[..LINE.len() - 21],
            &format!("{LINE} 1"),
            &LINE.replace("id=7", "id=x"),
        ];
        for broken in broken {
            assert_eq!(broken.parse::<Evidence>().unwrap_err().kind(), ErrorKind::Invalid, "{broken}");
        }
    }

    #[test]
    fn each_thing_that_cannot_change_contradicts_and_a_later_time_leaves_it_open() {
        let meant: Evidence = LINE.parse().unwrap();
        meant.confirm(&meant).unwrap();
        let kind = |from, to| meant.confirm(&LINE.replace(from, to).parse().unwrap()).unwrap_err().kind();
        for (from, to) in [
            ("set", "queue"),
            ("id=7", "id=8"),
            ("key=0x0000002a", "key=0x0000002b"),
            ("key=0x0000002a", "key=0x00000000"),
            ("cuid=1", "cuid=2"),
            ("cgid=2", "cgid=1"),
            ("extent=3", "extent=4"),
            ("ctime=1700000000", "ctime=1699999999"),
            ("namespace=4026531839", "namespace=4026531840"),
        ] {
            assert_eq!(kind(from, to), ErrorKind::Removed, "{to}");
        }
        assert_eq!(kind("ctime=1700000000", "ctime=1700000001"), ErrorKind::Untrusted);
        assert!(
            meant.may_have_become(&LINE.replace("ctime=1700000000", "ctime=1700000001").parse().unwrap())
        );
        // Where the namespace is not shown, the other fields must suffice.
        meant.confirm(&LINE.replace("namespace=4026531839", "namespace=0").parse().unwrap()).unwrap();
        // A removed segment that is still attached.
        let marked = Evidence { key: Key::PRIVATE, marked_for_removal: true, ..meant };
        meant.confirm(&marked).unwrap();
    }
}
