//! `rm`: removes objects, after saying which, and never another one than was meant.

use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::path::Path;

use ipc_cli_support::output::say;
use ipc_cli_support::style::paint;
use ipc_cli_support::text::harmless;
use ipc_core::list::Verdict;
use ipc_core::msg::MessageQueue;
use ipc_core::sem::{SemId, SemaphoreSet};
use ipc_core::shm::{SharedMemory, ShmId};
use ipc_core::{Error, ErrorKind, Evidence, EvidenceKind, Key, Object as _, Trust, Verified, list};
use ipc_ring::gc::{self, What};
use serde::Serialize;
use serde_json::Value;

use super::ls::verdict;
use super::name::{Kind, Name, Which};
use super::snapshot::{Item, Snapshot};
use crate::cli::sysv::Rm;
use crate::exit::{DONE, FAILED, Failure, NOT_FOUND, Outcome, REFUSED, USAGE, complain};
use crate::json;
use crate::units::{age, count, duration};

/// An object that is to go.
struct Target {
    name: Name,
    identity: Evidence,
    /// Its place in the listing; `None` when it is not there any more.
    place: Option<usize>,
}

#[derive(Serialize)]
struct Line<'a> {
    object: String,
    /// One of `removed`, `would_remove`, `refused`, `gone`, `failed`.
    outcome: &'a str,
    reason: Option<String>,
    identity: String,
}

pub(super) fn run(asked: &Rm) -> Outcome {
    let snapshot = Snapshot::take()?;
    let targets = if asked.all_dead {
        dead(&snapshot, asked)
    } else if let Some(file) = &asked.from {
        listed(&snapshot, file)?
    } else {
        named(&snapshot, &asked.objects)?
    };
    if targets.is_empty() {
        if !asked.format.json {
            say!("Nothing to remove.");
        }
        return Ok(DONE);
    }
    let (targets, mut code) = safe(&snapshot, targets, asked);
    if targets.is_empty() {
        return Ok(code);
    }
    if !asked.yes {
        plan(&snapshot, &targets, asked);
    }
    if asked.dry_run {
        return Ok(code);
    }
    if !asked.yes && !confirmed(targets.len()) {
        complain("nothing was removed: not confirmed; --yes removes without asking");
        return Ok(REFUSED);
    }
    for target in &targets {
        let of_rings = if asked.all_dead { of_rings(target)? } else { None };
        match of_rings {
            Some(what) => refuse(target, &what, asked.format.json),
            None => code = worse(code, remove(target, asked.format.json)),
        }
    }
    Ok(code)
}

/// The objects that the command line names.
fn named(snapshot: &Snapshot, names: &[Name]) -> Result<Vec<Target>, Failure> {
    let mut targets: Vec<Target> = Vec::new();
    for name in names {
        let place = snapshot.find(*name)?;
        let item = &snapshot.items[place];
        let gone = || Failure::new(NOT_FOUND, format!("{name}: it went while it was looked at"));
        if !targets.iter().any(|target| target.place == Some(place)) {
            targets.push(Target {
                name: item.name(),
                identity: item.identity.ok_or_else(gone)?,
                place: Some(place),
            });
        }
    }
    Ok(targets)
}

/// The objects of a saved listing.
fn listed(snapshot: &Snapshot, file: &Path) -> Result<Vec<Target>, Failure> {
    let mut targets = Vec::new();
    for identity in identities(&read(file)?, file)? {
        let name = name_of(&identity);
        targets.push(Target { name, identity, place: snapshot.find(name).ok() });
    }
    Ok(targets)
}

/// Those that all their users have left.
fn dead(snapshot: &Snapshot, asked: &Rm) -> Vec<Target> {
    let me = nix::unistd::geteuid();
    let is_old = |item: &Item| {
        let last = item.judgement.last_active;
        last.is_none_or(|last| snapshot.at.duration_since(last).is_ok_and(|age| age >= asked.older_than))
    };
    let is_wanted = |item: &Item| {
        item.judgement.verdict == Verdict::Dead
            && (me.is_root() || [item.object.uid, item.object.cuid].contains(&me.as_raw()))
    };
    let (mut targets, mut young) = (Vec::new(), 0);
    for (place, item) in snapshot.items.iter().enumerate().filter(|(_, item)| is_wanted(item)) {
        if !is_old(item) {
            young += 1;
        } else if let Some(identity) = item.identity {
            targets.push(Target { name: item.name(), identity, place: Some(place) });
        }
    }
    if young > 0 && !asked.format.json {
        say!(
            "Left alone: {} that {} active within the last {}; --older-than 0s includes them.",
            count(young, "dead object", "dead objects"),
            if young == 1 { "was" } else { "were" },
            duration(asked.older_than)
        );
    }
    targets
}

