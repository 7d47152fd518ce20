//! What the tests share: a private IPC namespace, the example programs as real processes, and a watchdog.
#![allow(dead_code, reason = "each test file uses a part")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Mutex, Once, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Set in a test program that was started again in namespaces of its own.
const INSIDE: &str = "EXAMPLES_TEST_INSIDE";

/// Runs a test in an IPC namespace of its own, so that it sees no other objects and leaves nothing behind.
///
/// Root puts the thread into one. Another user may only do that together with a user namespace, which takes a
/// process with a single thread: the test program is started again for this one test. Where neither is
/// allowed, the test runs in the common namespace, and reports it. `name` is the test's own; the tests of a
/// file run one at a time, since the examples' channel names are fixed.
pub fn isolated(name: &str, test: impl FnOnce()) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    watchdog();
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    if std::env::var_os(INSIDE).is_some() || unshare(CloneFlags::CLONE_NEWIPC).is_ok() {
        return test();
    }
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args([name, "--exact", "--nocapture"]).env(INSIDE, "1");
    // SAFETY: between fork and exec the closure makes one system call; it allocates nothing and takes no
    // lock.
    unsafe {
        again.pre_exec(|| Ok(unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWIPC)?));
    }
    match again.output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout);
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && said.contains("1 passed"), "{said}\n{errors}");
        }
        Err(error) => {
            // Not `eprintln`, which the test harness would swallow.
            let _ = writeln!(
                std::io::stderr(),
                "NOTICE: {name}: no private IPC namespace ({error}); it runs among everybody else's objects"
            );
            test();
        }
    }
}

/// Ends the whole program when it has run for ten minutes: a hang is a failure, not a wait.
fn watchdog() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        std::thread::spawn(|| {
            std::thread::sleep(Duration::from_secs(600));
            eprintln!("the watchdog ended this test program: something hangs");
            std::process::abort();
        });
    });
}

/// Every visible System V object, by key and identifier: what `ipcs` shows.
pub fn kernel_objects() -> Vec<String> {
    let mut objects = Vec::new();
    for kind in ["shm", "sem", "msg"] {
        let table = std::fs::read_to_string(format!("/proc/sysvipc/{kind}")).unwrap();
        for line in table.lines().skip(1) {
            let name: Vec<&str> = line.split_whitespace().take(2).collect();
            objects.push(format!("{kind} {}", name.join(" ")));
        }
    }
    objects
}

/// An example program at work, killed when dropped.
pub struct Program {
    name: &'static str,
    child: Child,
    errors: BufReader<ChildStderr>,
    output: Option<JoinHandle<String>>,
}

/// How a program ended, and its output.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub output: String,
    pub errors: String,
}

impl Program {
    /// Starts the example of this name, which cargo built along with this test.
    pub fn start(name: &'static str, arguments: &[&str]) -> Self {
        let deps = std::env::current_exe().unwrap();
        let path: PathBuf = deps.ancestors().nth(2).unwrap().join("examples").join(name);
        assert!(
            path.exists(),
            "{} is not built: run `cargo test -p examples`, without --test",
            path.display()
        );
        let mut child = Command::new(path)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let output = std::thread::spawn(move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).unwrap();
            text
        });
        let errors = BufReader::new(child.stderr.take().unwrap());
        Self { name, child, errors, output: Some(output) }
    }

    /// Waits for the next line on stderr; gives it.
    pub fn says(&mut self) -> String {
        let mut line = String::new();
        assert!(self.errors.read_line(&mut line).unwrap() > 0, "{} ended without a word", self.name);
        line.trim_end().to_owned()
    }

    /// SIGSTOP: it does nothing from now on, but is alive.
    pub fn stop(&self) {
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGSTOP).unwrap();
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the end.
    pub fn end(mut self) -> Ended {
        let mut errors = String::new();
        self.errors.read_to_string(&mut errors).unwrap();
        let output = self.output.take().unwrap().join().unwrap();
        Ended { status: self.child.wait().unwrap(), output, errors }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
