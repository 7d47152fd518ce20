//! What the tests with real processes share: a private IPC namespace, children that are this same program in
//! another role, and a watchdog.
#![allow(dead_code, reason = "each test file uses a part")]

pub mod forks;
pub mod sandbox;
#[path = "../../../ipc-core/tests/common/skip.rs"]
pub mod skip;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ipc_core::sem::{SemId, SemaphoreSet};
use ipc_core::shm::{Attachment, SharedMemory};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
#[allow(unused_imports, reason = "each test file uses a part")]
pub use skip::{Need, skip};

pub const ROLE: &str = "IPC_RING_TEST_ROLE";

/// Ends the program at a late sleep: one that was ended by the periodic check although a wake-up was owed. An
/// emulated machine (`EMULATED_ON` names the real one) reports it and continues: there a processor may be
/// away for longer than any grace period.
fn no_late_sleeps() {
    ipc_ring::wait::late::report_to(|place| {
        eprintln!("a sleep at {place} ended by the periodic look, and a wake-up was owed");
        if std::env::var_os("EMULATED_ON").is_none() {
            std::process::abort();
        }
    });
}

/// Puts the calling thread, and the children it starts, into an IPC namespace of their own. Everything made
/// there is gone when the last of them is. Where that is not allowed, the test runs in the shared namespace,
/// among all other objects, and reports it.
pub fn private_namespace() {
    watchdog();
    no_late_sleeps();
    if let Err(errno) = unshare(CloneFlags::CLONE_NEWIPC) {
        eprintln!(
            "NOTICE: no private IPC namespace ({errno}); this test uses the common one and cleans up after itself"
        );
    }
}

/// A name no other test of this run uses.
pub fn unique(what: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{what}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Ends the whole program when it has run for five minutes: a hang is a failure, not a wait. `TEST_WATCHDOG`
/// sets another number of seconds, for runs that are made long on purpose.
fn watchdog() {
    static STARTED: std::sync::Once = std::sync::Once::new();
    STARTED.call_once(|| {
        std::thread::spawn(|| {
            let seconds = std::env::var("TEST_WATCHDOG").map_or(300, |text| text.parse().unwrap());
            std::thread::sleep(Duration::from_secs(seconds));
            eprintln!("the watchdog ended this test program: something hangs");
            std::process::abort();
        });
    });
}

/// The name of the test that runs the roles of this file's tests: also where the file is one of many in a
/// program.
pub fn plays_a_role() -> String {
    let (_, below) = module_path!().split_once("::").unwrap();
    let file = below.strip_suffix("common").unwrap();
    format!("{file}plays_a_role")
}

/// This program, to be started again: where an emulator runs it, with that (`EMULATOR`, a command).
pub fn this_program() -> Command {
    let path = std::env::current_exe().unwrap();
    let Ok(emulator) = std::env::var("EMULATOR") else { return Command::new(path) };
    let mut words = emulator.split(' ');
    let mut command = Command::new(words.next().unwrap());
    command.args(words).arg(path);
    command
}

/// A child process in a role, killed when dropped.
pub struct Role {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Role {
    /// Starts this program again, to run `role` with `arguments`.
    pub fn start(role: &str, arguments: &[&str]) -> Self {
        Self::start_with(role, arguments, |_| {})
    }

    /// Like `start`, with a chance to change the command.
    pub fn start_with(role: &str, arguments: &[&str], change: impl FnOnce(&mut Command)) -> Self {
        let mut command = this_program();
        command
            .args(["--exact", &plays_a_role(), "--nocapture", "--test-threads=1", "--quiet"])
            .env(
                ROLE,
                std::iter::once(role).chain(arguments.iter().copied()).collect::<Vec<_>>().join("\x1f"),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        change(&mut command);
        let mut child = command.spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, input, output }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the child to report something with `say`; gives what.
    pub fn hear(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "the child ended without a word");
            if let Some((_, said)) = line.split_once("@@") {
                return said.trim_end().to_owned();
            }
        }
    }

    /// As `hear`, and `None` when the child has ended.
    pub fn hear_or_end(&mut self) -> Option<String> {
        let mut line = String::new();
        while self.output.read_line(&mut line).unwrap() > 0 {
            if let Some((_, said)) = line.split_once("@@") {
                return Some(said.trim_end().to_owned());
            }
            line.clear();
        }
        None
    }

    pub fn tell(&mut self, word: &str) {
        writeln!(self.input, "{word}").unwrap();
    }

    /// SIGKILL, and wait until the kernel has taken the process down.
    pub fn kill(&mut self) {
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGKILL).unwrap();
        self.child.wait().unwrap();
    }

    /// SIGKILL, unless it has ended by itself, which must have been successful.
    pub fn kill_or_finish(&mut self) {
        use std::os::unix::process::ExitStatusExt as _;
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success() || status.signal() == Some(Signal::SIGKILL as i32), "{status}");
    }

    /// Waits for the child to end by itself, which must be successful.
    pub fn finish(mut self) {
        let status = self.child.wait().unwrap();
        assert!(status.success(), "the child ended with {status}");
    }

    /// Waits for the child to end, in whatever way.
    pub fn wait(&mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }

    /// Whether the child has ended, in whatever way.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for the child to be killed, as by itself.
    pub fn wait_killed(&mut self) {
        use std::os::unix::process::ExitStatusExt as _;
        let status = self.child.wait().unwrap();
        assert_eq!(status.signal(), Some(Signal::SIGKILL as i32), "{status}");
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        use std::os::unix::process::ExitStatusExt as _;
        let _ = self.child.kill();
        let status = self.child.wait();
        // An abort would otherwise be taken for the kill.
        let aborted = status.is_ok_and(|status| status.signal() == Some(Signal::SIGABRT as i32));
        assert!(!aborted || std::thread::panicking(), "the child aborted; it has said why");
    }
}