/// What an object is of ipc-ring's, whose domains and persistent channels may be dead by the kernel's record
/// and still be meant to stay. Attaches a segment, which the kernel records as its last use, so this comes
/// only after removal was confirmed.
fn of_rings(target: &Target) -> Result<Option<String>, Failure> {
    const OTHER: &str = "it is of another version of ipc-ring";
    let id = target.identity.id();
    let (finding, has_mark) = match target.identity.kind() {
        EvidenceKind::Segment => {
            let id = ShmId::from_raw(id);
            (gc::identify(id), gc::has_mark(id))
        }
        EvidenceKind::Set => {
            let key = target.identity.key();
            let segments = list::segments()?;
            let of_key =
                segments.iter().filter(|(_, stat)| key != Key::PRIVATE && stat.permissions().key() == key);
            (gc::identify_set(SemId::from_raw(id))?, of_key.into_iter().any(|(id, _)| gc::has_mark(*id)))
        }
        EvidenceKind::Queue => return Ok(None),
    };
    let known = finding
        .filter(|finding| finding.what != What::Unmarked)
        .map(|finding| format!("`ipcr gc` is for it: {finding}"));
    Ok(known.or_else(|| has_mark.then(|| OTHER.to_owned())))
}

/// Reads a file, or stdin for `-`.
pub(super) fn read(file: &Path) -> Result<String, Failure> {
    let text = if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    text.map_err(|error| {
        let code = if error.kind() == std::io::ErrorKind::NotFound { NOT_FOUND } else { FAILED };
        Failure::new(code, format!("{}: {error}", file.display()))
    })
}

/// The objects of a listing's lines; lines of other types are passed over.
pub(super) fn objects(text: &str, file: &Path) -> Result<Vec<(Value, Evidence)>, Failure> {
    let mut objects = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let wrong =
            |why: String| Failure::new(USAGE, format!("{}, line {}: {why}", file.display(), number + 1));
        let value: Value = serde_json::from_str(line).map_err(|error| wrong(format!("not JSON: {error}")))?;
        if value["schema_version"] != json::SCHEMA_VERSION {
            return Err(wrong(format!(
                "its schema_version is {}, expected is {}",
                value["schema_version"],
                json::SCHEMA_VERSION
            )));
        }
        if !["segment", "set", "queue"].iter().any(|kind| value["type"] == **kind) {
            continue;
        }
        match value["identity"].as_str() {
            Some(identity) => {
                let identity = identity.parse().map_err(|error: Error| wrong(error.to_string()))?;
                objects.push((value, identity));
            }
            None => {
                return Err(wrong("it has no identity: the object had gone when it was listed".to_owned()));
            }
        }
    }
    Ok(objects)
}

fn identities(text: &str, file: &Path) -> Result<Vec<Evidence>, Failure> {
    Ok(objects(text, file)?.into_iter().map(|(_, identity)| identity).collect())
}

pub(super) fn name_of(identity: &Evidence) -> Name {
    Name { kind: Kind::of(identity.kind()), which: Which::Id(identity.id()) }
}

/// Those that may be removed. The others are said to be refused.
fn safe(snapshot: &Snapshot, targets: Vec<Target>, asked: &Rm) -> (Vec<Target>, u8) {
    let mut code = DONE;
    let targets = targets.into_iter().filter(|target| {
        if let Err(error) = confirm(&target.identity) {
            code = worse(code, report(target, Err(error), asked.format.json));
            return false;
        }
        let item = target.place.map(|place| &snapshot.items[place]);
        let is_used = item.is_none_or(|item| item.judgement.verdict == Verdict::InUse);
        if is_used && !asked.in_use {
            let evidence = item.map_or_else(String::new, |item| item.judgement.evidence.join("; "));
            let reason = format!("it is in use: {evidence}; --in-use removes it nevertheless");
            refuse(target, &reason, asked.format.json);
            code = worse(code, REFUSED);
            return false;
        }
        true
    });
    (targets.collect(), code)
}

