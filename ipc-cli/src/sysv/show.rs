//! `show`: everything that is known about an object.

use std::time::SystemTime;

use ipc_cli_support::output::{self, say};
use ipc_cli_support::style::{Look, paint};
use ipc_cli_support::text::harmless;
use ipc_core::list::{Presence, presence};
use ipc_core::sem::{SemId, SemaphoreSet};
use serde::Serialize;

use super::lines;
use super::ls::{notes, verdict};
use super::snapshot::{Detail, Item, Processes, Snapshot, time};
use crate::cli::sysv::Show;
use crate::exit::{DONE, Failure, Outcome};
use crate::json;
use crate::units::{Names, bytes, count, moment_and_age};

/// One semaphore, for programs.
#[derive(Serialize)]
struct Semaphore {
    object: String,
    index: u16,
    value: u16,
    waiting_for_increase: usize,
    waiting_for_zero: usize,
    last_pid: Option<u32>,
    last_process: Option<String>,
}

pub(super) fn run(asked: &Show) -> Outcome {
    let mut snapshot = Snapshot::take()?;
    let places = asked.objects.iter().map(|name| snapshot.find(*name)).collect::<Result<Vec<_>, _>>()?;
    let mut names = Names::default();
    for (number, place) in places.iter().copied().enumerate() {
        let Snapshot { at, items, processes, .. } = &mut snapshot;
        let item = &items[place];
        if asked.format.json {
            lines::print(item, &mut names, processes);
            semaphores(item, asked.all, |semaphore| {
                let last_process = semaphore.last_pid.and_then(|pid| processes.name(pid));
                json::line("semaphore", &Semaphore { last_process, ..semaphore });
            })?;
            continue;
        }
        if number > 0 {
            say!();
        }
        people(item, *at, asked.all, &mut names, processes)?;
    }
    if !asked.format.json {
        for note in notes(&snapshot, places.iter().map(|place| &snapshot.items[*place])) {
            say!("{}", paint(&Look::Faint.of(&note)));
        }
    }
    Ok(DONE)
}

fn fact(what: &str, value: &str) {
    say!("{}", paint(&format!("  {what:<14} {value}")));
}

fn people(
    item: &Item,
    now: SystemTime,
    all: bool,
    names: &mut Names,
    processes: &mut Processes,
) -> Result<(), Failure> {
    let object = item.object;
    let title = format!("{} {}", item.kind.noun(), item.name());
    say!("{}  {}", paint(&Look::Heading.of(&title)), paint(&verdict(item.judgement.verdict)));
    for clause in &item.judgement.evidence {
        fact("evidence", &harmless(clause));
    }
    let key = if object.key == ipc_core::Key::PRIVATE {
        "none: found by its identifier only".to_owned()
    } else {
        format!("{} ({} in decimal)", object.key, object.key.as_raw())
    };
    fact("key", &key);
    let mut party = |uid, gid| {
        format!("user {} ({uid}), group {} ({gid})", names.user_or_number(uid), names.group_or_number(gid))
    };
    fact("owner", &party(object.uid, object.gid));
    fact("creator", &party(object.cuid, object.cgid));
    fact("mode", &format!("{:04o}: {}", object.perms & 0o777, rights(object.perms)));
    fact("changed", &moment_and_age(time(object.ctime), "-", now));
    match &item.detail {
        Detail::Segment { line, attached } => {
            let memory = match (line.resident_bytes, line.swapped_bytes) {
                (Some(resident), Some(swapped)) => {
                    format!(", {} of them in memory, {} in swap", bytes(resident), bytes(swapped))
                }
                _ => String::new(),
            };
            fact("size", &format!("{} ({} bytes){memory}", bytes(line.size), line.size));
            if object.perms & 0o1000 != 0 {
                fact("removed", "marked for removal: has lost its key, goes with its last mapping");
            }
            if object.perms & 0o2000 != 0 {
                fact("locked", "into memory, never swapped");
            }
            fact("attached", &moment_and_age(time(line.atime), "never", now));
            fact("detached", &moment_and_age(time(line.dtime), "never", now));
            fact("creator was", &on_record(line.creator_pid));
            fact(
                "last user was",
                &if line.atime.max(line.dtime) == 0 {
                    "none: never attached".to_owned()
                } else {
                    on_record(line.last_pid)
                },
            );
            fact("mappings", &line.attachments.to_string());
            for attached in attached {
                let how = if attached.is_writable { "reads and writes" } else { "reads" };
                fact(
                    "",
                    &format!(
                        "{}: {how}, {}",
                        processes.describe(attached.pid),
                        count(attached.mappings, "mapping", "mappings")
                    ),
                );
            }
            match item.mappings_not_seen() {
                0 => {}
                hidden => fact("", &format!("not seen: {}", count(hidden, "mapping", "mappings"))),
            }
        }
        Detail::Set { line } => {
            fact("size", &count(line.count, "semaphore", "semaphores"));
            fact("operated on", &moment_and_age(time(line.otime), "never", now));
            asleep(item, processes);
            table_of_semaphores(item, all, processes)?;
        }
        Detail::Queue { line, capacity } => {
            let of = capacity.map_or_else(String::new, |capacity| format!(" of {capacity}"));
            fact(
                "holds",
                &format!("{}, {}{of} bytes", count(line.messages, "message", "messages"), line.bytes),
            );
            let by = |pid, at| if at == 0 { String::new() } else { format!(", by {}", on_record(pid)) };
            fact(
                "sent",
                &format!(
                    "{}{}",
                    moment_and_age(time(line.stime), "never", now),
                    by(line.last_sender_pid, line.stime)
                ),
            );
            fact(
                "received",
                &format!(
                    "{}{}",
                    moment_and_age(time(line.rtime), "never", now),
                    by(line.last_receiver_pid, line.rtime)
                ),
            );
            asleep(item, processes);
            if line.messages > 0 {
                say!("  `ipcr sysv peek {}` shows the messages without taking them.", item.name());
            }
        }
    }
    Ok(())
}