/// In a child: reports something to the parent.
pub fn say(word: &str) {
    println!("@@{word}");
    std::io::stdout().flush().unwrap();
}

/// In a child: waits for a message from the parent.
pub fn listen() -> String {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

/// The role this process was started for, with its arguments, if it is a child.
pub fn role() -> Option<Vec<String>> {
    no_late_sleeps();
    std::env::var(ROLE).ok().map(|role| role.split('\x1f').map(str::to_owned).collect())
}

/// Attaches to the only ring of this namespace, bypassing the library.
pub fn the_ring() -> Attachment {
    let is_ring = |attached: &Attachment| {
        let mut start = [0; 8];
        attached.copy_from(0, &mut start).is_ok() && start == *b"ipc-ring"
    };
    let segments = ipc_core::list::segments().unwrap().into_iter();
    let mut attached = segments.filter_map(|(id, _)| SharedMemory::from_id(id).attach().ok());
    attached.find(is_ring).expect("the channel's segment")
}

/// How many segments, sets and queues this namespace holds, from /proc: identifiers of segments and sets.
pub fn kernel_objects() -> (Vec<String>, Vec<String>, Vec<String>) {
    let list = |what: &str| -> Vec<String> {
        std::fs::read_to_string(format!("/proc/sysvipc/{what}"))
            .unwrap()
            .lines()
            .skip(1)
            .map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
            .collect()
    };
    (list("shm"), list("sem"), list("msg"))
}

/// The semaphore sets of this namespace.
pub fn semaphore_sets() -> impl Iterator<Item = SemaphoreSet> {
    let id = |set: String| set.split(' ').nth(1).unwrap().parse().unwrap();
    kernel_objects().1.into_iter().map(move |set| SemaphoreSet::from_id(SemId::from_raw(id(set))))
}

/// Waits until some thread sleeps on a semaphore of this name space.
pub fn wait_for_a_sleeper() {
    wait_for_sleepers(1);
}

/// Waits until this number of threads sleep on semaphores of this name space.
pub fn wait_for_sleepers(wanted: usize) {
    let sleepers = |set: SemaphoreSet| {
        let Ok(stat) = set.stat() else { return 0 };
        (0..stat.count()).filter_map(|index| set.waiting_for_increase(index as u16).ok()).sum::<usize>()
    };
    while semaphore_sets().map(sleepers).sum::<usize>() < wanted {
        std::thread::yield_now();
    }
}
