//! Lists the System V objects of this IPC namespace, or shows one of them, as `ipcs` does.
//!
//! ```text
//! cargo run --example ipcs                  # all objects; also -m, -q, -s for one kind
//! cargo run --example ipcs -- -q -i 0       # one object: its record, and its messages or values
//! cargo run --example ipcs -- -l            # the limits, with what is in use of them
//! ```
//!
//! Listing needs no rights; showing an object's contents needs the right to read it. Beyond `ipcs` it shows
//! the messages in a queue, without taking them.

use std::fmt::Display;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use examples::{Outcome, run};
use ipc_core::limits::Limit;
use ipc_core::msg::{MessageBuffer, MessageQueue, MsgId};
use ipc_core::sem::{SemId, SemaphoreSet};
use ipc_core::shm::{SharedMemory, ShmId};
use ipc_core::{Permissions, list};

const USAGE: &str = "usage: ipcs [-m | -q | -s] [-i ID] | -l";

fn main() -> ExitCode {
    run("ipcs", || {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        match arguments[..] {
            [] => {
                queues()?;
                segments()?;
                sets()
            }
            ["-m"] => segments(),
            ["-q"] => queues(),
            ["-s"] => sets(),
            ["-l"] => limits(),
            ["-m", "-i", id] => segment(SharedMemory::from_id(ShmId::from_raw(id.parse()?))),
            ["-q", "-i", id] => queue(MessageQueue::from_id(MsgId::from_raw(id.parse()?))),
            ["-s", "-i", id] => set(SemaphoreSet::from_id(SemId::from_raw(id.parse()?))),
            _ => Err(USAGE.into()),
        }
    })
}

/// The columns that all kinds have.
fn line(id: impl Display, permissions: Permissions, rest: String) {
    let (key, mode) = (permissions.key(), permissions.mode());
    println!(
        "{key} {id:<10} {:<10} {:<10} {:<6} {rest}",
        permissions.uid(),
        permissions.cuid(),
        mode.to_string()
    );
}

fn heading(title: &str, id: &str, rest: &str) {
    println!("------ {title} --------");
    println!("{:<10} {id:<10} {:<10} {:<10} {:<6} {rest}", "key", "owner", "creator", "perms");
}

fn segments() -> Outcome {
    heading("Shared Memory Segments", "shmid", "bytes      nattch status");
    for (id, stat) in list::segments()? {
        let status = match (stat.is_marked_for_removal(), stat.is_locked()) {
            (false, false) => "",
            (true, false) => " dest",
            (false, true) => " locked",
            (true, true) => " dest,locked",
        };
        line(id, stat.permissions(), format!("{:<10} {}{status}", stat.size(), stat.attachments()));
    }
    Ok(())
}

fn sets() -> Outcome {
    heading("Semaphore Arrays", "semid", "nsems");
    for (id, stat) in list::sets()? {
        line(id, stat.permissions(), stat.count().to_string());
    }
    Ok(())
}

fn queues() -> Outcome {
    heading("Message Queues", "msqid", "used-bytes messages");
    for (id, stat) in list::queues()? {
        line(id, stat.permissions(), format!("{:<10} {}", stat.bytes(), stat.messages()));
    }
    Ok(())
}

fn limits() -> Outcome {
    let all = [
        Limit::Queues,
        Limit::MessageBytes,
        Limit::QueueBytes,
        Limit::Segments,
        Limit::SegmentBytes,
        Limit::SegmentPages,
        Limit::SemaphoreSets,
        Limit::SemaphoresPerSet,
        Limit::Semaphores,
        Limit::OperationsPerCall,
    ];
    for limit in all {
        let number = |number: Option<u64>| number.map_or("-".to_owned(), |number| number.to_string());
        let (value, used) = (number(limit.value()), number(limit.used()));
        println!("{:<7} {value:>20} {used:>10} used  {}", limit.name(), limit.meaning());
    }
    Ok(())
}

fn record(permissions: Permissions) {
    println!("key {}, mode {}", permissions.key(), permissions.mode());
    println!(
        "owner {}:{}, creator {}:{}",
        permissions.uid(),
        permissions.gid(),
        permissions.cuid(),
        permissions.cgid()
    );
}

fn pid(pid: Option<u32>) -> String {
    pid.map_or("none or not visible".to_owned(), |pid| pid.to_string())
}

fn time(time: Option<SystemTime>) -> String {
    match time.and_then(|time| time.duration_since(UNIX_EPOCH).ok()) {
        Some(since) => format!("{} s after 1970", since.as_secs()),
        None => "never".to_owned(),
    }
}

fn segment(memory: SharedMemory) -> Outcome {
    let stat = memory.stat()?;
    println!("segment {}: {} bytes, {} mappings", memory.id(), stat.size(), stat.attachments());
    record(stat.permissions());
    println!("made by process {}, last used by {}", pid(stat.creator_pid()), pid(stat.last_pid()));
    println!(
        "attached {}, detached {}, changed {}",
        time(stat.attached_at()),
        time(stat.detached_at()),
        time(stat.changed_at())
    );
    Ok(())
}

fn set(set: SemaphoreSet) -> Outcome {
    let stat = set.stat()?;
    println!("set {}: {} semaphores", set.id(), stat.count());
    record(stat.permissions());
    println!("operated {}, changed {}", time(stat.operated_at()), time(stat.changed_at()));
    println!("{:<8} {:<8} {:<8} {:<8} pid", "semnum", "value", "ncount", "zcount");
    for (index, value) in (0..).zip(set.values()?) {
        let (waiting, for_zero) = (set.waiting_for_increase(index)?, set.waiting_for_zero(index)?);
        println!("{index:<8} {value:<8} {waiting:<8} {for_zero:<8} {}", pid(set.last_pid(index)?));
    }
    Ok(())
}

fn queue(queue: MessageQueue) -> Outcome {
    let stat = queue.stat()?;
    println!(
        "queue {}: {} messages, {} of {} bytes",
        queue.id(),
        stat.messages(),
        stat.bytes(),
        stat.capacity_bytes()
    );
    record(stat.permissions());
    println!(
        "last sent by process {}, received by {}",
        pid(stat.last_sender_pid()),
        pid(stat.last_receiver_pid())
    );
    println!(
        "sent {}, received {}, changed {}",
        time(stat.sent_at()),
        time(stat.received_at()),
        time(stat.changed_at())
    );
    let room = Limit::MessageBytes.value().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(8192);
    let mut message = MessageBuffer::with_capacity(room);
    let mut place = 0;
    while queue.peek(&mut message, place)? {
        println!(
            "message {place}: type {}, {} bytes: {}",
            message.message_type(),
            message.bytes().len(),
            message.bytes().escape_ascii()
        );
        place += 1;
    }
    Ok(())
}
