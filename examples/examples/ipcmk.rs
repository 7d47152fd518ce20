//! Makes System V objects with random keys, like `ipcmk`, but with another mode: 0600 by default, where
//! `ipcmk` lets every user read.
//!
//! ```text
//! cargo run --example ipcmk -- -M 4096          # a segment of 4096 bytes
//! cargo run --example ipcmk -- -S 3             # a set of 3 semaphores
//! cargo run --example ipcmk -- -Q -p 0660       # a queue, with this mode
//! ```
//!
//! The objects stay until `ipcrm` removes them.

use std::process::ExitCode;

use examples::{Outcome, run};
use ipc_core::msg::MessageQueue;
use ipc_core::sem::SemaphoreSet;
use ipc_core::shm::{Options, SharedMemory};
use ipc_core::{ErrorKind, Key, Mode};

const USAGE: &str = "usage: ipcmk [-M BYTES] [-S COUNT] [-Q] [-p MODE]";

fn main() -> ExitCode {
    run("ipcmk", make)
}

fn make() -> Outcome {
    let (mut bytes, mut count, mut queue, mut mode) = (None, None, false, Mode::PRIVATE);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(USAGE);
        match argument.as_str() {
            "-M" => bytes = Some(value()?.parse()?),
            "-S" => count = Some(value()?.parse()?),
            "-Q" => queue = true,
            "-p" => mode = Mode::new(u16::from_str_radix(&value()?, 8)?).ok_or("a mode has nine bits")?,
            _ => return Err(USAGE.into()),
        }
    }
    if bytes.is_none() && count.is_none() && !queue {
        return Err(USAGE.into());
    }
    if let Some(bytes) = bytes {
        let memory = fresh(|key| SharedMemory::create_new(key, bytes, &Options::new().mode(mode)))?;
        println!("Shared memory id: {}", memory.id());
    }
    if let Some(count) = count {
        println!("Semaphore id: {}", fresh(|key| SemaphoreSet::create_new(key, count, mode))?.id());
    }
    if queue {
        println!("Message queue id: {}", fresh(|key| MessageQueue::create_new(key, mode))?.id());
    }
    Ok(())
}

/// Creates under random keys until one is free.
fn fresh<T>(create: impl Fn(Key) -> ipc_core::Result<T>) -> ipc_core::Result<T> {
    loop {
        match create(Key::random()?) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => return made,
        }
    }
}
