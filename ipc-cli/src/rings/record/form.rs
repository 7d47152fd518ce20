//! How a channel and its messages appear in an MCAP file.
//!
//! A described message is CDR with the generated ROS 2 definition as its schema: the bytes of a naturally
//! aligned element behind four bytes of header, see [`Description::ros_definition`]. Other messages are their
//! bytes, with the encoding `ipcr/raw` and without a schema. The metadata of the channel has what is needed
//! to make it again. The format: <https://mcap.dev/spec>.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use ipc_ring::broadcast::{self, Mode};
use ipc_ring::control::{ChannelInfo, HandleField, NameInfo};
use ipc_ring::describe::{Description, Scalar, Value};
use ipc_ring::observe::{DomainObserver, TappedPool};
use ipc_ring::raw::Kind;

/// The encoding of messages that are just bytes.
pub(in crate::rings) const RAW: &str = "ipcr/raw";
/// The encoding of described messages.
pub(in crate::rings) const CDR: &str = "cdr";
/// What precedes an element in CDR: little-endian, without options.
pub(in crate::rings) const CDR_HEADER: [u8; 4] = [0, 1, 0, 0];
/// The topic of what was missed.
pub(in crate::rings) const MISSED: &str = "ipcr/missed";

/// The names of a channel's metadata.
pub(in crate::rings) mod key {
    pub(in crate::rings) const CHANNEL: &str = "ipcr.channel";
    pub(in crate::rings) const DOMAIN: &str = "ipcr.domain";
    pub(in crate::rings) const GENERATION: &str = "ipcr.generation";
    pub(in crate::rings) const KIND: &str = "ipcr.kind";
    pub(in crate::rings) const CAPACITY: &str = "ipcr.capacity";
    pub(in crate::rings) const SIZE: &str = "ipcr.element_size";
    pub(in crate::rings) const ALIGN: &str = "ipcr.element_align";
    pub(in crate::rings) const FINGERPRINT: &str = "ipcr.fingerprint";
    pub(in crate::rings) const TYPE: &str = "ipcr.type";
    pub(in crate::rings) const DESCRIPTION: &str = "ipcr.description";
    pub(in crate::rings) const MODE: &str = "ipcr.mode";
    /// Of a value in a table of latest values.
    pub(in crate::rings) const KEY: &str = "ipcr.key";
    /// Of payloads: where their handle begins in the channel's messages, in bytes.
    pub(in crate::rings) const HANDLE_OFFSET: &str = "ipcr.handle_offset";
    pub(in crate::rings) const POOL: &str = "ipcr.pool";
    /// Bytes of a block and number of blocks, of each class: `4096x16 65536x4`.
    pub(in crate::rings) const POOL_CLASSES: &str = "ipcr.pool_classes";
}

/// A channel as it is recorded. It stays so for as long as the channel has its generation.
#[derive(Clone, Debug)]
pub(super) struct Form {
    pub(super) domain: String,
    /// Its name; of payloads, with their field behind it.
    pub(super) channel: String,
    pub(super) kind: &'static str,
    /// Of payloads: the channel that has their handles, and the field.
    payloads: Option<(String, String)>,
    /// Of payloads, the name of their pool.
    pub(super) pool: Option<String>,
    /// Its messages are values under keys, each of which is a topic.
    has_keys: bool,
    /// The name and the text of the schema; `None` for messages that are just bytes.
    pub(super) schema: Option<(String, String)>,
    metadata: BTreeMap<String, String>,
}

impl Form {
    /// That of a channel that was found.
    pub(super) fn of(domain: &DomainObserver, info: &NameInfo, channel: &ChannelInfo) -> Form {
        let description = description(channel);
        let schema = description.as_ref().and_then(|description| {
            description.ros_definition().ok().map(|text| (description.ros_name(), text))
        });
        let mut metadata = BTreeMap::new();
        let mut put = |key: &str, value: String| metadata.insert(key.to_owned(), value);
        put(key::CHANNEL, info.name.clone());
        put(key::DOMAIN, domain.name().to_owned());
        put(key::GENERATION, info.generation.to_string());
        put(key::KIND, channel.kind_name().to_owned());
        put(key::CAPACITY, channel.capacity.to_string());
        put(key::SIZE, channel.element_size.to_string());
        put(key::ALIGN, channel.element_align.to_string());
        put(key::FINGERPRINT, channel.fingerprint.to_string());
        if let Some(name) = &channel.type_name {
            put(key::TYPE, name.clone());
        }
        if let Some(text) = &channel.description {
            put(key::DESCRIPTION, text.clone());
        }
        let is = |kind: Kind| channel.kind == kind as u32;
        if (is(Kind::Broadcast) || is(Kind::BroadcastBytes))
            && let Ok(observer) = broadcast::Observer::open_in(domain, &info.name)
        {
            put(key::MODE, if observer.mode() == Mode::Gated { "gated" } else { "lossy" }.to_owned());
        }
        Form {
            domain: domain.name().to_owned(),
            channel: info.name.clone(),
            kind: channel.kind_name(),
            payloads: None,
            pool: None,
            has_keys: is(Kind::Latest) && channel.capacity > 1,
            schema,
            metadata,
        }
    }

