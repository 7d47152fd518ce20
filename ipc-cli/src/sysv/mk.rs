//! `mk`: makes an object and prints its name.

use ipc_cli_support::output::say;
use ipc_core::msg::MessageQueue;
use ipc_core::sem::SemaphoreSet;
use ipc_core::shm::{Options, SharedMemory};
use ipc_core::{ErrorKind, Evidence, Key, Object as _, RemoveOnDrop};
use serde::Serialize;

use super::rm::name_of;
use crate::cli::sysv::{How, Mk};
use crate::exit::{DONE, Failure, Outcome, USAGE};
use crate::json;

#[derive(Serialize)]
struct Line {
    object: String,
    id: i32,
    key: String,
    mode: String,
    identity: String,
}

pub(super) fn run(what: &Mk) -> Outcome {
    match what {
        Mk::Shm { size, how } => {
            let size =
                usize::try_from(*size).map_err(|_| Failure::new(USAGE, "more bytes than fit into memory"))?;
            let options = Options::new().mode(how.mode);
            let memory = fresh(how, |key| SharedMemory::create_new(key, size, &options))?;
            print(memory.evidence()?, how)?;
            let _kept = memory.keep();
        }
        Mk::Sem { count, values, how } => {
            let values = match values[..] {
                [] => None,
                [value] => Some(vec![value; usize::from(*count)]),
                _ if values.len() == usize::from(*count) => Some(values.clone()),
                _ => {
                    let reason = format!(
                        "--values has {} values for {count} semaphores; expected is one for all or one for each",
                        values.len()
                    );
                    return Err(Failure::new(USAGE, reason));
                }
            };
            let set = fresh(how, |key| SemaphoreSet::create_new(key, usize::from(*count), how.mode))?;
            if let Some(values) = values {
                set.set_values(&values)?;
            }
            print(set.evidence()?, how)?;
            let _kept = set.keep();
        }
        Mk::Msg { capacity, how } => {
            let queue = fresh(how, |key| MessageQueue::create_new(key, how.mode))?;
            if let Some(capacity) = capacity {
                queue.set_capacity_bytes(*capacity)?;
            }
            print(queue.evidence()?, how)?;
            let _kept = queue.keep();
        }
    }
    Ok(DONE)
}

/// Makes the object, under random keys until one is free where none is named. It goes again when something
/// fails before it is printed.
fn fresh<T: ipc_core::Object>(
    how: &How,
    create: impl Fn(Key) -> ipc_core::Result<T>,
) -> Result<RemoveOnDrop<T>, Failure> {
    if how.private {
        return Ok(RemoveOnDrop::new(create(Key::PRIVATE)?));
    }
    if let Some(key) = how.key {
        return Ok(RemoveOnDrop::new(create(key)?));
    }
    loop {
        match create(Key::random()?) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => return Ok(RemoveOnDrop::new(made?)),
        }
    }
}

fn print(identity: Evidence, how: &How) -> Result<(), Failure> {
    let name = name_of(&identity).to_string();
    if how.json {
        let key = identity.key().to_string();
        json::line(
            "made",
            &Line {
                object: name.clone(),
                id: identity.id(),
                key,
                mode: how.mode.to_string(),
                identity: identity.to_string(),
            },
        );
    } else {
        say!("{name}");
    }
    match ipc_cli_support::output::failure() {
        // An object whose name was lost would stay permanently.
        Some(reason) => Err(Failure::new(crate::exit::FAILED, format!("{name} was removed again: {reason}"))),
        None => Ok(()),
    }
}
