//! All objects of the IPC namespace at about one moment, with who uses them and what is to be said about
//! them.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ipc_cli_support::style::Look;
use ipc_cli_support::text::harmless;
use ipc_core::list::proc::{self, Object};
use ipc_core::list::{
    self, Asleep, Attached, Judge, Judgement, Presence, Process, Unseen, WaitsIn, presence,
};
use ipc_core::msg::{MessageQueue, MsgId};
use ipc_core::sem::{SemId, SemaphoreSet};
use ipc_core::shm::{SharedMemory, ShmId};
use ipc_core::{Evidence, Object as _};

use super::name::{Kind, Name, Which};
use crate::exit::{Failure, NOT_FOUND};

/// One object.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) kind: Kind,
    pub(crate) id: i32,
    pub(crate) object: Object,
    pub(crate) detail: Detail,
    pub(crate) judgement: Judgement,
    /// What tells it from others that have or had its identifier; `None` when it has gone meanwhile.
    pub(crate) identity: Option<Evidence>,
    /// Threads that sleep in it.
    pub(crate) asleep: Vec<Asleep>,
}

/// What only one kind has.
#[derive(Debug)]
pub(crate) enum Detail {
    Segment { line: proc::Segment, attached: Vec<Attached> },
    Set { line: proc::Set },
    Queue { line: proc::Queue, capacity: Option<u64> },
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) at: SystemTime,
    /// By kind and identifier.
    pub(crate) items: Vec<Item>,
    /// Processes whose memory could not be looked at.
    pub(crate) unseen_memory: Vec<Unseen>,
    /// Processes of which is not known whether they sleep in a queue or a set.
    pub(crate) unseen_calls: Vec<Unseen>,
    /// Processes of other users are not even listed.
    pub(crate) others_hidden: bool,
    /// Names of processes.
    pub(crate) processes: Processes,
}

impl Item {
    pub(crate) fn name(&self) -> Name {
        Name { kind: self.kind, which: Which::Id(self.id) }
    }

    /// Mappings that the kernel counts, and that were not found in any process.
    pub(crate) fn mappings_not_seen(&self) -> u64 {
        match &self.detail {
            Detail::Segment { line, attached } => {
                line.attachments.saturating_sub(attached.iter().map(|attached| attached.mappings).sum())
            }
            _ => 0,
        }
    }
}

impl Snapshot {
    /// Looks at everything. Nothing is attached and nothing is changed.
    pub(crate) fn take() -> Result<Snapshot, Failure> {
        let mut judge = Judge::new()?;
        let list::Look { found: attached, unseen: unseen_memory, others_hidden, .. } = list::attached()?;
        let mut items = Vec::new();
        for line in proc::segments()? {
            let attached = attached.iter().filter(|attached| attached.id == line.id).copied().collect();
            let judgement = judge.segment(&line);
            items.push(Item {
                kind: Kind::Shm,
                id: line.id.as_raw(),
                object: line.object,
                judgement,
                identity: SharedMemory::from_id(line.id).evidence().ok(),
                asleep: Vec::new(),
                detail: Detail::Segment { line, attached },
            });
        }
        for line in proc::sets()? {
            let judgement = judge.set(&line);
            items.push(Item {
                kind: Kind::Sem,
                id: line.id.as_raw(),
                object: line.object,
                judgement,
                identity: SemaphoreSet::from_id(line.id).evidence().ok(),
                asleep: sleepers(&judge, |waits_in| waits_in == WaitsIn::Operate(line.id)),
                detail: Detail::Set { line },
            });
        }
        for line in proc::queues()? {
            let judgement = judge.queue(&line);
            let queue = MessageQueue::from_id(line.id);
            let in_it =
                |waits_in| waits_in == WaitsIn::Receive(line.id) || waits_in == WaitsIn::Send(line.id);
            items.push(Item {
                kind: Kind::Msg,
                id: line.id.as_raw(),
                object: line.object,
                judgement,
                identity: queue.evidence().ok(),
                asleep: sleepers(&judge, in_it),
                detail: Detail::Queue { line, capacity: queue.stat().ok().map(|stat| stat.capacity_bytes()) },
            });
        }
        items.sort_by_key(|item| (item.kind, item.id));
        let unseen_calls = judge.asleep().unseen.clone();
        Ok(Snapshot {
            at: SystemTime::now(),
            items,
            unseen_memory,
            unseen_calls,
            others_hidden,
            processes: Processes::default(),
        })
    }

