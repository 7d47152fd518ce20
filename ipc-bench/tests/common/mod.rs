//! Running the program, and looking at what it leaves behind.
#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::BTreeSet;
use std::fs;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The program with arguments separated by spaces.
pub fn command(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ipc-bench"));
    command.args(arguments.split_whitespace());
    command
}

/// Runs it to its end; the watchdog ends a run that hangs.
pub fn run(arguments: &str) -> Output {
    let child = start(arguments);
    finish(child)
}

/// Starts it with captured output.
pub fn start(arguments: &str) -> Child {
    command(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts")
}

/// Waits for its end, with a watchdog.
pub fn finish(child: Child) -> Output {
    let id = child.id();
    let (done, watch) = std::sync::mpsc::channel::<()>();
    let watchdog = std::thread::spawn(move || {
        if watch.recv_timeout(Duration::from_secs(120)) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            Command::new("kill").args(["-9", &id.to_string()]).status().expect("kill runs");
            return true;
        }
        false
    });
    let output = child.wait_with_output().expect("the program ends");
    drop(done);
    assert!(!watchdog.join().expect("the watchdog ends"), "the program hung");
    output
}

/// Runs with `--json -` and a short time; gives the parsed file and the exit code.
pub fn json(arguments: &str) -> (Value, i32) {
    let output = run(&format!("{arguments} --json - --quiet"));
    let code = output.status.code().expect("an exit code");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let value = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error}: {text}\n{}", String::from_utf8_lossy(&output.stderr)));
    (value, code)
}

/// The rows of a result.
pub fn rows(results: &Value) -> &Vec<Value> {
    results["rows"].as_array().expect("rows is an array")
}

/// A mechanism as `list --json` tells of it.
#[derive(Clone, Debug)]
pub struct Mechanism {
    pub name: String,
    pub kind: String,
    pub missing: bool,
    waits: Vec<String>,
    workloads: Vec<String>,
}

impl Mechanism {
    pub fn can(&self, workload: &str) -> bool {
        self.workloads.iter().any(|known| known == workload)
    }

    pub fn waits_by(&self, wait: &str) -> bool {
        self.waits.iter().any(|known| known == wait)
    }

    /// Round trips where it has them.
    pub fn workload(&self) -> &str {
        if self.can("pingpong") { "pingpong" } else { &self.workloads[0] }
    }
}

/// All mechanisms of this build.
pub fn mechanisms() -> Vec<Mechanism> {
    let output = run("list --json");
    let listed: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let texts = |value: &Value| value.as_array().expect("an array").iter().map(text).collect();
    let mechanism = |entry: &Value| Mechanism {
        name: text(&entry["mechanism"]),
        kind: text(&entry["kind"]),
        missing: !entry["missing"].is_null(),
        waits: texts(&entry["waits"]),
        workloads: texts(&entry["workloads"]),
    };
    listed.as_array().expect("an array").iter().map(mechanism).collect()
}

/// The workers started by `parent`.
pub fn workers_of(parent: u32) -> Vec<u32> {
    processes_of(parent, "worker")
}

/// The processes started by `parent`, by their hidden command, in the order in which they were started.
pub fn processes_of(parent: u32, hidden: &str) -> Vec<u32> {
    let mut workers = Vec::new();
    for entry in fs::read_dir("/proc").expect("/proc is there").flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ppid = fields.split_whitespace().nth(1).and_then(|field| field.parse::<u32>().ok());
        let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        if ppid == Some(parent) && command.split('\0').nth(1) == Some(hidden) {
            workers.push(pid);
        }
    }
    // Process numbers grow from the parent's on, and begin again at the end.
    workers.sort_unstable_by_key(|pid| (*pid < parent, *pid));
    workers
}

/// Waits until the program has both workers of a round at work.
pub fn await_workers(parent: u32) -> Vec<u32> {
    await_all_workers(parent, 2)
}

/// Waits until the program has this number of workers at work; gives them in the order in which they were
/// started.
pub fn await_all_workers(parent: u32, count: usize) -> Vec<u32> {
    await_processes_of(parent, "worker", count)
}

/// The same for the processes of a hidden command.
pub fn await_processes_of(parent: u32, hidden: &str, count: usize) -> Vec<u32> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let workers = processes_of(parent, hidden);
        if workers.len() == count {
            // Past their setting up.
            std::thread::sleep(Duration::from_millis(300));
            if processes_of(parent, hidden) == workers {
                return workers;
            }
        }
        assert!(Instant::now() < deadline, "no {count} workers appeared");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Sends a signal to a process.
pub fn signal(name: &str, pid: u32) {
    let status = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
    assert!(status.expect("kill runs").success(), "kill -{name} {pid}");
}

/// The identifiers of all System V objects, and the files of this program in shared memory, message queues
/// and the folder for temporary files.
pub fn objects() -> BTreeSet<String> {
    let folders = [std::env::temp_dir(), "/dev/shm".into(), "/dev/mqueue".into()];
    let files = folders.into_iter().flat_map(|folder| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path().display().to_string()).filter(|path| path.contains("/ipc-bench-"))
    });
    let objects = ["msg", "sem", "shm"].into_iter().flat_map(|kind| {
        let text = fs::read_to_string(format!("/proc/sysvipc/{kind}")).unwrap_or_default();
        let ids = text.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1));
        ids.map(|id| format!("{kind} {id}")).collect::<Vec<_>>()
    });
    objects.chain(files).collect()
}
