//! The files of a recording, written by a thread of their own: a slow disk does not stop the reading of the
//! channels until the memory for it is full.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use mcap::records::{MessageHeader, Metadata};

use super::file::{OneFile, Remains, WriteError};
use super::form::{CDR_HEADER, Form, MISSED};

/// How long the thread waits for messages while it has no chunk to complete.
const IDLE: Duration = Duration::from_secs(1);

/// Messages of a channel that were overwritten before they were read.
const MISSED_SCHEMA: &str = r#"{"title":"ipcr.Missed","type":"object","properties":
{"domain":{"type":"string"},"channel":{"type":"string"},"count":{"type":"integer"}}}"#;

/// What was read, in order.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    pub(super) entries: Vec<Entry>,
}

#[derive(Debug)]
pub(super) enum Entry {
    /// A channel. Its number is that of the channels before it.
    Opened(Box<Form>),
    Message {
        form: usize,
        key: Option<u32>,
        sequence: u64,
        log_time: u64,
        publish_time: u64,
        length: usize,
    },
    Missed {
        form: usize,
        count: u64,
        log_time: u64,
    },
}

impl Batch {
    /// Its memory in bytes.
    pub(super) fn size(&self) -> usize {
        self.bytes.len() + self.entries.len() * size_of::<Entry>()
    }
}

/// What was written of a channel, or of all.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) messages: u64,
    pub(super) bytes: u64,
    pub(super) missed: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: Tally) {
        self.messages += other.messages;
        self.bytes += other.bytes;
        // Counted from words that any member can write.
        self.missed = self.missed.saturating_add(other.missed);
    }
}

/// A file that is complete.
#[derive(Clone, Debug)]
pub(super) struct Done {
    pub(super) path: PathBuf,
    /// Its length.
    pub(super) bytes: u64,
    pub(super) messages: u64,
}

/// How the writing ended.
pub(super) struct Written {
    pub(super) channels: Vec<(Form, Tally)>,
    pub(super) failure: Option<WriteError>,
}

/// What the user wants of the files.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub(super) output: PathBuf,
    pub(super) max_size: Option<u64>,
    pub(super) max_duration: Option<Duration>,
    pub(super) compress: bool,
}

struct Files<F> {
    limits: Limits,
    /// `None` between two files.
    current: Option<Current>,
    files: u64,
    channels: Vec<Channel>,
    tell: F,
}

struct Channel {
    form: Form,
    /// Since the last chunk, in this file, and in all files.
    open: Tally,
    in_file: Tally,
    kept: Tally,
}

struct Current {
    file: OneFile,
    /// The topics of this file by channel and key.
    topics: HashMap<(usize, Option<u32>), u16>,
    missed: Option<u16>,
    /// The times of its first and its newest message.
    begun: Option<u64>,
    newest: u64,
}

/// Writes what comes until the sender is dropped, or the writing fails. `pending` is the size of what was
/// sent and not yet written.
pub(super) fn write(
    limits: Limits,
    first: OneFile,
    batches: &Receiver<Batch>,
    pending: &AtomicUsize,
    tell: impl FnMut(&Done),
) -> Written {
    let mut files =
        Files { limits, current: Some(Current::new(first)), files: 1, channels: Vec::new(), tell };
    let failure = match files.run(batches, pending) {
        Ok(()) => None,
        Err(error) => {
            if let Some(current) = files.current.take() {
                files.salvage(current.file.path().to_owned(), current.file.into_remains());
            }
            Some(error)
        }
    };
    let channels = files.channels.into_iter().map(|channel| (channel.form, channel.kept)).collect();
    Written { channels, failure }
}

