//! A recording as it is read: its messages in the order of the file, and the channels they belong to.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use ipc_ring::describe::Description;
use ipc_ring::raw::Kind;
use mcap::McapError;
use mcap::io::MessageReader;
use mcap::sans_io::LinearReaderOptions;

use super::super::record::form::{CDR, CDR_HEADER, MISSED, RAW, key};
use crate::exit::{FAILED, Failure, NOT_FOUND};

/// The largest record: a chunk of this program, with a frame as long as a ring may hold in it.
const MOST_BYTES: usize = 1 << 30;

/// The kinds whose messages can be sent.
const KINDS: [(Kind, &str); 6] = [
    (Kind::Spsc, "spsc"),
    (Kind::Bytes, "bytes"),
    (Kind::Mpmc, "mpmc"),
    (Kind::Broadcast, "broadcast"),
    (Kind::BroadcastBytes, "broadcast-bytes"),
    (Kind::Latest, "latest"),
];

/// A channel as it was when it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) domain: String,
    pub(super) channel: String,
    pub(super) kind: Kind,
    pub(super) capacity: u64,
    pub(super) size: usize,
    pub(super) align: usize,
    pub(super) fingerprint: String,
    pub(super) type_name: Option<String>,
    /// As the channel carried it.
    pub(super) text: Option<String>,
    pub(super) is_gated: bool,
}

impl Shape {
    /// The description of its elements; `None` if there is none, and for frames.
    pub(super) fn description(&self) -> Option<Description> {
        self.text.as_ref().filter(|_| !self.has_frames())?.parse().ok()
    }

    pub(super) fn has_frames(&self) -> bool {
        matches!(self.kind, Kind::Bytes | Kind::BroadcastBytes)
    }
}

/// A topic of a recording.
#[derive(Clone, Debug)]
pub(super) enum Topic {
    /// Of a channel, or of a key of its table.
    Channel { shape: Arc<Shape>, key: u32, is_cdr: bool },
    /// The payloads that a field of a channel's messages names, each before its message.
    Payloads(Arc<Payloads>),
    /// What the recorder missed.
    Missed,
    /// Not recorded by this program: there is not enough in it to make a channel.
    Foreign,
}

/// Payloads of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Payloads {
    /// The channel with the messages.
    pub(super) domain: String,
    pub(super) channel: String,
    pub(super) key: u32,
    /// Where the handle begins in the message.
    pub(super) offset: usize,
    pub(super) pool: String,
    /// Bytes of a block, and number of blocks.
    pub(super) classes: Vec<(usize, u64)>,
}

fn payloads(metadata: &BTreeMap<String, String>) -> Option<Payloads> {
    let class = |class: &str| {
        let (size, count) = class.split_once('x')?;
        Some((size.parse().ok()?, count.parse().ok()?))
    };
    Some(Payloads {
        offset: metadata.get(key::HANDLE_OFFSET)?.parse().ok()?,
        domain: metadata.get(key::DOMAIN)?.clone(),
        channel: metadata.get(key::CHANNEL)?.clone(),
        key: metadata.get(key::KEY).and_then(|key| key.parse().ok()).unwrap_or(0),
        pool: metadata.get(key::POOL)?.clone(),
        classes: metadata.get(key::POOL_CLASSES)?.split(' ').map(class).collect::<Option<_>>()?,
    })
}

impl Topic {
    fn of(channel: &mcap::Channel<'_>) -> Topic {
        if channel.topic == MISSED {
            return Topic::Missed;
        }
        if let Some(payloads) = payloads(&channel.metadata) {
            return Topic::Payloads(Arc::new(payloads));
        }
        shape(&channel.metadata).map_or(Topic::Foreign, |shape| {
            let is_cdr = channel.message_encoding == CDR;
            if !is_cdr && channel.message_encoding != RAW {
                return Topic::Foreign;
            }
            let key = channel.metadata.get(key::KEY).and_then(|key| key.parse().ok()).unwrap_or(0);
            Topic::Channel { shape: Arc::new(shape), key, is_cdr }
        })
    }
}

