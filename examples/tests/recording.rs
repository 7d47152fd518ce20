//! The robot at work as `ipcr` sees it: watched, recorded, replayed, and recorded again, by real processes.

mod common;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{Program, isolated, kernel_objects};
use examples::robot::{self, Side};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The program, which is built here if only this package's tests were.
fn ipcr() -> PathBuf {
    let deps = std::env::current_exe().unwrap();
    let folder = deps.ancestors().nth(2).unwrap();
    let program = folder.join("ipcr");
    if !program.exists() {
        let profile = match folder.file_name().unwrap().to_str().unwrap() {
            "debug" => "dev",
            other => other,
        };
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "-p", "ipc-cli", "--bin", "ipcr", "--profile", profile]);
        build.arg("--target-dir").arg(folder.parent().unwrap());
        assert!(build.status().unwrap().success(), "ipcr cannot be built");
    }
    program
}

fn run(arguments: &str, file: &Path) -> String {
    let mut command = Command::new(ipcr());
    let output = command.args(arguments.split(' ')).arg(file).output().unwrap();
    assert!(output.status.success(), "{arguments}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Records everything but the pictures, of which a debug build misses most: `ipc-cli/tests/readers.py` has
/// them. At work when this returns.
fn record(file: &Path) -> Child {
    let mut command = Command::new(ipcr());
    command
        .args(["record", "--all", "--without-payloads", "--from", "oldest", "--output"])
        .arg(file)
        .stdout(Stdio::null());
    let mut recorder = command.spawn().unwrap();
    while !file.exists() {
        assert!(recorder.try_wait().unwrap().is_none(), "the recorder ended");
        std::thread::sleep(Duration::from_millis(5));
    }
    recorder
}

/// Ctrl-C.
fn finish(mut recorder: Child) {
    kill(Pid::from_raw(recorder.id().cast_signed()), Signal::SIGINT).unwrap();
    assert_eq!(recorder.wait().unwrap().code(), Some(130));
}

/// The messages of each topic.
type Topics = BTreeMap<String, Vec<Vec<u8>>>;

/// The messages, and how many were missed of each channel.
fn read(file: &Path) -> (Topics, BTreeMap<String, u64>) {
    let (mut topics, mut missed) = (Topics::new(), BTreeMap::new());
    for message in mcap::io::MessageReader::new(File::open(file).unwrap()) {
        let message = message.unwrap();
        if message.channel.topic == "ipcr/missed" {
            let text = String::from_utf8(message.data.into_owned()).unwrap();
            let value = |key: &str| {
                let rest = text.split(&format!("\"{key}\":")).nth(1).unwrap();
                rest.split([',', '}']).next().unwrap().trim_matches('"').to_owned()
            };
            *missed.entry(value("channel")).or_insert(0) += value("count").parse::<u64>().unwrap();
        } else {
            assert_eq!(message.channel.message_encoding, "cdr");
            topics.entry(message.channel.topic.clone()).or_default().push(message.data.into_owned());
        }
    }
    (topics, missed)
}

#[test]
fn the_robot_is_watched_recorded_replayed_and_recorded_again() {
    isolated("the_robot_is_watched_recorded_replayed_and_recorded_again", || {
        const PICTURES: usize = 120;
        let before = kernel_objects();
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("first.mcap"), folder.path().join("second.mcap"));
        let recorder = record(&first);
        let planner = Program::start("robot_planner", &[]);
        let sides = Side::ALL.map(|side| Program::start("robot_detector", &[side.name()]));
        let mut camera = Program::start("robot_camera", &[&PICTURES.to_string()]);
        assert!(camera.says().starts_with("taking pictures"));
        let watched = run("tail --from oldest --count 3 --json", Path::new(robot::SHOTS));
        for (number, line) in watched.lines().enumerate() {
            assert!(line.contains(&format!("\"number\":{number}")), "{line}");
        }
        assert_eq!(watched.lines().count(), 3);
        for program in [camera, planner].into_iter().chain(sides) {
            let ended = program.end();
            assert!(ended.status.success(), "{ended:?}");
        }
        finish(recorder);
        let (topics, missed) = read(&first);
        let names = [robot::SHOTS, robot::PLAN, Side::Left.channel(), Side::Right.channel()];
        assert!(topics.keys().map(String::as_str).eq({
            let mut names = names;
            names.sort_unstable();
            names
        }));
        let shots = &topics[robot::SHOTS];
        assert_eq!((shots.len(), missed.get(robot::SHOTS)), (PICTURES, None));
        for (number, shot) in shots.iter().enumerate() {
            assert_eq!((&shot[..4], &shot[4..12]), (&[0, 1, 0, 0][..], &(number as u64).to_le_bytes()[..]));
        }

        let recorder = record(&second);
        let told = run("replay --rate 0.5 --delay 2s", &first);
        assert!(told.contains(&format!("replayed {PICTURES} messages to \"{}\"", robot::SHOTS)), "{told}");
        finish(recorder);
        let (again, missed) = read(&second);
        for name in names {
            let (messages, again) = (&topics[name], &again[name]);
            if name != robot::PLAN {
                assert!(messages == again && !missed.contains_key(name), "{name}");
                continue;
            }
            // Values that are replaced before they are read are missed, and counted from the first one on.
            let missed = missed.get(name).copied().unwrap_or(0);
            let first = messages.iter().position(|value| *value == again[0]).unwrap();
            assert_eq!(again.len() as u64 + missed, (messages.len() - first) as u64);
            let mut rest = messages.iter();
            assert!(again.iter().all(|value| rest.any(|other| other == value)));
        }
        assert_eq!(kernel_objects(), before);
    });
}
