//! `verify`: a saved listing and what there is now.

use ipc_cli_support::output::say;
use ipc_cli_support::style::{Look, paint};
use ipc_cli_support::text::harmless;
use ipc_core::{ErrorKind, Evidence};
use serde::Serialize;
use serde_json::Value;

use super::name::Which;
use super::rm::{confirm, name_of, objects, read};
use super::snapshot::{Item, Snapshot};
use crate::cli::sysv::Verify;
use crate::exit::{DIFFERS, DONE, Outcome};
use crate::json;
use crate::units::count;

#[derive(Serialize)]
struct Line {
    object: String,
    /// One of `same`, `changed`, `replaced`, `gone`, `new`.
    difference: &'static str,
    details: Vec<String>,
}

pub(super) fn run(asked: &Verify) -> Outcome {
    let saved = objects(&read(&asked.file)?, &asked.file)?;
    let snapshot = Snapshot::take()?;
    let mut differences = 0;
    for (line, identity) in &saved {
        let name = name_of(identity);
        let item = snapshot.find(name).ok().map(|place| &snapshot.items[place]);
        let (difference, details) = match item {
            None => ("gone", Vec::new()),
            Some(item) => compare(line, identity, item),
        };
        differences += u64::from(difference != "same");
        tell(Line { object: name.to_string(), difference, details }, asked.format.json);
    }
    let is_saved = |item: &&Item| {
        saved.iter().any(|(_, identity)| {
            name_of(identity).kind == item.kind && name_of(identity).which == Which::Id(item.id)
        })
    };
    for item in snapshot.items.iter().filter(|item| !is_saved(item)) {
        differences += 1;
        tell(
            Line { object: item.name().to_string(), difference: "new", details: Vec::new() },
            asked.format.json,
        );
    }
    if !asked.format.json {
        match differences {
            0 => say!("As listed: {}.", count(saved.len() as u64, "object", "objects")),
            _ => say!("{} among {} listed.", count(differences, "difference", "differences"), saved.len()),
        }
    }
    Ok(if differences == 0 { DONE } else { DIFFERS })
}

fn compare(line: &Value, identity: &Evidence, item: &Item) -> (&'static str, Vec<String>) {
    let mut details = Vec::new();
    let mut field = |what: &str, before: &Value, now: Value| {
        if *before != now {
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            details.push(format!("{what} {} to {}", text(before), text(&now)));
        }
    };
    field("mode", &line["mode"], format!("{:04o}", item.object.perms & 0o777).into());
    field("owner", &line["owner"]["uid"], item.object.uid.into());
    field("group", &line["owner"]["gid"], item.object.gid.into());
    match confirm(identity) {
        Ok(()) if details.is_empty() => ("same", details),
        Ok(()) => ("changed", details),
        Err(error) => {
            let difference = match error.kind() {
                ErrorKind::Removed => "replaced",
                // Changed since, or replaced by one of the same creator, key and size.
                _ => "changed",
            };
            if difference == "replaced" {
                details.push("its identifier names another object now".to_owned());
            } else if details.is_empty() {
                let why = "its record was written since, or values were set, or it was replaced by one of the same creator, key and size";
                details.push(why.to_owned());
            }
            (difference, details)
        }
    }
}

fn tell(line: Line, for_programs: bool) {
    if for_programs {
        return json::line("difference", &line);
    }
    let look = match line.difference {
        "same" => return,
        "new" => Look::Doubtful,
        _ => Look::Bad,
    };
    let details = if line.details.is_empty() {
        String::new()
    } else {
        format!(": {}", harmless(&line.details.join("; ")))
    };
    say!("{}", paint(&format!("{:<10} {}{details}", line.object, look.of(line.difference))));
}
