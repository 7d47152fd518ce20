//! The parent's hold on one worker.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

use nix::sys::signal::Signal;
use serde::Serialize;

use super::protocol::{Failure, Job, Reply};

/// Something a worker did.
#[derive(Debug)]
pub(super) enum Event {
    /// A member of it spoke.
    Said(usize, Reply),
    /// The system calls of a worker, or why they are not known.
    Counted(Result<Option<u64>, String>),
    /// Its output ended: it has ended, or is about to.
    Silent(usize),
}

/// A running worker. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Worker {
    label: String,
    child: Child,
    input: ChildStdin,
    complaint: Option<JoinHandle<String>>,
}

impl Worker {
    /// Starts the worker of that number on `jobs`; what it does arrives at `events`. `label` is its name in
    /// messages.
    pub(super) fn spawn(
        number: usize,
        label: String,
        jobs: &[Job],
        events: Sender<Event>,
    ) -> Result<Worker, Failure> {
        let program = std::env::current_exe().map_err(Failure::at("finding this program's file"))?;
        let counted = jobs.first().is_some_and(|job| job.plan.count_calls);
        let mut child = Command::new(program)
            .arg(if counted { "tally" } else { "worker" })
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(Failure::at("starting a worker process"))?;
        let (Some(input), Some(output), Some(mut errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(Failure::Failed("a worker process has no pipes".into()));
        };
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let Ok((member, reply)) = serde_json::from_str(&line) else { break };
                let event = match reply {
                    Reply::Calls(calls) => Event::Counted(Ok(calls)),
                    Reply::Uncounted(reason) => Event::Counted(Err(reason)),
                    reply => Event::Said(member, reply),
                };
                if events.send(event).is_err() {
                    return;
                }
            }
            // The receiver may have finished with us already; then no one needs to know.
            let _ = events.send(Event::Silent(number));
        });
        let complaint = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = errors.read_to_string(&mut text);
            text
        });
        let mut worker = Worker { label, child, input, complaint: Some(complaint) };
        worker.tell(&jobs)?;
        Ok(worker)
    }

    /// Its name in messages.
    pub(super) fn label(&self) -> &str {
        &self.label
    }

    /// Sends one line.
    pub(super) fn tell<T: Serialize>(&mut self, what: &T) -> Result<(), Failure> {
        let mut line = serde_json::to_string(what).map_err(Failure::at("writing to a worker"))?;
        line.push('\n');
        // A worker that has died already is reported by its end, not by this write.
        let _ = self.input.write_all(line.as_bytes());
        Ok(())
    }

    /// Waits for its end; true when it exited by itself and successfully.
    pub(super) fn ended_well(&mut self) -> bool {
        self.child.wait().is_ok_and(|status| status.success())
    }

    /// How it ended, in words, for a worker that went silent without an answer. Waits for its end.
    pub(super) fn obituary(&mut self) -> String {
        let status = self.child.wait();
        let complaint = self.complaint.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        let role = &self.label;
        let how = match status {
            Ok(status) => in_words(status),
            Err(error) => format!("ended unseen ({error})"),
        };
        match complaint.lines().rfind(|line| !line.trim().is_empty() && !line.starts_with("note:")) {
            Some(line) => format!("the {role} {how}: {}", line.trim()),
            None => format!("the {role} {how}"),
        }
    }
}

fn in_words(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(number), _) => match Signal::try_from(number) {
            Ok(signal) => format!("was killed by {signal}"),
            Err(_) => format!("was killed by signal {number}"),
        },
        (None, Some(code)) => format!("ended with exit code {code} before it had a result"),
        (None, None) => "ended".into(),
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended already; either way nothing of it is left.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