fn refuse(target: &Target, reason: &str, for_programs: bool) {
    if for_programs {
        json::line("removal", &line(target, "refused", Some(reason.to_owned())));
    } else {
        complain(&format!("{}: not removed: {reason}", target.name));
    }
}

fn line<'a>(target: &Target, outcome: &'a str, reason: Option<String>) -> Line<'a> {
    Line { object: target.name.to_string(), outcome, reason, identity: target.identity.to_string() }
}

fn plan(snapshot: &Snapshot, targets: &[Target], asked: &Rm) {
    for target in targets {
        let Some(item) = target.place.map(|place| &snapshot.items[place]) else { continue };
        if asked.format.json {
            json::line("removal", &line(target, "would_remove", None));
            continue;
        }
        let last = item
            .judgement
            .last_active
            .map_or_else(String::new, |last| format!(", last active {}", age(last, snapshot.at)));
        let evidence = harmless(&item.judgement.evidence.join("; "));
        say!(
            "{}",
            paint(&format!(
                "would remove {}: {}{last}: {evidence}",
                target.name,
                verdict(item.judgement.verdict)
            ))
        );
    }
}

/// Asks on the terminal, where there is one.
fn confirmed(number: usize) -> bool {
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return false;
    }
    let mut out = std::io::stderr();
    let question = format!("Remove {}? [y/N] ", count(number as u64, "object", "objects"));
    if out.write_all(question.as_bytes()).and_then(|()| out.flush()).is_err() {
        return false;
    }
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.is_ok() && ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str())
}

fn remove(target: &Target, for_programs: bool) -> u8 {
    let trust = Trust::anyone();
    let removed = match target.identity.kind() {
        EvidenceKind::Segment => Verified::<SharedMemory>::from_evidence(&target.identity, &trust)
            .and_then(|object| object.get()?.remove_object()),
        EvidenceKind::Set => Verified::<SemaphoreSet>::from_evidence(&target.identity, &trust)
            .and_then(|object| object.get()?.remove_object()),
        EvidenceKind::Queue => Verified::<MessageQueue>::from_evidence(&target.identity, &trust)
            .and_then(|object| object.get()?.remove_object()),
    };
    report(target, removed, for_programs)
}

/// That the identifier still means the object.
pub(super) fn confirm(identity: &Evidence) -> Result<(), Error> {
    let trust = Trust::anyone();
    match identity.kind() {
        EvidenceKind::Segment => Verified::<SharedMemory>::from_evidence(identity, &trust).map(drop),
        EvidenceKind::Set => Verified::<SemaphoreSet>::from_evidence(identity, &trust).map(drop),
        EvidenceKind::Queue => Verified::<MessageQueue>::from_evidence(identity, &trust).map(drop),
    }
}

fn report(target: &Target, removed: Result<(), Error>, for_programs: bool) -> u8 {
    let Err(error) = removed else {
        if for_programs {
            json::line("removal", &line(target, "removed", None));
        } else {
            say!("removed {}", target.name);
        }
        return DONE;
    };
    let (code, outcome) = match error.kind() {
        ErrorKind::Untrusted => (REFUSED, "refused"),
        ErrorKind::Removed => (NOT_FOUND, "gone"),
        _ => (FAILED, "failed"),
    };
    let reason = match error.kind() {
        ErrorKind::Untrusted => {
            "it was changed since it was listed, or replaced by one of the same creator, key and size; list it again".to_owned()
        }
        ErrorKind::Removed => "it is gone, or its identifier names another object now".to_owned(),
        _ => error.to_string(),
    };
    if for_programs {
        json::line("removal", &line(target, outcome, Some(format!("{reason} ({error})"))));
    } else {
        complain(&format!("{}: not removed: {reason}", target.name));
    }
    code
}

/// Of two exit codes the one to end with: failures before refusals before what was not found.
fn worse(one: u8, other: u8) -> u8 {
    let rank = |code| [DONE, NOT_FOUND, REFUSED, FAILED].iter().position(|known| *known == code);
    if rank(other) > rank(one) { other } else { one }
}
