//! Whether any process uses an object, judged from the kernel's records, with the evidence.
//!
//! The record names few processes: the creator of a segment and the last that attached or detached it, the
//! last sender and receiver of a queue, the last that operated on each semaphore. Other processes may know
//! the identifier, or find the key later. So a verdict is about the record, never about the future, and comes
//! with the facts it is based on.
//!
//! Nothing is attached for it: attaching would record the caller in place of the last user.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::asleep::{Asleep, WaitsIn};
use super::proc::{Object, Queue, Segment, Set};
use super::processes::{Look, Presence, Process, presence};
use crate::error::{ErrorKind, Result};
use crate::sem::SemaphoreSet;

/// The use of an object according to the kernel's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// A process has it attached or sleeps in it now.
    InUse,
    /// No process uses it now, but a recorded one is alive.
    Live,
    /// Too little is recorded, or shown to the caller.
    Unknown,
    /// No process uses it, and all recorded processes are gone.
    Dead,
}

/// A verdict and its evidence.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// The facts, most important first, each a clause in English. Process names in them may contain any
    /// characters.
    pub evidence: Vec<String>,
    /// When the object was last created, changed or used, as far as the kernel records it, to the second.
    pub last_active: Option<SystemTime>,
}

/// A process counts as a later user of a process id only if it started this long after the record was made:
/// both `/proc` and the record have a resolution of one second.
const CLEARLY_LATER: Duration = Duration::from_secs(3);

/// The state of each process asked about, each inspected once.
#[derive(Debug, Default)]
struct Seen(BTreeMap<u32, Presence>);

/// The state of one recorded party.
enum Party {
    Alive,
    Gone,
    Unclear,
}

impl Seen {
    fn look(&mut self, pid: u32) -> &Presence {
        self.0.entry(pid).or_insert_with(|| presence(pid))
    }

    /// The state of the process that did something at a given time, and the text for it.
    fn party(&mut self, role: &str, pid: u32, at: i64) -> (Party, String) {
        match self.look(pid) {
            Presence::NotShown => {
                (Party::Unclear, format!("its {role} is in a process namespace that is not seen from here"))
            }
            Presence::Gone => (Party::Gone, format!("its {role}, process {pid}, is gone")),
            Presence::Zombie(_) => {
                (Party::Gone, format!("its {role}, process {pid}, has ended and awaits its parent"))
            }
            Presence::Alive(process) if is_later(process, at) => {
                let process = named(process);
                (
                    Party::Unclear,
                    format!("the number of its {role} belongs to process {process} now, which started later"),
                )
            }
            Presence::Alive(process) => {
                (Party::Alive, format!("its {role}, process {}, is alive", named(process)))
            }
        }
    }
}

fn named(process: &Process) -> String {
    if process.name.is_empty() {
        process.pid.to_string()
    } else {
        format!("{} ({})", process.pid, process.name)
    }
}

fn is_later(process: &Process, at: i64) -> bool {
    match (process.started, time(at)) {
        (Some(started), Some(at)) => started > at + CLEARLY_LATER,
        _ => false,
    }
}

