//! What the tests share: a private IPC namespace for each test, children that can be killed, a watchdog.
#![allow(dead_code, reason = "each test file uses some of it")]

pub mod children;
pub mod namespace;
pub mod sandbox;
pub mod skip;
pub mod steps;

use std::time::{Duration, Instant};

#[allow(unused_imports, reason = "each test file uses some of it")]
pub use skip::{Need, skip};

/// Ends the whole process, loudly, when a test hangs: none may, and no test has an upper bound of its own.
pub struct Watchdog(#[allow(dead_code, reason = "dropping it tells the thread")] std::sync::mpsc::Sender<()>);

/// After a minute; `TEST_WATCHDOG` sets another number of seconds, for machines that are slow.
pub fn watchdog(name: &str) -> Watchdog {
    let seconds = std::env::var("TEST_WATCHDOG").map_or(60, |text| text.parse().unwrap());
    let (alive, over) = std::sync::mpsc::channel();
    let name = name.to_owned();
    std::thread::spawn(move || {
        if over.recv_timeout(Duration::from_secs(seconds)) == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
        {
            say(&format!("watchdog: {name} hangs"));
            std::process::abort();
        }
    });
    Watchdog(alive)
}

/// A line on standard error, past the capture of the test harness.
pub fn say(line: &str) {
    let _ = nix::unistd::write(std::io::stderr(), format!("{line}\n").as_bytes());
}

/// So far away that a test that waits for it hangs.
pub fn far() -> Instant {
    Instant::now() + Duration::from_secs(600)
}

pub fn soon(milliseconds: u64) -> Instant {
    Instant::now() + Duration::from_millis(milliseconds)
}

/// Waits until the condition holds; the watchdog bounds it.
pub fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        std::thread::sleep(Duration::from_micros(200));
    }
}

pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Whether an emulator runs this program on another architecture's kernel: `EMULATED_ON` names that, and has
/// to be set.
pub fn is_emulated() -> bool {
    std::env::var_os("EMULATED_ON").is_some()
}
