//! `ls`: all objects in one table, who uses them, and which are dead.

use ipc_cli_support::output::{self, say};
use ipc_cli_support::style::{Look, paint};
use ipc_cli_support::text::harmless;
use ipc_core::list::{Unseen, Verdict, WaitsIn};

use super::lines;
use super::name::Kind;
use super::snapshot::{Detail, Item, Processes, Snapshot};
use crate::cli::sysv::Ls;
use crate::exit::{DONE, Outcome};
use crate::units::{Names, bytes, count, idle};

pub(super) fn run(asked: &Ls) -> Outcome {
    let mut snapshot = Snapshot::take()?;
    let all = snapshot.items.len();
    let me = nix::unistd::geteuid().as_raw();
    snapshot.items.retain(|item| {
        asked.kinds.includes(item.kind)
            && (!asked.mine || [item.object.uid, item.object.cuid].contains(&me))
            && (!asked.dead || item.judgement.verdict == Verdict::Dead)
    });
    let mut names = Names::default();
    if asked.format.json {
        for item in &snapshot.items {
            lines::print(item, &mut names, &mut snapshot.processes);
        }
        return Ok(DONE);
    }
    if snapshot.items.is_empty() {
        match all {
            0 => say!("There is no System V object in this IPC namespace."),
            all => say!(
                "None of the {} of this IPC namespace is asked for.",
                count(all as u64, "object", "objects")
            ),
        }
        return Ok(DONE);
    }
    let mut table = output::bare_table([
        "OBJECT",
        "KEY",
        "OWNER",
        "MODE",
        "SIZE",
        "IDLE",
        "VERDICT",
        if asked.why { "EVIDENCE" } else { "USED BY" },
    ]);
    let Snapshot { at, items, processes, .. } = &mut snapshot;
    for item in &*items {
        table.add_row([
            item.name().to_string(),
            key(item),
            names.user_or_number(item.object.uid),
            mode(item),
            size(item),
            item.judgement.last_active.map_or_else(|| "-".to_owned(), |last| idle(last, *at)),
            verdict(item.judgement.verdict),
            if asked.why { harmless(&item.judgement.evidence.join("; ")) } else { users(item, processes) },
        ]);
    }
    output::print_table(&table);
    for note in notes(&snapshot, snapshot.items.iter()) {
        say!("{}", paint(&Look::Faint.of(&note)));
    }
    Ok(DONE)
}

/// What could not be seen of these objects.
pub(super) fn notes<'a>(snapshot: &Snapshot, items: impl Iterator<Item = &'a Item> + Clone) -> Vec<String> {
    let mut notes = Vec::new();
    let not_seen: u64 = items.clone().map(Item::mappings_not_seen).sum();
    if not_seen > 0 {
        let by = match &snapshot.unseen_memory[..] {
            _ if snapshot.others_hidden => {
                "by processes of other users, perhaps, which /proc hides".to_owned()
            }
            [] => "by processes that came or went meanwhile, or that left this IPC namespace".to_owned(),
            hidden => format!("perhaps by {}, whose memory this user may not see", processes(hidden)),
        };
        notes.push(format!(
            "not seen: {} that the kernel counts, {by}",
            count(not_seen, "mapping", "mappings")
        ));
    }
    let may_wait = items.clone().any(|item| item.kind != Kind::Shm);
    if may_wait && snapshot.others_hidden {
        notes.push(
            "not seen: whether a queue or set is waited for by processes of other users, which /proc hides"
                .to_owned(),
        );
    }
    if may_wait && !snapshot.unseen_calls.is_empty() {
        let hidden = processes(&snapshot.unseen_calls);
        notes.push(format!(
            "not seen: whether a queue or set is waited for by {hidden}, which this user may not trace"
        ));
    }
    notes
}

/// A few processes by their numbers, more by how many they are.
fn processes(hidden: &[Unseen]) -> String {
    match hidden {
        [one] => format!("process {}", one.pid),
        few if few.len() <= 4 => {
            let numbers: Vec<_> = few.iter().map(|process| process.pid.to_string()).collect();
            format!("processes {}", numbers.join(", "))
        }
        many => format!("one of {} processes", many.len()),
    }
}

/// The verdict in its colour.
pub(super) fn verdict(verdict: Verdict) -> String {
    let look = match verdict {
        Verdict::InUse | Verdict::Live => Look::Good,
        Verdict::Unknown => Look::Doubtful,
        Verdict::Dead => Look::Bad,
    };
    look.of(lines::verdict(verdict))
}

fn key(item: &Item) -> String {
    if item.object.perms & 0o1000 != 0 {
        "removed".to_owned()
    } else if item.object.key == ipc_core::Key::PRIVATE {
        "none".to_owned()
    } else {
        item.object.key.to_string()
    }
}

/// What others may do stands out.
fn mode(item: &Item) -> String {
    let mode = item.object.perms & 0o777;
    let text = format!("{mode:04o}");
    if mode & 0o007 != 0 { Look::Doubtful.of(&text) } else { text }
}

fn size(item: &Item) -> String {
    match &item.detail {
        Detail::Segment { line, .. } => bytes(line.size),
        Detail::Set { line } => count(line.count, "sem", "sems"),
        Detail::Queue { line, capacity } => {
            let messages = count(line.messages, "msg", "msgs");
            match capacity {
                Some(capacity) if *capacity > 0 && line.messages > 0 => {
                    format!("{messages}, {} full", share(line.bytes, *capacity))
                }
                _ => messages,
            }
        }
    }
}

/// A share in whole percent, with nothing for only that is nothing.
pub(super) fn share(part: u64, whole: u64) -> String {
    match part.saturating_mul(100) / whole.max(1) {
        0 if part > 0 => "<1 %".to_owned(),
        percent => format!("{percent} %"),
    }
}

fn users(item: &Item, processes: &mut Processes) -> String {
    let mut users = Vec::new();
    if let Detail::Segment { attached, .. } = &item.detail {
        for attached in attached {
            let times =
                if attached.mappings > 1 { format!(" ×{}", attached.mappings) } else { String::new() };
            let only_reads = if attached.is_writable { "" } else { " reads" };
            users.push(format!("{}{only_reads}{times}", processes.describe(attached.pid)));
        }
        match item.mappings_not_seen() {
            0 => {}
            hidden => users.push(format!("{hidden} not seen")),
        }
    }
    for asleep in &item.asleep {
        let waits = match asleep.waits_in {
            WaitsIn::Receive(_) => "waits for a message",
            WaitsIn::Send(_) => "waits for room",
            WaitsIn::Operate(_) => "waits",
        };
        users.push(format!("{} {waits}", processes.describe(asleep.pid)));
    }
    if users.is_empty() {
        return "-".to_owned();
    }
    output::entries(&users)
}