    /// The place of the object that is named.
    pub(crate) fn find(&self, name: Name) -> Result<usize, Failure> {
        let is_meant = |item: &Item| {
            item.kind == name.kind
                && match name.which {
                    Which::Id(id) => item.id == id,
                    Which::Key(key) => item.object.key == key,
                }
        };
        self.items.iter().position(is_meant).ok_or_else(|| {
            Failure::new(
                NOT_FOUND,
                format!(
                    "{name}: there is no such {} in this IPC namespace; `ipcr sysv ls` lists what there is",
                    name.kind.noun()
                ),
            )
        })
    }
}

fn sleepers(judge: &Judge, is_meant: impl Fn(WaitsIn) -> bool) -> Vec<Asleep> {
    judge.asleep().found.iter().filter(|asleep| is_meant(asleep.waits_in)).copied().collect()
}

/// Names of processes, each looked up once.
#[derive(Debug, Default)]
pub(crate) struct Processes(BTreeMap<u32, Option<Process>>);

impl Processes {
    fn look(&mut self, pid: u32) -> Option<&Process> {
        let find = || match presence(pid) {
            Presence::Alive(process) | Presence::Zombie(process) => Some(process),
            Presence::Gone | Presence::NotShown => None,
        };
        self.0.entry(pid).or_insert_with(find).as_ref()
    }

    /// The name that the process with this number has now; `None` when there is none, or it does not show its
    /// name.
    pub(crate) fn name(&mut self, pid: u32) -> Option<String> {
        self.look(pid).map(|process| process.name.clone()).filter(|name| !name.is_empty())
    }

    /// Why the process does nothing, although it is there: stopped, for instance.
    pub(crate) fn halt(&mut self, pid: u32) -> Option<&'static str> {
        match self.look(pid)?.state? {
            'T' => Some("stopped"),
            't' => Some("stopped by a debugger"),
            'D' => Some("sleeps in the kernel (D)"),
            'Z' | 'X' => Some("ended, awaits its parent"),
            _ => None,
        }
    }

    /// The process for people: its number, its name made harmless, and what is wrong with it.
    pub(crate) fn describe(&mut self, pid: u32) -> String {
        let name = self.name(pid).map_or_else(String::new, |name| format!(" {}", harmless(&name)));
        let halt = self.halt(pid).map_or_else(String::new, |halt| format!(" {}", Look::Bad.of(halt)));
        format!("{pid}{name}{halt}")
    }
}

/// A time of a table in `/proc/sysvipc`; `None` for 0.
pub(crate) fn time(seconds: i64) -> Option<SystemTime> {
    let seconds = u64::try_from(seconds).ok().filter(|seconds| *seconds > 0)?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// The identifier of a key, looked up in the tables: no right in the mode is needed for that.
pub(crate) fn id_of(name: Name) -> Result<i32, Failure> {
    let key = match name.which {
        Which::Id(id) => return Ok(id),
        Which::Key(key) => key,
    };
    let found = match name.kind {
        Kind::Shm => {
            proc::segments()?.into_iter().find(|line| line.object.key == key).map(|line| line.id.as_raw())
        }
        Kind::Sem => {
            proc::sets()?.into_iter().find(|line| line.object.key == key).map(|line| line.id.as_raw())
        }
        Kind::Msg => {
            proc::queues()?.into_iter().find(|line| line.object.key == key).map(|line| line.id.as_raw())
        }
    };
    found.ok_or_else(|| {
        Failure::new(NOT_FOUND, format!("{name}: no {} of this IPC namespace has this key", name.kind.noun()))
    })
}

/// What tells the object that is named now from others.
pub(crate) fn identity(name: Name) -> Result<Evidence, Failure> {
    let id = id_of(name)?;
    let found = match name.kind {
        Kind::Shm => SharedMemory::from_id(ShmId::from_raw(id)).evidence(),
        Kind::Sem => SemaphoreSet::from_id(SemId::from_raw(id)).evidence(),
        Kind::Msg => MessageQueue::from_id(MsgId::from_raw(id)).evidence(),
    };
    found.map_err(|error| {
        let failure = Failure::from(error);
        Failure::new(failure.code(), format!("{name}: {}", failure.reason()))
    })
}