    /// That of the payloads which a field of this channel's messages names.
    pub(super) fn of_payloads(&self, field: &HandleField, pool: Option<&TappedPool>) -> Form {
        let part = if field.path.is_empty() { "payload" } else { &field.path };
        let mut metadata = BTreeMap::new();
        for kept in [key::CHANNEL, key::DOMAIN, key::GENERATION] {
            metadata.extend(self.metadata.get(kept).map(|value| (kept.to_owned(), value.clone())));
        }
        metadata.insert(key::HANDLE_OFFSET.to_owned(), field.offset.to_string());
        if let Some(TappedPool { name, classes, .. }) = pool {
            let classes: Vec<_> = classes.iter().map(|(size, count)| format!("{size}x{count}")).collect();
            metadata.insert(key::POOL.to_owned(), name.clone());
            metadata.insert(key::POOL_CLASSES.to_owned(), classes.join(" "));
        }
        Form {
            domain: self.domain.clone(),
            channel: format!("{}/{part}", self.channel),
            kind: "payloads",
            payloads: Some((self.channel.clone(), part.to_owned())),
            pool: pool.map(|pool| pool.name.clone()),
            has_keys: self.has_keys,
            schema: None,
            metadata,
        }
    }

    /// The topic of a message under this key: `robot.plan`, `joints[3]`; of payloads: `robot.frames/image`.
    pub(super) fn topic(&self, key: Option<u32>) -> String {
        let key = key.filter(|_| self.has_keys).map_or_else(String::new, |key| format!("[{key}]"));
        match &self.payloads {
            Some((channel, part)) => format!("{channel}{key}/{part}"),
            None => format!("{}{key}", self.channel),
        }
    }

    /// The encoding of its messages.
    pub(super) fn encoding(&self) -> &'static str {
        if self.schema.is_some() { CDR } else { RAW }
    }

    /// The metadata of the topic.
    pub(super) fn metadata(&self, key: Option<u32>) -> BTreeMap<String, String> {
        let mut metadata = self.metadata.clone();
        if let Some(key) = key.filter(|_| self.has_keys) {
            metadata.insert(key::KEY.to_owned(), key.to_string());
        }
        metadata
    }
}

/// The description of the messages, if the channel carries one that agrees with its header.
fn description(channel: &ChannelInfo) -> Option<Description> {
    let descriptions = channel.descriptions().ok()?;
    (descriptions.len() == 1).then(|| descriptions.into_iter().next()).flatten()
}

/// Where the messages have the time at which they were published.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeField {
    offset: usize,
    scalar: Scalar,
}

impl TimeField {
    /// The field of this path, if the messages have one that is an integer.
    pub(super) fn find(channel: &ChannelInfo, path: &str) -> Option<TimeField> {
        let found = description(channel)?.for_each_leaf(|leaf| {
            if leaf.path == path {
                ControlFlow::Break(TimeField { offset: leaf.offset as usize, scalar: leaf.scalar })
            } else {
                ControlFlow::Continue(())
            }
        });
        found.break_value().filter(|field| !matches!(field.scalar, Scalar::F32 | Scalar::F64))
    }

    /// Its value; `None` if it is negative.
    pub(super) fn read(self, message: &[u8]) -> Option<u64> {
        let bytes = message.get(self.offset..)?.get(..self.scalar.size() as usize)?;
        match self.scalar.decode(bytes)? {
            Value::Unsigned(time) => Some(time),
            Value::Signed(time) => u64::try_from(time).ok(),
            _ => None,
        }
    }
}
