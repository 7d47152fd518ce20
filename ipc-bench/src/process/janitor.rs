//! The hidden `janitor` command: removes kernel objects, and files of other projects, when the parent is
//! gone.
//!
//! Segments need no janitor: they are marked for removal as soon as they exist. Message queues and semaphore
//! sets have no such state, so while the parent owns any, a small process of its own session sleeps on a pipe
//! from it. Each object is reported to it, and crossed off when the parent has removed it. When the pipe
//! ends, for whatever reason, SIGKILL included, it removes what is left on the list.

use std::io::{BufRead, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use ipc_core::list;
use ipc_core::msg::{MessageQueue, MsgId};
use ipc_core::sem::{SemId, SemaphoreSet};
use ipc_ring::Domain;

use super::protocol::Failure;

/// A kernel object that outlives its processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Object {
    Queue(MessageQueue),
    Semaphores(SemaphoreSet),
    /// The domain of this program's rings.
    Domain,
    /// What another project keeps in the file system for the round of that number.
    #[cfg(feature = "peers")]
    Files(u32),
}

/// The name of that domain. Always the same, so that a run finds and reuses what could not be removed.
pub(crate) const DOMAIN: &str = "ipc-bench";

/// How often the janitor tries to be the last one in the domain, and how long it waits between two tries: a
/// killed worker is gone only after it has been scheduled once more.
const TRIES: u32 = 100;
const LEAST_TRIES: u32 = 5;
const BETWEEN_TRIES: Duration = Duration::from_millis(100);

impl Object {
    fn line(self, verb: char) -> String {
        match self {
            Object::Queue(queue) => format!("{verb} queue {}\n", queue.id().as_raw()),
            Object::Semaphores(set) => format!("{verb} semaphores {}\n", set.id().as_raw()),
            Object::Domain => format!("{verb} domain 0\n"),
            #[cfg(feature = "peers")]
            Object::Files(round) => format!("{verb} files {round}\n"),
        }
    }

    fn parse(line: &str) -> Option<(char, Object)> {
        let mut words = line.split_whitespace();
        let verb = words.next()?.chars().next()?;
        let kind = words.next()?;
        let id = words.next()?.parse::<i32>().ok()?;
        let object = match kind {
            "queue" => Object::Queue(MessageQueue::from_id(MsgId::from_raw(id))),
            "semaphores" => Object::Semaphores(SemaphoreSet::from_id(SemId::from_raw(id))),
            "domain" => Object::Domain,
            #[cfg(feature = "peers")]
            "files" => Object::Files(id.unsigned_abs()),
            _ => return None,
        };
        Some((verb, object))
    }

    /// `parent`: the process that made it.
    fn remove(self, parent: u32) {
        // An object that another process removed first is gone, too.
        match self {
            Object::Queue(queue) => drop(queue.remove()),
            Object::Semaphores(set) => drop(set.remove()),
            Object::Domain => leave_last(parent),
            #[cfg(feature = "peers")]
            Object::Files(round) => remove_files(&Object::files_name(parent, round)),
        }
    }

    /// What the names of a round's files begin with.
    #[cfg(feature = "peers")]
    pub(crate) fn files_name(parent: impl std::fmt::Display, round: impl std::fmt::Display) -> String {
        format!("ipc-bench-{parent}-{round}")
    }
}

/// Removes the files in shared memory whose names have this prefix, and the directory of that name.
#[cfg(feature = "peers")]
fn remove_files(name: &str) {
    // Killed workers are gone a moment later; a round that made nothing has nothing to remove.
    let _ = std::fs::remove_dir_all(std::env::temp_dir().join(name));
    let Ok(entries) = std::fs::read_dir("/dev/shm") else { return };
    for entry in entries.flatten() {
        let of_round = |file: &str| file.strip_prefix(name).is_some_and(|rest| rest.starts_with('-'));
        if entry.file_name().to_str().is_some_and(of_round) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Joins the domain and leaves it, until it is gone: the last one to leave takes it away.
fn leave_last(parent: u32) {
    for attempt in 1..=TRIES {
        std::thread::sleep(BETWEEN_TRIES);
        drop(Domain::open(DOMAIN));
        let segments = list::segments().unwrap_or_default();
        let remains = segments.iter().any(|(_, stat)| stat.creator_pid() == Some(parent));
        // A domain made by an earlier process has another number; a few tries are for that one.
        if !remains && attempt >= LEAST_TRIES {
            return;
        }
    }
}

/// Removes its object when dropped; the janitor does so when the process cannot.
#[derive(Debug)]
pub(crate) struct Registered(Object);

impl Registered {
    /// Registers an object with the janitor. If that fails, the object is removed at once.
    ///
    /// # Errors
    /// The janitor could not be started.
    pub(crate) fn new(object: Object) -> Result<Registered, Failure> {
        let registered = Registered(object);
        tell(&object.line('+'))?;
        Ok(registered)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.0.remove(std::process::id());
        // If the janitor is gone there is no list to remove it from.
        let _ = tell(&self.0.line('-'));
    }
}

/// Membership of the parent in the domain of the rings, tracked by the janitor: the domain outlives the
/// workers, and is removed with the parent.
#[derive(Debug)]
pub(crate) struct RegisteredDomain(Option<Domain>);

impl RegisteredDomain {
    /// Joins the domain.
    ///
    /// # Errors
    /// The kernel refused its objects, or the janitor could not be started.
    pub(crate) fn join() -> Result<RegisteredDomain, Failure> {
        tell(&Object::Domain.line('+'))?;
        let domain = Domain::open(DOMAIN).map_err(Failure::unavailable("joining the domain of the rings"))?;
        Ok(RegisteredDomain(Some(domain)))
    }
}

impl Drop for RegisteredDomain {
    fn drop(&mut self) {
        // Leaves it, and removes it if this was the last member.
        drop(self.0.take());
        // If the janitor is gone there is no list to remove it from.
        let _ = tell(&Object::Domain.line('-'));
    }
}

static JANITOR: Mutex<Option<Child>> = Mutex::new(None);

/// Sends a line to the janitor, starting it at the first call.
fn tell(line: &str) -> Result<(), Failure> {
    let mut janitor = JANITOR.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let child = match &mut *janitor {
        Some(child) => child,
        none => {
            let program = std::env::current_exe().map_err(Failure::at("finding this program's file"))?;
            let child = Command::new(program)
                .arg("janitor")
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .process_group(0)
                .spawn()
                .map_err(Failure::at("starting the janitor process"))?;
            none.insert(child)
        }
    };
    let input = child.stdin.as_mut().ok_or_else(|| Failure::Failed("the janitor has no pipe".into()))?;
    input.write_all(line.as_bytes()).map_err(Failure::at("writing to the janitor"))
}

/// The janitor itself. The signals that stop the parent stay blocked, as inherited.
pub(crate) fn run() -> ExitCode {
    let parent = std::os::unix::process::parent_id();
    let mut list = Vec::new();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        match Object::parse(&line) {
            Some(('+', object)) => list.push(object),
            Some((_, object)) => list.retain(|other| *other != object),
            None => {}
        }
    }
    for object in list {
        object.remove(parent);
    }
    ExitCode::SUCCESS
}