fn shape(metadata: &BTreeMap<String, String>) -> Option<Shape> {
    let number = |key: &str| metadata.get(key)?.parse().ok();
    let kind = metadata.get(key::KIND)?;
    Some(Shape {
        domain: metadata.get(key::DOMAIN)?.clone(),
        channel: metadata.get(key::CHANNEL)?.clone(),
        kind: KINDS.iter().find(|(_, name)| name == kind)?.0,
        capacity: number(key::CAPACITY)?,
        size: usize::try_from(number(key::SIZE)?).ok()?,
        align: usize::try_from(number(key::ALIGN)?).ok()?,
        fingerprint: metadata.get(key::FINGERPRINT)?.clone(),
        type_name: metadata.get(key::TYPE).cloned(),
        text: metadata.get(key::DESCRIPTION).cloned(),
        is_gated: metadata.get(key::MODE).is_some_and(|mode| mode == "gated"),
    })
}

/// A message of a recording.
pub(super) struct Message {
    pub(super) topic: u16,
    pub(super) log_time: u64,
    data: Vec<u8>,
}

impl Message {
    /// The bytes that the channel carried; `None` if they do not begin as this encoding does.
    pub(super) fn bytes(&self, is_cdr: bool) -> Option<&[u8]> {
        if is_cdr { self.data.strip_prefix(&CDR_HEADER) } else { Some(&self.data) }
    }

    /// A payload.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.data
    }
}

/// The messages of a file.
pub(super) struct Recording {
    path: String,
    messages: MessageReader<BufReader<File>>,
    topics: BTreeMap<u16, Topic>,
    /// Why it could not be read any further.
    problem: Option<String>,
}

impl Recording {
    /// # Errors
    /// If the file cannot be opened. What is wrong with its content turns up as it is read.
    pub(super) fn open(path: &Path) -> Result<Recording, Failure> {
        let file = File::open(path).map_err(|error| {
            let code = if error.kind() == std::io::ErrorKind::NotFound { NOT_FOUND } else { FAILED };
            Failure::new(code, format!("{}: {error}", path.display()))
        })?;
        let options = LinearReaderOptions::default().with_record_length_limit(MOST_BYTES);
        Ok(Recording {
            path: path.display().to_string(),
            messages: MessageReader::new_with_options(BufReader::with_capacity(1 << 20, file), options),
            topics: BTreeMap::new(),
            problem: None,
        })
    }

    /// The next message; `None` at the end, or where a file that was not completed ends.
    ///
    /// # Errors
    /// If it is not a recording.
    pub(super) fn next(&mut self) -> Result<Option<Message>, Failure> {
        let message = match self.messages.next() {
            None => return Ok(None),
            Some(Ok(message)) => message,
            Some(Err(McapError::UnexpectedEof | McapError::UnexpectedEoc)) => {
                self.problem =
                    Some("the file ends in the middle, as that of a killed recorder does".to_owned());
                return Ok(None);
            }
            Some(Err(error)) => {
                let what = match error {
                    McapError::BadMagic => "it is not an MCAP file".to_owned(),
                    McapError::UnsupportedCompression(with) => {
                        format!("its compression, {with}, is not known here: `mcap compress` can change it")
                    }
                    error => error.to_string(),
                };
                return Err(Failure::new(FAILED, format!("{}: {what}", self.path)));
            }
        };
        let id = message.channel.id;
        self.topics.entry(id).or_insert_with(|| Topic::of(&message.channel));
        Ok(Some(Message { topic: id, log_time: message.log_time, data: message.data.into_owned() }))
    }

    /// The topic of a message that was read.
    pub(super) fn topic(&self, id: u16) -> &Topic {
        self.topics.get(&id).unwrap_or(&Topic::Foreign)
    }

    /// Why the file could not be read to its end.
    pub(super) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }
}
