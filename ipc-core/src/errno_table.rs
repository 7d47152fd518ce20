//! Compares the table of errnos in docs/system-v.md with the code that classifies failures.

use std::collections::{BTreeMap, BTreeSet};

use nix::libc;

use crate::change::Change;
use crate::error::{Error, ErrorKind};
use crate::key::Key;
use crate::permissions::{Mode, Permissions};
use crate::sys::Errno;
use crate::{msg, sem, shm};

/// The names of kinds in a cell of the table.
fn kinds(cell: &str) -> Vec<&str> {
    let words = cell.split('`').skip(1).step_by(2);
    words.filter(|word| word.chars().next().is_some_and(char::is_uppercase)).collect()
}

/// The rows of docs/system-v.md: call and errno to the kinds that are possible.
fn documented() -> BTreeMap<(String, String), Vec<&'static str>> {
    let text = include_str!("../../docs/system-v.md");
    let table = text.split("### What each errno of each call means").nth(1).expect("the table is there");
    let table = table.split("\n## ").next().expect("and ends");
    let rows = table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| call"));
    let cells = rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>());
    let mut found = BTreeMap::new();
    for row in cells {
        let [call, errno, meaning] = row[..] else { panic!("three cells: {row:?}") };
        let kinds = kinds(meaning);
        assert!(!kinds.is_empty(), "{row:?}");
        assert!(found.insert((call.replace('`', ""), errno.to_owned()), kinds).is_none(), "twice: {row:?}");
    }
    found
}

/// An identifier that names nothing: further queries, where the classification needs more than the errno,
/// give that answer.
const NOTHING: i32 = i32::MAX;

/// The rows of the table about one call, and how its failures are classified by errno.
type Call = (&'static [&'static str], fn(Errno) -> Error);

fn calls() -> Vec<Call> {
    use msg::failure as queue;
    use sem::failure as set;
    use shm::failure as segment;
    const QUEUE: msg::MsgId = msg::MsgId::from_raw(NOTHING);
    const SET: sem::SemId = sem::SemId::from_raw(NOTHING);
    const SEGMENT: shm::ShmId = shm::ShmId::from_raw(NOTHING);
    const OPERATION: [sem::Op; 1] = [sem::Op::add(0, 1)];
    const MODE: Change = Change::Mode(Mode::PRIVATE);
    vec![
        (&["msgget create"], |errno| queue::create(Key::PRIVATE, Mode::PRIVATE, errno)),
        (&["semget create"], |errno| set::create(Key::PRIVATE, 1, Mode::PRIVATE, errno)),
        (&["shmget create"], |errno| segment::create(Key::PRIVATE, 1, Mode::PRIVATE, false, errno)),
        (&["shmget create"], |errno| segment::create(Key::PRIVATE, 1, Mode::PRIVATE, true, errno)),
        (&["shmget create"], |errno| segment::create(Key::PRIVATE, usize::MAX, Mode::PRIVATE, false, errno)),
        (&["each get call, open"], |errno| queue::open(Key::PRIVATE, Mode::PRIVATE, errno)),
        (&["each get call, open"], |errno| set::open(Key::PRIVATE, Mode::PRIVATE, errno)),
        (&["each get call, open"], |errno| segment::open(Key::PRIVATE, Mode::PRIVATE, errno)),
        (&["msgsnd"], |errno| queue::send(QUEUE, 1, errno)),
        (&["msgsnd"], |errno| queue::send(QUEUE, usize::MAX, errno)),
        (&["msgrcv"], |errno| queue::receive(QUEUE, 1, "", errno)),
        (&["msgrcv with MSG_COPY", "msgrcv"], |errno| queue::peek(QUEUE, 1, 0, errno)),
        (&["semop, semtimedop"], |errno| set::perform("semop", SET, &OPERATION, errno)),
        (&["semop, semtimedop"], |errno| set::perform("semtimedop", SET, &[], errno)),
        (
            &[
                "semctl of one semaphore",
                "semctl SETVAL, SETALL",
                "each ctl call",
                "each ctl call, IPC_SET and IPC_RMID",
            ],
            |errno| set::on_index(SET, 0, "SETVAL", errno),
        ),
        (
            &[
                "semctl GETALL, SETALL",
                "semctl SETVAL, SETALL",
                "each ctl call",
                "each ctl call, IPC_SET and IPC_RMID",
            ],
            |errno| set::all(SET, "SETALL", errno),
        ),
        (&["shmat"], |errno| segment::on_id("shmat", SEGMENT, "", errno)),
        (&["shmdt"], |errno| segment::on_id("shmdt", SEGMENT, "", errno)),
        (
            &[
                "each ctl call, IPC_SET",
                "each ctl call, IPC_SET and IPC_RMID",
                "each ctl call",
                "semctl SETVAL, SETALL",
            ],
            |errno| set::set(SET, MODE, errno),
        ),
        (&["each ctl call, IPC_SET", "each ctl call, IPC_SET and IPC_RMID", "each ctl call"], |errno| {
            segment::set(SEGMENT, MODE, errno)
        }),
        (
            &[
                "msgctl IPC_SET",
                "each ctl call, IPC_SET",
                "each ctl call, IPC_SET and IPC_RMID",
                "each ctl call",
            ],
            |errno| queue::set(QUEUE, MODE, &Permissions::for_test(u32::MAX, u32::MAX, 0), 1, errno),
        ),
        (&["each ctl call, IPC_SET and IPC_RMID", "each ctl call"], |errno| {
            queue::control(QUEUE, "IPC_RMID", errno)
        }),
        (&["shmctl SHM_LOCK", "each ctl call"], |errno| segment::lock(SEGMENT, errno)),
        (&["shmctl SHM_UNLOCK", "each ctl call"], |errno| {
            segment::on_id("shmctl", SEGMENT, "SHM_UNLOCK", errno)
        }),
    ]
}