fn asleep(item: &Item, processes: &mut Processes) {
    for asleep in &item.asleep {
        let waits_to = lines::waits_to(asleep.waits_in);
        let thread =
            if asleep.tid == asleep.pid { String::new() } else { format!(", thread {}", asleep.tid) };
        fact("waits", &format!("{}{thread}: to {waits_to}", processes.describe(asleep.pid)));
    }
}

/// What became of a process on record.
fn on_record(pid: u32) -> String {
    match presence(pid) {
        Presence::NotShown => "in a process namespace that is not seen from here".to_owned(),
        Presence::Gone => format!("process {pid}, which is gone"),
        Presence::Zombie(process) => {
            format!("process {pid} ({}), which has ended and awaits its parent", harmless(&process.name))
        }
        Presence::Alive(process) => {
            format!("process {pid} (now {})", harmless(&process.name))
        }
    }
}

fn rights(perms: u32) -> String {
    let of = |shift: u32| match perms >> shift & 0o6 {
        0o6 => "reads and writes",
        0o4 => "reads",
        0o2 => "writes",
        _ => "nothing",
    };
    format!("owner {}, group {}, others {}", of(6), of(3), of(0))
}

/// Of a large set only those that are not zero or that a process waits for, unless all are asked for.
fn semaphores(item: &Item, all: bool, mut each: impl FnMut(Semaphore)) -> Result<u64, Failure> {
    const FEW: u64 = 32;
    let Detail::Set { line } = &item.detail else { return Ok(0) };
    let set = SemaphoreSet::from_id(SemId::from_raw(item.id));
    let mut left_out = 0;
    for (index, value) in (0..).zip(set.values()?) {
        let semaphore = Semaphore {
            object: item.name().to_string(),
            index,
            value,
            waiting_for_increase: set.waiting_for_increase(index)?,
            waiting_for_zero: set.waiting_for_zero(index)?,
            last_pid: set.last_pid(index)?,
            last_process: None,
        };
        let is_idle = value == 0 && semaphore.waiting_for_increase + semaphore.waiting_for_zero == 0;
        if all || line.count <= FEW || !is_idle {
            each(semaphore);
        } else {
            left_out += 1;
        }
    }
    Ok(left_out)
}

fn table_of_semaphores(item: &Item, all: bool, processes: &mut Processes) -> Result<(), Failure> {
    let mut table =
        output::bare_table(["  SEMAPHORE", "VALUE", "WAIT FOR MORE", "WAIT FOR ZERO", "LAST OPERATED ON BY"]);
    let left_out = semaphores(item, all, |semaphore| {
        let last = semaphore.last_pid.map_or_else(
            || "-".to_owned(),
            |pid| match presence(pid) {
                Presence::Gone | Presence::Zombie(_) => format!("{pid} {}", Look::Bad.of("gone")),
                _ => processes.describe(pid),
            },
        );
        let waiting =
            |count: usize| if count == 0 { "-".to_owned() } else { Look::Doubtful.of(&count.to_string()) };
        table.add_row([
            format!("  {}", semaphore.index),
            semaphore.value.to_string(),
            waiting(semaphore.waiting_for_increase),
            waiting(semaphore.waiting_for_zero),
            last,
        ]);
    });
    let left_out = match left_out {
        Ok(left_out) => left_out,
        Err(failure) => {
            fact("semaphores", &format!("not shown to this user: {}", harmless(failure.reason())));
            return Ok(());
        }
    };
    if table.row_count() > 0 {
        output::print_table(&table);
    }
    if left_out > 0 {
        say!(
            "  {} of value 0 that no process waits for left out; --all shows them",
            count(left_out, "semaphore", "semaphores")
        );
    }
    Ok(())
}
