//! `doctor`: what on this machine keeps programs from working, or removes what they mean to keep.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use ipc_cli_support::output::say;
use ipc_cli_support::style::{Look, paint};
use ipc_cli_support::text::harmless;
use ipc_cli_support::{removal, room};
use ipc_core::list::Verdict;
use ipc_core::{Key, Limit, barrier};
use ipc_ring::gc::{self, What};
use serde::Serialize;

use crate::exit::{DIFFERS, DONE, Failure, Outcome};
use crate::json;
use crate::sysv::{Item, Kind, Snapshot};
use crate::units::count;

#[derive(Serialize)]
struct Line {
    check: &'static str,
    /// One of `ok`, `note`, `problem`.
    state: &'static str,
    text: String,
}

pub(crate) fn run(for_programs: bool) -> Outcome {
    let mut lines = vec![namespace(), semaphores()];
    lines.extend(limits());
    lines.extend(lasting());
    lines.push(membarrier());
    let snapshot = Snapshot::take()?;
    lines.push(visibility(&snapshot));
    lines.extend(objects(&snapshot)?);
    let mut code = DONE;
    for line in lines {
        if line.state == "problem" {
            code = DIFFERS;
        }
        if for_programs {
            json::line("check", &line);
            continue;
        }
        let look = match line.state {
            "ok" => Look::Good,
            "note" => Look::Faint,
            _ => Look::Bad,
        };
        say!(
            "{}",
            paint(&format!(
                "{} {:<11} {}",
                look.of(&format!("{:<8}", line.state)),
                line.check,
                harmless(&line.text)
            ))
        );
    }
    Ok(code)
}

fn line(check: &'static str, state: &'static str, text: impl Into<String>) -> Line {
    Line { check, state, text: text.into() }
}

fn namespace() -> Line {
    match std::fs::metadata("/proc/self/ns/ipc") {
        Ok(namespace) => {
            let user = nix::unistd::geteuid();
            line(
                "namespace",
                "note",
                format!(
                    "IPC namespace {}, user {user}: programs meet only when both are the same (ls -Li /proc/PID/ns/ipc)",
                    namespace.ino()
                ),
            )
        }
        Err(error) => {
            line("namespace", "problem", format!("/proc is not as usual, so little can be seen: {error}"))
        }
    }
}

fn semaphores() -> Line {
    let Some(allowed) = Limit::SemaphoresPerSet.value().and_then(|value| u32::try_from(value).ok()) else {
        return line(
            "semaphores",
            "problem",
            "the kernel has no System V semaphores, or a sandbox forbids them",
        );
    };
    match room::of(allowed) {
        None => line(
            "semaphores",
            "problem",
            format!(
                "a set may have {allowed} semaphores, a domain needs {} at least; {}",
                room::LEAST,
                Limit::SemaphoresPerSet.how_to_raise()
            ),
        ),
        Some(room) => {
            let state = if allowed < room::FULL { "note" } else { "ok" };
            line(
                "semaphores",
                state,
                format!("a domain has room for {} processes and {} ends", room.processes, room.ends),
            )
        }
    }
}

fn limits() -> Vec<Line> {
    let counted =
        [Limit::Segments, Limit::SegmentPages, Limit::SemaphoreSets, Limit::Semaphores, Limit::Queues];
    let mut lines = Vec::new();
    for limit in counted {
        if let (Some(used), Some(value)) = (limit.used(), limit.value())
            && used as f64 >= value as f64 * 0.8
        {
            let text = format!(
                "{} ({}): {used} of {value} are used; {}",
                limit.name(),
                limit.meaning(),
                limit.how_to_raise()
            );
            lines.push(line("limits", "problem", text));
        }
    }
    if lines.is_empty() {
        lines.push(line("limits", "ok", "each is used to less than 80 %; `ipcr sysv limits` shows them"));
    }
    lines
}

fn lasting() -> Vec<Line> {
    let threats = removal::threats(Path::new("/"));
    if threats.is_empty() {
        return vec![line("persistence", "ok", "nothing here removes objects that are to stay")];
    }
    threats.into_iter().map(|threat| line("persistence", "problem", threat)).collect()
}

fn membarrier() -> Line {
    if barrier::is_supported() {
        line("membarrier", "ok", "the kernel has it, so rings need no fences on their hot path")
    } else {
        line(
            "membarrier",
            "note",
            "the kernel lacks it, or a sandbox forbids it: rings use fences, and are a little slower",
        )
    }
}

/// What /proc shows of other users' processes.
fn visibility(snapshot: &Snapshot) -> Line {
    if snapshot.others_hidden {
        let text = "/proc is mounted with hidepid: processes of other users that use objects are not named";
        line("visibility", "note", text)
    } else if nix::unistd::geteuid().is_root() {
        line("visibility", "ok", "root may look into the processes that use objects")
    } else {
        line("visibility", "note", "who of other users uses objects is shown to root only")
    }
}

fn objects(snapshot: &Snapshot) -> Result<Vec<Line>, Failure> {
    let mut lines = Vec::new();
    let named = |items: &[String]| {
        let shown = items.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
        if items.len() > 5 { format!("{shown} and {} more", items.len() - 5) } else { shown }
    };
    let names = |is_meant: &dyn Fn(&Item) -> bool| -> Vec<String> {
        snapshot.items.iter().filter(|item| is_meant(item)).map(|item| item.name().to_string()).collect()
    };
    // After the look at the record: it attaches segments, which the kernel records as their last use.
    let findings = gc::examine()?;
    let of_rings = |item: &Item| {
        findings.iter().any(|finding| match item.kind {
            Kind::Shm => {
                finding.segment.is_some_and(|id| id.as_raw() == item.id) && finding.what != What::Unmarked
            }
            Kind::Sem => finding.key == item.object.key && finding.key != Key::PRIVATE,
            Kind::Msg => false,
        })
    };
    let dead = names(&|item| item.judgement.verdict == Verdict::Dead && !of_rings(item));
    if !dead.is_empty() {
        let text = format!(
            "{} whose users are all gone: {}; `ipcr sysv ls --dead --why` shows why, `ipcr sysv rm --all-dead` removes them",
            count(dead.len() as u64, "object", "objects"),
            named(&dead)
        );
        lines.push(line("dead", "problem", text));
    } else {
        lines.push(line("dead", "ok", "no object whose users are all gone"));
    }
    let open = names(&|item| item.object.perms & 0o002 != 0);
    if !open.is_empty() {
        let text =
            format!("every user may write to {}; `ipcr sysv grant OBJECT -p 0600` ends that", named(&open));
        lines.push(line("rights", "problem", text));
    }
    for finding in findings {
        if finding.verdict == gc::Verdict::Abandoned {
            lines.push(line("domains", "problem", format!("{finding}; `ipcr gc --yes` removes it")));
        }
    }
    Ok(lines)
}
