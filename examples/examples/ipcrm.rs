//! Removes System V objects by identifier or by key, as `ipcrm` does.
//!
//! ```text
//! cargo run --example ipcrm -- -m 0 -S 0x2a     # the segment with identifier 0, the set with key 42
//! ```
//!
//! Small letters take an identifier, capital ones a key (decimal, 0x hexadecimal or 0 octal): `-m -M`
//! segments, `-s -S` sets, `-q -Q` queues. A key is accepted only for an object of our own; an identifier is
//! accepted as given.

use std::process::ExitCode;

use examples::{Outcome, run};
use ipc_core::msg::{MessageQueue, MsgId};
use ipc_core::sem::{Count, SemId, SemaphoreSet};
use ipc_core::shm::{SharedMemory, ShmId, Size};
use ipc_core::{Mode, Trust};

const USAGE: &str = "usage: ipcrm (-m | -s | -q) ID ... (-M | -S | -Q) KEY ...";

fn main() -> ExitCode {
    run("ipcrm", remove)
}

fn remove() -> Outcome {
    // Ours, with any mode. Removal needs no right in the mode, so none is requested.
    let trust = Trust::same_user().mode_at_most(Mode::new(0o777).expect("nine bits"));
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.peek().is_none() {
        return Err(USAGE.into());
    }
    while let Some(kind) = arguments.next() {
        let name = arguments.next().ok_or(USAGE)?;
        match kind.as_str() {
            "-m" => SharedMemory::from_id(ShmId::from_raw(name.parse()?)).remove()?,
            "-s" => SemaphoreSet::from_id(SemId::from_raw(name.parse()?)).remove()?,
            "-q" => MessageQueue::from_id(MsgId::from_raw(name.parse()?)).remove()?,
            "-M" => SharedMemory::find(name.parse()?, Size::Any, &trust)?.remove()?,
            "-S" => SemaphoreSet::find(name.parse()?, Count::Any, &trust)?.remove()?,
            "-Q" => MessageQueue::find(name.parse()?, &trust)?.remove()?,
            _ => return Err(USAGE.into()),
        }
    }
    Ok(())
}