const ERRNOS: [(&str, i32); 17] = [
    ("EPERM", libc::EPERM),
    ("ENOENT", libc::ENOENT),
    ("EINTR", libc::EINTR),
    ("E2BIG", libc::E2BIG),
    ("EAGAIN", libc::EAGAIN),
    ("ENOMEM", libc::ENOMEM),
    ("EACCES", libc::EACCES),
    ("EFAULT", libc::EFAULT),
    ("EEXIST", libc::EEXIST),
    ("EINVAL", libc::EINVAL),
    ("ENFILE", libc::ENFILE),
    ("EFBIG", libc::EFBIG),
    ("ENOSPC", libc::ENOSPC),
    ("ERANGE", libc::ERANGE),
    ("ENOSYS", libc::ENOSYS),
    ("EIDRM", libc::EIDRM),
    ("EIO", libc::EIO),
];

fn name(kind: ErrorKind) -> String {
    let name = format!("{kind:?}");
    name.split('(').next().unwrap_or_default().to_owned()
}

#[test]
fn every_errno_of_every_call_means_what_the_table_says() {
    let table = documented();
    let mut used = BTreeSet::new();
    for (rows, failure) in calls() {
        for (errno, number) in ERRNOS {
            let mut allowed = Vec::new();
            for call in rows {
                let row = ((*call).to_owned(), errno.to_owned());
                if let Some(kinds) = table.get(&row) {
                    allowed.extend_from_slice(kinds);
                    used.insert(row);
                }
            }
            if allowed.is_empty() {
                // An errno that this call does not return today may be returned one day, and means the same
                // everywhere.
                allowed = match errno {
                    "ENOSYS" | "EPERM" => vec!["Unsupported"],
                    "EACCES" => vec!["PermissionDenied"],
                    "EIDRM" => vec!["Removed", "Other"],
                    "ENOMEM" => vec!["OutOfMemory", "Other"],
                    "EINTR" => vec!["Interrupted", "Other"],
                    _ => vec!["Other"],
                };
            }
            let found = name(failure(Errno(number)).kind());
            let call = rows[0];
            assert!(allowed.contains(&found.as_str()), "{call} {errno}: {found}, not {allowed:?}");
        }
    }
    let unused: Vec<_> = table.keys().filter(|row| !used.contains(*row)).collect();
    assert!(unused.is_empty(), "rows of no call: {unused:?}");
}