fn time(seconds: i64) -> Option<SystemTime> {
    let seconds = u64::try_from(seconds).ok().filter(|seconds| *seconds > 0)?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// Forms verdicts about the objects of the caller's IPC namespace. Each process is inspected only once, so
/// use one `Judge` per listing.
///
/// ```
/// use ipc_core::{Key, RemoveOnDrop, shm};
/// use ipc_core::list::{Judge, Verdict, proc};
///
/// let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 64, &shm::Options::default())?);
/// let mut judge = Judge::new()?;
/// let line = proc::segments()?.into_iter().find(|line| line.id == memory.id()).unwrap();
/// assert_eq!(judge.segment(&line).verdict, Verdict::Live); // its maker, this process, is alive
/// let _attached = memory.attach()?;
/// let line = proc::segments()?.into_iter().find(|line| line.id == memory.id()).unwrap();
/// assert_eq!(judge.segment(&line).verdict, Verdict::InUse);
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Judge {
    seen: Seen,
    asleep: Look<Asleep>,
}

impl Judge {
    /// Finds which threads sleep in which objects.
    ///
    /// # Errors
    /// As of [`asleep`](super::asleep).
    pub fn new() -> Result<Judge> {
        Ok(Judge { seen: Seen::default(), asleep: super::asleep()? })
    }

    /// The threads that were found asleep in queues and sets.
    #[must_use]
    pub fn asleep(&self) -> &Look<Asleep> {
        &self.asleep
    }

    /// About a segment.
    pub fn segment(&mut self, line: &Segment) -> Judgement {
        /// In `perms`: removed, but kept until its last detach.
        const MARKED: u32 = 0o1000;
        let last_active = last([line.object.ctime, line.atime, line.dtime]);
        if line.attachments > 0 {
            let mut evidence = vec![mappings(line.attachments)];
            if line.object.perms & MARKED != 0 {
                evidence.push("marked for removal: it goes with its last mapping".to_owned());
            }
            return Judgement { verdict: Verdict::InUse, evidence, last_active };
        }
        let mut parties = vec![self.seen.party("creator", line.creator_pid, line.object.ctime)];
        let used_at = line.atime.max(line.dtime);
        let never = used_at == 0;
        if !never && line.last_pid != line.creator_pid {
            parties.push(self.seen.party("last user", line.last_pid, used_at));
        }
        let mut judgement = judge("attached by no process", parties, last_active);
        if never {
            judgement.evidence.push("never attached".to_owned());
        }
        judgement
    }

    /// About a set. Queries the last process and the waiters of each semaphore, which needs the right to
    /// read.
    pub fn set(&mut self, line: &Set) -> Judgement {
        let last_active = last([line.object.ctime, line.otime]);
        let mut evidence: Vec<String> = Vec::new();
        let sleepers =
            self.asleep.found.iter().filter(|asleep| asleep.waits_in == WaitsIn::Operate(line.id)).count();
        if sleepers > 0 {
            evidence.push(format!("{} in an operation on it", threads(sleepers)));
        }
        let parties = match of_semaphores(SemaphoreSet::from_id(line.id), line.count) {
            Ok(parties) => parties,
            Err(error) => {
                let verdict = if sleepers > 0 { Verdict::InUse } else { Verdict::Unknown };
                evidence.push(match error.kind() {
                    ErrorKind::PermissionDenied => {
                        "its mode does not let this user see who uses it".to_owned()
                    }
                    _ => format!("who uses its semaphores is not shown: {error}"),
                });
                return Judgement { verdict, evidence, last_active };
            }
        };
        if parties.waiting > 0 {
            evidence.push(format!("the kernel counts {} waiting for its semaphores", parties.waiting));
        }
        if !evidence.is_empty() {
            return Judgement { verdict: Verdict::InUse, evidence, last_active };
        }
        let mut found: Vec<_> = parties
            .pids
            .into_iter()
            // The time is that of the whole set: another semaphore may have been used later.
            .map(|pid| self.seen.party("user", pid, 0))
            .collect();
        if line.otime == 0 && found.is_empty() {
            let evidence =
                vec!["never operated on".to_owned(), "the kernel does not record who made a set".to_owned()];
            return Judgement { verdict: Verdict::Unknown, evidence, last_active };
        }
        if found.is_empty() {
            found.push((
                Party::Unclear,
                "its users are in process namespaces that are not seen from here".to_owned(),
            ));
        }
        judge("no process waits for it", found, last_active)
    }

    /// About a queue.
    pub fn queue(&mut self, line: &Queue) -> Judgement {
        let last_active = last([line.object.ctime, line.stime, line.rtime]);
        let sleeps = |waits_in| self.asleep.found.iter().filter(|asleep| asleep.waits_in == waits_in).count();
        let (receiving, sending) = (sleeps(WaitsIn::Receive(line.id)), sleeps(WaitsIn::Send(line.id)));
        let mut evidence = Vec::new();
        if receiving > 0 {
            evidence.push(format!("{} for a message", threads(receiving)));
        }
        if sending > 0 {
            evidence.push(format!("{} for room", threads(sending)));
        }
        if !evidence.is_empty() {
            return Judgement { verdict: Verdict::InUse, evidence, last_active };
        }
        let mut parties = Vec::new();
        for (role, never, pid, at) in [
            ("last sender", "never sent to", line.last_sender_pid, line.stime),
            ("last receiver", "never received from", line.last_receiver_pid, line.rtime),
        ] {
            parties.push(match at {
                0 => (Party::Unclear, format!("{never}, and the kernel does not record who made a queue")),
                at => self.seen.party(role, pid, at),
            });
        }
        // The kernel does not count the sleepers of a queue: they have to be seen.
        let hidden = self.asleep.unseen.iter().filter(|unseen| may_use(unseen.uid, &line.object)).count();
        if hidden > 0 {
            parties.push((
                Party::Unclear,
                if hidden == 1 {
                    "1 process that may use it does not show whether it sleeps in it".to_owned()
                } else {
                    format!("{hidden} processes that may use it do not show whether they sleep in it")
                },
            ));
        }
        if self.asleep.others_hidden && is_for_others(&line.object) {
            let why = "processes of other users may wait in it, and /proc hides them";
            parties.push((Party::Unclear, why.to_owned()));
        }
        judge("no process was seen waiting in it", parties, last_active)
    }
}

/// Whether a process of this user may use an object. Root always may, and is skipped where it does not own
/// the object: otherwise it would be a candidate for every user's objects.
fn may_use(uid: Option<u32>, object: &Object) -> bool {
    is_for_others(object) || uid.is_none_or(|uid| uid == object.uid || uid == object.cuid)
}

/// Whether users other than owner and creator have rights.
fn is_for_others(object: &Object) -> bool {
    object.perms & 0o066 != 0
}

fn mappings(count: u64) -> String {
    if count == 1 { "attached once".to_owned() } else { format!("attached {count} times") }
}

fn threads(count: usize) -> String {
    if count == 1 { "1 thread waits".to_owned() } else { format!("{count} threads wait") }
}

fn last<const N: usize>(times: [i64; N]) -> Option<SystemTime> {
    times.into_iter().max().and_then(time)
}

fn judge(no_use: &str, parties: Vec<(Party, String)>, last_active: Option<SystemTime>) -> Judgement {
    let is = |wanted: fn(&Party) -> bool| parties.iter().any(|(party, _)| wanted(party));
    let verdict = if is(|party| matches!(party, Party::Alive)) {
        Verdict::Live
    } else if is(|party| matches!(party, Party::Unclear)) {
        Verdict::Unknown
    } else {
        Verdict::Dead
    };
    let mut evidence = vec![no_use.to_owned()];
    evidence.extend(parties.into_iter().map(|(_, clause)| clause));
    Judgement { verdict, evidence, last_active }
}

/// The processes recorded in a set.
struct OfSemaphores {
    /// Each process once.
    pids: Vec<u32>,
    waiting: usize,
}

fn of_semaphores(set: SemaphoreSet, count: u64) -> Result<OfSemaphores> {
    let mut found = OfSemaphores { pids: Vec::new(), waiting: 0 };
    for index in 0..u16::try_from(count).unwrap_or(u16::MAX) {
        found.waiting += set.waiting_for_increase(index)? + set.waiting_for_zero(index)?;
        found.pids.extend(set.last_pid(index)?);
    }
    found.pids.sort_unstable();
    found.pids.dedup();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Key;
    use crate::shm::ShmId;

    const NO_PROCESS: u32 = 0x7fff_fff0;

    fn segment(creator_pid: u32, last_pid: u32, attachments: u64) -> Segment {
        let object = Object {
            key: Key::PRIVATE,
            perms: 0o600,
            uid: 0,
            gid: 0,
            cuid: 0,
            cgid: 0,
            ctime: i64::from(u32::MAX),
        };
        Segment {
            object,
            id: ShmId::from_raw(7),
            size: 1,
            attachments,
            creator_pid,
            last_pid,
            atime: object.ctime,
            dtime: object.ctime,
            resident_bytes: None,
            swapped_bytes: None,
        }
    }

    #[test]
    fn a_segment_is_dead_only_when_everybody_on_record_is_gone() {
        let me = std::process::id();
        let mut judge = Judge {
            seen: Seen::default(),
            asleep: Look { found: Vec::new(), unseen: Vec::new(), others_hidden: false },
        };
        for (creator, last, attachments, verdict) in [
            (NO_PROCESS, NO_PROCESS, 0, Verdict::Dead),
            (NO_PROCESS, NO_PROCESS, 1, Verdict::InUse),
            (me, NO_PROCESS, 0, Verdict::Live),
            (NO_PROCESS, me, 0, Verdict::Live),
            (0, NO_PROCESS, 0, Verdict::Unknown),
            (NO_PROCESS, 0, 0, Verdict::Unknown),
        ] {
            let judged = judge.segment(&segment(creator, last, attachments));
            assert_eq!(judged.verdict, verdict, "{creator} {last} {attachments}: {:?}", judged.evidence);
        }
    }

    #[test]
    fn a_later_process_with_the_number_is_not_taken_for_the_one_on_record() {
        let me = std::process::id();
        let mut judge = Judge {
            seen: Seen::default(),
            asleep: Look { found: Vec::new(), unseen: Vec::new(), others_hidden: false },
        };
        let mut line = segment(me, me, 0);
        line.object.ctime = 1000; // long before this process
        (line.atime, line.dtime) = (0, 0);
        let judged = judge.segment(&line);
        assert_eq!(judged.verdict, Verdict::Unknown);
        assert!(judged.evidence[1].contains("started later"), "{:?}", judged.evidence);
        assert_eq!(judged.evidence[2], "never attached");
    }
}
