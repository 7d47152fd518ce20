//! `ftok`: which key a file has, and which other files have the same.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use ipc_cli_support::output::say;
use ipc_cli_support::style::{Look, paint};
use ipc_cli_support::text::harmless;
use ipc_core::Key;
use serde::Serialize;

use super::snapshot::Snapshot;
use crate::cli::sysv::Ftok;
use crate::exit::{DONE, FAILED, Failure, Outcome, complain};
use crate::json;
use crate::units::count;

#[derive(Serialize)]
struct Line {
    path: String,
    project: u8,
    key: String,
    key_number: i32,
    device: u64,
    inode: u64,
    objects: Vec<String>,
}

#[derive(Serialize)]
struct Collision {
    path: String,
    key: String,
    device: u64,
    inode: u64,
}

pub(super) fn run(asked: &Ftok) -> Outcome {
    let key = Key::ftok(&asked.path, asked.project.0)?;
    let path = asked.path.display().to_string();
    let stat =
        std::fs::metadata(&asked.path).map_err(|error| Failure::new(FAILED, format!("{path}: {error}")))?;
    let items = Snapshot::take()?.items;
    let objects: Vec<String> =
        items.iter().filter(|item| item.object.key == key).map(|item| item.name().to_string()).collect();
    if asked.format.json {
        let (device, inode, project) = (stat.dev(), stat.ino(), asked.project.0.get());
        json::line(
            "ftok",
            &Line { path, project, key: key.to_string(), key_number: key.as_raw(), device, inode, objects },
        );
    } else {
        say!("{key}  {}", harmless(&path));
        match objects.is_empty() {
            true => say!("No object has this key."),
            false => say!("Objects with this key: {}.", objects.join(", ")),
        }
    }
    if let Some(directory) = &asked.collisions {
        collisions(directory, key, (stat.dev(), stat.ino()), asked)?;
    }
    Ok(DONE)
}

fn collisions(directory: &Path, key: Key, own: (u64, u64), asked: &Ftok) -> Result<(), Failure> {
    let mut search = Search { looked_at: 0, found: 0, unread: 0 };
    // Not by recursion: depth is up to others.
    let mut left = vec![directory.to_owned()];
    let mut is_first = true;
    while let Some(directory) = left.pop() {
        let entries = match std::fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) if is_first => {
                return Err(Failure::new(FAILED, format!("{}: {error}", directory.display())));
            }
            Err(_) => {
                search.unread += 1;
                continue;
            }
        };
        is_first = false;
        for entry in entries.flatten() {
            search.look(entry.path(), key, own, asked, &mut left);
        }
        if ipc_cli_support::interrupt::came() || ipc_cli_support::output::is_over() {
            return Ok(());
        }
    }
    if search.unread > 0 {
        complain(&format!(
            "not searched, as they cannot be read: {}",
            count(search.unread, "directory", "directories")
        ));
    }
    if !asked.format.json {
        let (looked_at, found) = (count(search.looked_at, "file", "files"), search.found);
        match found {
            0 => say!("No other file has this key, of {looked_at} searched."),
            _ => say!(
                "{} the same key, of {looked_at} searched.",
                if found == 1 { "1 other file has".to_owned() } else { format!("{found} other files have") }
            ),
        }
    }
    Ok(())
}

struct Search {
    looked_at: u64,
    found: u64,
    unread: u64,
}

impl Search {
    fn look(&mut self, path: PathBuf, key: Key, own: (u64, u64), asked: &Ftok, left: &mut Vec<PathBuf>) {
        // Of the link itself, so that none is followed in a circle. `ftok` follows them, to files that are
        // found under their own names.
        let Ok(stat) = std::fs::symlink_metadata(&path) else { return };
        if stat.is_dir() {
            left.push(path.clone());
        }
        if stat.file_type().is_symlink() {
            return;
        }
        self.looked_at += 1;
        let is_same_file = (stat.dev(), stat.ino()) == own;
        if is_same_file || !Key::ftok(&path, asked.project.0).is_ok_and(|found| found == key) {
            return;
        }
        self.found += 1;
        let path = path.display().to_string();
        if asked.format.json {
            json::line(
                "collision",
                &Collision { path, key: key.to_string(), device: stat.dev(), inode: stat.ino() },
            );
        } else {
            say!(
                "{}",
                paint(&format!("{}  {}, inode {}", Look::Bad.of("collides"), harmless(&path), stat.ino()))
            );
        }
    }
}
