//! `peek`: the messages of a queue, left where they are.

use ipc_cli_support::output::{self, say};
use ipc_cli_support::style::{Look, paint};
use ipc_cli_support::text::{hex, hex_dump};
use ipc_core::msg::{MessageBuffer, MessageQueue, MsgId};
use ipc_core::{Error, ErrorKind, Limit};
use serde::Serialize;

use super::name::Kind;
use super::snapshot::id_of;
use crate::cli::sysv::Peek;
use crate::exit::{DONE, FAILED, Failure, NOT_FOUND, Outcome, USAGE};
use crate::json;
use crate::units::count;

#[derive(Serialize)]
struct Line {
    queue: String,
    /// From 0, in the order in which a receiver of any type gets them.
    index: usize,
    message_type: i64,
    length: usize,
    hex: String,
    /// Null where the bytes are not UTF-8.
    text: Option<String>,
}

pub(super) fn run(asked: &Peek) -> Outcome {
    if asked.queue.kind != Kind::Msg {
        return Err(Failure::new(
            USAGE,
            format!("{}: only queues hold messages; expected is one such as msg:5", asked.queue),
        ));
    }
    let queue = MessageQueue::from_id(MsgId::from_raw(id_of(asked.queue)?));
    let stat = queue.stat().map_err(|error| explain(error, asked))?;
    let longest = Limit::MessageBytes.value().unwrap_or(0).max(stat.bytes());
    let mut message = MessageBuffer::try_with_capacity(usize::try_from(longest).unwrap_or(usize::MAX))?;
    let mut index = 0;
    while asked.count.is_none_or(|count| index < count) && !output::is_over() {
        match queue.peek(&mut message, index) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => return Err(explain(error, asked)),
        }
        print(&message, index, asked);
        index += 1;
    }
    if !asked.format.json {
        let found = stat.messages();
        match index as u64 {
            0 => say!("{} holds no message.", asked.queue),
            shown if shown < found => say!("{} of {} shown.", shown, count(found, "message", "messages")),
            _ => {}
        }
    }
    Ok(DONE)
}

fn explain(error: Error, asked: &Peek) -> Failure {
    match error.kind() {
        ErrorKind::Removed => Failure::new(
            NOT_FOUND,
            format!(
                "{}: there is no such queue in this IPC namespace; `ipcr sysv ls -q` lists what there is",
                asked.queue
            ),
        ),
        ErrorKind::PermissionDenied => Failure::new(
            FAILED,
            format!(
                "{}: its mode does not let this user read messages; the owner or root may: {error}",
                asked.queue
            ),
        ),
        ErrorKind::Unsupported => Failure::new(
            FAILED,
            format!(
                "{}: this kernel cannot copy messages (MSG_COPY, CONFIG_CHECKPOINT_RESTORE): {error}",
                asked.queue
            ),
        ),
        _ => error.into(),
    }
}

fn print(message: &MessageBuffer, index: usize, asked: &Peek) {
    let bytes = message.bytes();
    let message_type = message.message_type().get();
    if asked.format.json {
        let text = core::str::from_utf8(bytes).ok().map(str::to_owned);
        let queue = asked.queue.to_string();
        return json::line(
            "message",
            &Line { queue, index, message_type, length: bytes.len(), hex: hex(bytes), text },
        );
    }
    let title =
        format!("message {index}: type {message_type}, {}", count(bytes.len() as u64, "byte", "bytes"));
    say!("{}", paint(&Look::Heading.of(&title)));
    let shown = &bytes[..bytes.len().min(asked.bytes)];
    for line in hex_dump(shown) {
        say!("  {line}");
    }
    if shown.len() < bytes.len() {
        say!("  and {} more; --bytes shows them", count((bytes.len() - shown.len()) as u64, "byte", "bytes"));
    }
}