impl<F: FnMut(&Done)> Files<F> {
    fn run(&mut self, batches: &Receiver<Batch>, pending: &AtomicUsize) -> Result<(), WriteError> {
        loop {
            let due = self.current.as_ref().and_then(|current| current.file.due());
            let wait = due.map_or(IDLE, |due| due.saturating_duration_since(Instant::now()));
            match batches.recv_timeout(wait) {
                Ok(batch) => {
                    let size = batch.size();
                    self.take(batch)?;
                    // Relaxed: a measure; the batches themselves come through the channel.
                    pending.fetch_sub(size, Ordering::Relaxed);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.finish("finished"),
            }
            let current = self.current.as_mut();
            let due = current.filter(|current| current.file.due().is_some_and(|due| due <= Instant::now()));
            if let Some(current) = due {
                current.file.flush()?;
                self.keep();
            }
        }
    }

    fn take(&mut self, batch: Batch) -> Result<(), WriteError> {
        let mut rest = &batch.bytes[..];
        let mut cdr = Vec::new();
        for entry in batch.entries {
            match entry {
                Entry::Opened(form) => {
                    let [open, in_file, kept] = [Tally::default(); 3];
                    self.channels.push(Channel { form: *form, open, in_file, kept });
                }
                Entry::Message { form, key, sequence, log_time, publish_time, length } => {
                    let (message, after) = rest.split_at(length);
                    rest = after;
                    self.rotate(log_time)?;
                    let channel_id = self.topic(form, key)?;
                    let sequence = sequence as u32; // Counts on from 0 after 2³² messages.
                    let header = MessageHeader { channel_id, sequence, log_time, publish_time };
                    let data = if self.channels[form].form.schema.is_some() {
                        cdr.clear();
                        cdr.extend_from_slice(&CDR_HEADER);
                        cdr.extend_from_slice(message);
                        &cdr[..]
                    } else {
                        message
                    };
                    self.channels[form].open.add(Tally { messages: 1, bytes: length as u64, missed: 0 });
                    self.put(&header, data)?;
                }
                Entry::Missed { form, count, log_time } => {
                    self.rotate(log_time)?;
                    let channel_id = self.missed_topic()?;
                    let Form { domain, channel, .. } = &self.channels[form].form;
                    let missed = serde_json::json!({ "domain": domain, "channel": channel, "count": count });
                    let header = MessageHeader { channel_id, sequence: 0, log_time, publish_time: log_time };
                    self.channels[form].open.add(Tally { missed: count, ..Tally::default() });
                    self.put(&header, missed.to_string().as_bytes())?;
                }
            }
        }
        Ok(())
    }

    fn put(&mut self, header: &MessageHeader, data: &[u8]) -> Result<(), WriteError> {
        if self.current()?.file.message(header, data)? {
            self.keep();
        }
        Ok(())
    }

    /// What was counted is in the file now.
    fn keep(&mut self) {
        for channel in &mut self.channels {
            let written = std::mem::take(&mut channel.open);
            channel.in_file.add(written);
            channel.kept.add(written);
        }
    }

    /// Completes the file if a message of this time belongs into the next one.
    fn rotate(&mut self, log_time: u64) -> Result<(), WriteError> {
        let Some(current) = &mut self.current else { return Ok(()) };
        let begun = *current.begun.get_or_insert(log_time);
        let is_long = |most: Duration| u128::from(log_time.saturating_sub(begun)) >= most.as_nanos();
        let is_full = self.limits.max_size.is_some_and(|most| current.file.size() >= most)
            || self.limits.max_duration.is_some_and(is_long);
        // Payloads stay with their message, which has the same time.
        let is_later = log_time > std::mem::replace(&mut current.newest, log_time);
        if is_full && is_later && log_time > begun { self.finish("continued") } else { Ok(()) }
    }

    /// The file, made if there is none.
    fn current(&mut self) -> Result<&mut Current, WriteError> {
        if self.current.is_none() {
            let path = loop {
                let path = numbered(&self.limits.output, self.files);
                self.files += 1;
                if !path.exists() {
                    break path;
                }
            };
            self.current = Some(Current::new(OneFile::create(&path, self.limits.compress)?));
        }
        Ok(self.current.as_mut().unwrap_or_else(|| unreachable!("made above")))
    }

    fn topic(&mut self, form: usize, key: Option<u32>) -> Result<u16, WriteError> {
        self.current()?;
        let Some(current) = &mut self.current else { unreachable!("made above") };
        if let Some(id) = current.topics.get(&(form, key)) {
            return Ok(*id);
        }
        let shape = &self.channels[form].form;
        let schema = shape.schema.as_ref().map(|(name, text)| (name.as_str(), "ros2msg", text.as_str()));
        let id = current.file.add(&shape.topic(key), schema, shape.encoding(), &shape.metadata(key))?;
        current.topics.insert((form, key), id);
        Ok(id)
    }

    fn missed_topic(&mut self) -> Result<u16, WriteError> {
        let current = self.current()?;
        if let Some(id) = current.missed {
            return Ok(id);
        }
        let schema = Some(("ipcr.Missed", "jsonschema", MISSED_SCHEMA));
        let id = current.file.add(MISSED, schema, "json", &BTreeMap::new())?;
        current.missed = Some(id);
        Ok(id)
    }

    /// Completes the file.
    fn finish(&mut self, ended: &str) -> Result<(), WriteError> {
        let Some(mut current) = self.current.take() else { return Ok(()) };
        let path = current.file.path().to_owned();
        if let Err(error) = current.file.flush() {
            self.salvage(path, current.file.into_remains());
            return Err(error);
        }
        self.keep();
        let pairs = |pairs: &[(&str, String)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
        };
        let recording = pairs(&[("file", (self.files - 1).to_string()), ("ended", ended.to_owned())]);
        let missed =
            self.channels.iter().filter(|channel| channel.in_file.messages + channel.in_file.missed > 0);
        let missed = missed
            .map(|Channel { form, in_file, .. }| (format!("{}/{}", form.domain, form.channel), *in_file));
        // A channel that was made anew is there twice.
        let mut sums = BTreeMap::new();
        missed.for_each(|(name, tally)| sums.entry(name).or_insert(Tally::default()).add(tally));
        let missed = sums.into_iter().map(|(name, tally)| (name, tally.missed.to_string())).collect();
        let about = [
            Metadata { name: "ipcr.recording".to_owned(), metadata: recording },
            Metadata { name: "ipcr.missed".to_owned(), metadata: missed },
        ];
        match current.file.finish(&about) {
            Ok(bytes) => {
                self.done(path, bytes);
                Ok(())
            }
            Err((error, remains)) => {
                self.salvage(path, remains);
                Err(error)
            }
        }
    }

    /// After an error, keeps what can be read. If even its end cannot be written, it is like the file of a
    /// recorder that was killed.
    fn salvage(&mut self, path: PathBuf, remains: Remains) {
        let bytes = remains.readable();
        let bytes = remains.salvage().unwrap_or(bytes);
        self.done(path, bytes);
    }

    fn done(&mut self, path: PathBuf, bytes: u64) {
        let mut messages = 0;
        for channel in &mut self.channels {
            messages += std::mem::take(&mut channel.in_file).messages;
        }
        (self.tell)(&Done { path, bytes, messages });
    }
}

impl Current {
    fn new(file: OneFile) -> Current {
        Current { file, topics: HashMap::new(), missed: None, begun: None, newest: 0 }
    }
}

/// `run.mcap`, `run.1.mcap`, `run.2.mcap`.
fn numbered(output: &Path, number: u64) -> PathBuf {
    let mut name = output.file_stem().unwrap_or_default().to_owned();
    name.push(format!(".{number}"));
    if let Some(extension) = output.extension() {
        name.push(".");
        name.push(extension);
    }
    output.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_numbered_before_their_extension() {
        let name = |output: &str| numbered(Path::new(output), 1).to_string_lossy().into_owned();
        assert_eq!(name("/a/run.mcap"), "/a/run.1.mcap");
        assert_eq!(name("run"), "run.1");
    }
}
