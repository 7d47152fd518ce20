//! Objects as lines of JSON.

use std::time::SystemTime;

use ipc_core::list::{Verdict, WaitsIn};
use serde::Serialize;

use super::snapshot::{Detail, Item, Processes, time};
use crate::json;
use crate::units::{Names, moment};

#[derive(Serialize)]
struct Line {
    object: String,
    id: i32,
    key: String,
    /// As C sees it, and `/proc`.
    key_number: i32,
    owner: Party,
    creator: Party,
    mode: String,
    mode_bits: u32,
    changed_at: Option<String>,
    last_active_at: Option<String>,
    #[serde(flatten)]
    detail: DetailLine,
    /// One of `in_use`, `live`, `unknown`, `dead`.
    verdict: &'static str,
    evidence: Vec<String>,
    /// For `rm --from` and `verify`; null when the object has gone meanwhile.
    identity: Option<String>,
}

#[derive(Serialize)]
struct Party {
    uid: u32,
    user: Option<String>,
    gid: u32,
    group: Option<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum DetailLine {
    Segment {
        bytes: u64,
        resident_bytes: Option<u64>,
        swapped_bytes: Option<u64>,
        mappings: u64,
        attached: Vec<AttachedLine>,
        mappings_not_seen: u64,
        marked_for_removal: bool,
        locked: bool,
        creator_pid: Option<u32>,
        last_pid: Option<u32>,
        attached_at: Option<String>,
        detached_at: Option<String>,
    },
    Set {
        semaphores: u64,
        asleep: Vec<AsleepLine>,
        operated_at: Option<String>,
    },
    Queue {
        messages: u64,
        bytes: u64,
        capacity_bytes: Option<u64>,
        asleep: Vec<AsleepLine>,
        last_sender_pid: Option<u32>,
        last_receiver_pid: Option<u32>,
        sent_at: Option<String>,
        received_at: Option<String>,
    },
}

#[derive(Serialize)]
struct AttachedLine {
    pid: u32,
    name: Option<String>,
    mappings: u64,
    writable: bool,
}

#[derive(Serialize)]
struct AsleepLine {
    pid: u32,
    tid: u32,
    name: Option<String>,
    /// `receive`, `send` or `operate`.
    waits_to: &'static str,
}

/// A verdict as it is written for people.
pub(crate) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::InUse => "in use",
        Verdict::Live => "live",
        Verdict::Unknown => "unknown",
        Verdict::Dead => "dead",
    }
}

/// What a thread waits to do.
pub(crate) fn waits_to(waits_in: WaitsIn) -> &'static str {
    match waits_in {
        WaitsIn::Receive(_) => "receive",
        WaitsIn::Send(_) => "send",
        WaitsIn::Operate(_) => "operate",
    }
}

/// Prints one object.
pub(crate) fn print(item: &Item, names: &mut Names, processes: &mut Processes) {
    let written = |at: Option<SystemTime>| at.map(moment);
    let party =
        |names: &mut Names, uid, gid| Party { uid, user: names.user(uid), gid, group: names.group(gid) };
    let pid = |pid: u32| Some(pid).filter(|pid| *pid != 0);
    let asleep = |processes: &mut Processes| {
        let line = |asleep: &ipc_core::list::Asleep| AsleepLine {
            pid: asleep.pid,
            tid: asleep.tid,
            name: processes.name(asleep.pid),
            waits_to: waits_to(asleep.waits_in),
        };
        item.asleep.iter().map(line).collect()
    };
    let detail = match &item.detail {
        Detail::Segment { line, attached } => DetailLine::Segment {
            bytes: line.size,
            resident_bytes: line.resident_bytes,
            swapped_bytes: line.swapped_bytes,
            mappings: line.attachments,
            attached: attached
                .iter()
                .map(|attached| AttachedLine {
                    pid: attached.pid,
                    name: processes.name(attached.pid),
                    mappings: attached.mappings,
                    writable: attached.is_writable,
                })
                .collect(),
            mappings_not_seen: item.mappings_not_seen(),
            marked_for_removal: line.object.perms & 0o1000 != 0,
            locked: line.object.perms & 0o2000 != 0,
            creator_pid: pid(line.creator_pid),
            last_pid: pid(line.last_pid),
            attached_at: written(time(line.atime)),
            detached_at: written(time(line.dtime)),
        },
        Detail::Set { line } => DetailLine::Set {
            semaphores: line.count,
            asleep: asleep(processes),
            operated_at: written(time(line.otime)),
        },
        Detail::Queue { line, capacity } => DetailLine::Queue {
            messages: line.messages,
            bytes: line.bytes,
            capacity_bytes: *capacity,
            asleep: asleep(processes),
            last_sender_pid: pid(line.last_sender_pid),
            last_receiver_pid: pid(line.last_receiver_pid),
            sent_at: written(time(line.stime)),
            received_at: written(time(line.rtime)),
        },
    };
    let object = item.object;
    let line = Line {
        object: item.name().to_string(),
        id: item.id,
        key: object.key.to_string(),
        key_number: object.key.as_raw(),
        owner: party(names, object.uid, object.gid),
        creator: party(names, object.cuid, object.cgid),
        mode: format!("{:04o}", object.perms & 0o777),
        mode_bits: object.perms & 0o777,
        changed_at: written(time(object.ctime)),
        last_active_at: written(item.judgement.last_active),
        detail,
        verdict: match item.judgement.verdict {
            Verdict::InUse => "in_use",
            other => verdict(other),
        },
        evidence: item.judgement.evidence.clone(),
        identity: item.identity.map(|identity| identity.to_string()),
    };
    json::line(item.kind.noun(), &line);
}
