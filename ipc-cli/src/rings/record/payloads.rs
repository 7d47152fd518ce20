//! The payloads that a channel's messages name: blocks of pools, read along by their handles.
//!
//! Each field that is a handle has a topic of its own, `robot.frames/image`, or `robot.frames/payload` where
//! the message is the handle. A payload has the sequence number and the time of its message, and comes before
//! it.

use std::collections::HashMap;

use ipc_ring::control::{ChannelInfo, HandleField};
use ipc_ring::observe::{DomainObserver, PayloadTap, TappedPool};
use ipc_ring::pool::Handle;
use ipc_ring::zerocopy::FromBytes as _;

use super::form::Form;

/// The payloads of a generation of a channel.
pub(super) struct Payloads {
    tap: PayloadTap,
    /// The channel.
    of: Form,
    fields: Vec<HandleField>,
    /// The topics that there are, by field and pool: numbers of the recording.
    topics: HashMap<(usize, Option<u64>), usize>,
    /// Of each field, since the last one that was read.
    missed: Vec<u64>,
    /// What was read last.
    pub(super) bytes: Vec<u8>,
}

/// A topic that there is, or that is new.
pub(super) enum Topic {
    Known(usize),
    New(Box<Form>),
}

impl Payloads {
    /// `None` if the messages have no handles.
    pub(super) fn of(domain: &DomainObserver, channel: &ChannelInfo, form: &Form) -> Option<Payloads> {
        let fields = channel.handles();
        (!fields.is_empty()).then(|| Payloads {
            tap: PayloadTap::new(domain),
            of: form.clone(),
            missed: vec![0; fields.len()],
            fields,
            topics: HashMap::new(),
            bytes: Vec::new(),
        })
    }

    /// The number of fields that are handles.
    pub(super) fn fields(&self) -> usize {
        self.fields.len()
    }

    /// Reads what a field of a message names; `None` if it names nothing, or nothing that is still there. The
    /// number of a new topic is `next`.
    pub(super) fn read(&mut self, field: usize, message: &[u8], next: usize) -> Option<Topic> {
        let bytes = message.get(self.fields[field].offset..).unwrap_or_default();
        let (handle, _) = Handle::read_from_prefix(bytes).ok()?;
        // All zeros: a message without this payload.
        if handle.words()[0] == 0 {
            return None;
        }
        match self.tap.read(&handle, &mut self.bytes) {
            Ok(pool) => {
                let form = |pool: &TappedPool| self.of.of_payloads(&self.fields[field], Some(pool));
                Some(match self.topics.get(&(field, Some(pool.generation))) {
                    Some(topic) => Topic::Known(*topic),
                    None => {
                        let form = form(pool);
                        self.topics.insert((field, Some(pool.generation)), next);
                        Topic::New(Box::new(form))
                    }
                })
            }
            // The block was lent again, or its pool is gone.
            Err(_) => {
                self.missed[field] = self.missed[field].saturating_add(1);
                None
            }
        }
    }

    /// How many payloads of a field were missed since this was last called, and their topic; `None` if none.
    pub(super) fn missed(&mut self, field: usize, next: usize) -> Option<(Topic, u64)> {
        let count = std::mem::take(&mut self.missed[field]);
        if count == 0 {
            return None;
        }
        // Whose pool they were of does not matter.
        let known = self.topics.iter().find(|((known, _), _)| *known == field);
        let topic = known.map(|(_, topic)| Topic::Known(*topic)).unwrap_or_else(|| {
            self.topics.insert((field, None), next);
            Topic::New(Box::new(self.of.of_payloads(&self.fields[field], None)))
        });
        Some((topic, count))
    }
}
