//! A process that does what its scene asks for and then waits for its death; and the parent's hold on it.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use ipc_ring::Domain;

use super::rings::{BytesRing, Ends, MpmcRing, SpscRing};
use crate::process::{DOMAIN, Failure};
use ipc_cli_support::interrupt;

/// What a victim prints at a late sleep of its own, which it may not live to count.
const LATE: &str = "late";

/// The late sleeps of all victims so far.
static LATE_SLEEPS: AtomicU64 = AtomicU64::new(0);

/// The late sleeps of all victims that have ended.
pub(super) fn late_sleeps() -> u64 {
    LATE_SLEEPS.load(Ordering::Relaxed) // A count.
}

/// Whether a line of a victim's is about a late sleep, which is counted.
fn is_late(line: &str) -> bool {
    let is_late = line.trim_end() == LATE;
    if is_late {
        LATE_SLEEPS.fetch_add(1, Ordering::Relaxed); // A count.
    }
    is_late
}

/// A running victim. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Victim {
    child: Child,
    input: Option<ChildStdin>,
    output: Option<BufReader<ChildStdout>>,
}

impl Victim {
    /// Starts one on a processor, and waits until it is ready.
    pub(super) fn start(
        scene: &str,
        ring: &str,
        channel: &str,
        cpu: Option<usize>,
    ) -> Result<Victim, Failure> {
        let program = std::env::current_exe().map_err(Failure::at("finding this program's file"))?;
        let mut child = Command::new(program)
            .args(["victim", scene, ring, channel])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(Failure::at("starting a victim"))?;
        let input = child.stdin.take();
        let output = child.stdout.take().map(BufReader::new);
        let mut victim = Victim { child, input, output };
        victim.tell(&cpu.map(|cpu| cpu.to_string()).unwrap_or_default())?;
        victim.hear()?;
        Ok(victim)
    }

    /// Waits for its next line.
    pub(super) fn hear(&mut self) -> Result<(), Failure> {
        let mut line = String::new();
        if let Some(output) = &mut self.output {
            output.read_line(&mut line)?;
            while is_late(&line) {
                line.clear();
                output.read_line(&mut line)?;
            }
        }
        if line.is_empty() { Err(Failure::Failed("the victim ended by itself".into())) } else { Ok(()) }
    }

    pub(super) fn tell(&mut self, word: &str) -> Result<(), Failure> {
        let Some(input) = &mut self.input else { return Ok(()) };
        input.write_all(format!("{word}\n").as_bytes())?;
        Ok(())
    }

    /// Its output, for the thread that waits for its end.
    pub(super) fn take_output(&mut self) -> Option<BufReader<ChildStdout>> {
        self.output.take()
    }

    /// SIGKILL.
    pub(super) fn kill(mut self) {
        // It exists until it is waited for, in drop.
        let _ = self.child.kill();
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let lines = self.output.take().into_iter().flat_map(|output| output.lines().map_while(Result::ok));
        lines.for_each(|line| {
            is_late(&line);
        });
    }
}

/// The hidden `victim` command.
pub(crate) fn run(scene: &str, ring: &str, channel: &str) -> ExitCode {
    interrupt::unblock();
    ipc_ring::wait::late::report_to(|_| {
        // Without a parent nothing is counted.
        let _ = std::io::stdout().write_all(format!("{LATE}\n").as_bytes());
    });
    let result = match ring {
        "spsc" => act::<SpscRing>(scene, channel),
        "bytes" => act::<BytesRing>(scene, channel),
        "mpmc" => act::<MpmcRing>(scene, channel),
        _ => listen().and_then(|_| say_ready()).and_then(|()| wait()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("ipc-bench victim: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn act<R: Ends>(scene: &str, channel: &str) -> Result<(), Failure> {
    if let Ok(cpu) = listen()?.parse() {
        crate::pin::to(&[cpu]).map_err(Failure::Failed)?;
    }
    let domain = Domain::open(DOMAIN).map_err(Failure::at("joining the domain of the rings"))?;
    match scene {
        "push" => {
            let mut producer = R::producer(&domain, channel)?;
            say_ready()?;
            while !listen()?.is_empty() {
                R::push(&mut producer)?;
            }
        }
        "pop" => {
            let mut consumer = R::consumer(&domain, channel)?;
            say_ready()?;
            while !listen()?.is_empty() {
                R::pop(&mut consumer)?;
            }
        }
        _ => {
            let mut consumer = R::consumer(&domain, channel)?;
            R::hold(&mut consumer, &mut || {
                say_ready()?;
                wait()
            })?;
        }
    }
    wait()
}

fn say_ready() -> Result<(), Failure> {
    let mut output = std::io::stdout();
    output.write_all(b"ready\n")?;
    Ok(output.flush()?)
}

/// The parent's next word; empty when there is no parent any more.
fn listen() -> Result<String, Failure> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

/// Waits for the end: its own, or the parent's.
fn wait() -> Result<(), Failure> {
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_sleep_is_counted_and_no_other_word() {
        let before = late_sleeps();
        assert!(is_late("late\n") && !is_late("ready\n") && !is_late(""));
        assert_eq!(late_sleeps() - before, 1);
    }
}
