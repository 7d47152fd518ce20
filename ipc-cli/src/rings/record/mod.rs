//! `record`: the messages of channels in MCAP files.
//!
//! This thread reads the channels, another one writes the files ([`files`]). Between them is memory for what
//! a slow disk has not taken yet; when it is full, messages are overwritten in their channels before they are
//! read, are counted exactly, and the count is recorded.

mod file;
mod files;
mod follow;
pub(in crate::rings) mod form;
mod payloads;
mod source;
mod tell;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ipc_cli_support::interrupt;

use crate::cli::record::Record;
use crate::exit::{DONE, FAILED, Failure, Outcome, REFUSED, USAGE};
use file::OneFile;
use files::{Batch, Entry, Limits, Written};
use follow::{Followed, Following, News, Open};
use form::Form;
use payloads::Topic;
use source::Read;

/// Bytes that wait for the disk before no more are read.
const MOST_PENDING: usize = 64 << 20;
/// Messages of a channel that are read before the next channel has its turn, and bytes of a batch.
const TURN: usize = 256;
const BATCH_BYTES: usize = 256 << 10;
/// How long messages are read that were in the channels at the end.
const DRAIN: Duration = Duration::from_millis(200);
/// Between two looks while messages come, and while none does.
const BUSY: Duration = Duration::from_micros(200);
const IDLE: Duration = Duration::from_millis(1);

pub(crate) fn run(asked: &Record) -> Outcome {
    let is_stdout = asked.output.as_os_str() == "-";
    if asked.compress && !file::CAN_COMPRESS {
        return Err(Failure::new(USAGE, "this ipcr was built without LZ4: it cannot compress"));
    }
    if is_stdout && (asked.format.json || asked.max_size.is_some() || asked.max_duration.is_some()) {
        let reason =
            "standard output is one file, and takes no lines: --output FILE goes with --json and the limits";
        return Err(Failure::new(USAGE, reason));
    }
    let mut news = Vec::new();
    let mut following = Following::begin(asked, &mut news)?;
    let file = match OneFile::create(&asked.output, asked.compress) {
        Ok(file) => file,
        Err(error) if error.is_closed_pipe => return Ok(DONE),
        Err(error) => {
            let code = if asked.output.exists() { REFUSED } else { FAILED };
            return Err(Failure::new(code, format!("{}: {}", error.path.display(), error.reason)));
        }
    };
    let teller = tell::Teller { json: asked.format.json, is_silent: is_stdout };
    let limits = Limits {
        output: asked.output.clone(),
        max_size: asked.max_size,
        max_duration: asked.max_duration,
        compress: asked.compress,
    };
    let mut recorder = Recorder::start(limits, file, teller);
    recorder.take(&mut news);
    let read = recorder.read(asked, &mut following);
    let written = recorder.finish();
    teller.totals(&written);
    if let Some(error) = written.failure.filter(|error| !error.is_closed_pipe) {
        let reason =
            format!("{}: {}; what was written before can be read", error.path.display(), error.reason);
        return Err(Failure::new(FAILED, reason));
    }
    read.map(|()| DONE)
}

/// What is read, on its way to the files.
struct Recorder {
    teller: tell::Teller,
    batch: Batch,
    message: Vec<u8>,
    /// Channels in the recording.
    forms: usize,
    messages: u64,
    /// The time of the last message: the times of a recording do not go back, even if the clock does.
    newest: u64,
    pending: Arc<AtomicUsize>,
    batches: Sender<Batch>,
    writer: JoinHandle<Written>,
}

impl Recorder {
    fn start(limits: Limits, file: OneFile, teller: tell::Teller) -> Recorder {
        let (batches, taken) = mpsc::channel();
        let pending = Arc::new(AtomicUsize::new(0));
        let shared = Arc::clone(&pending);
        let writer =
            std::thread::spawn(move || files::write(limits, file, &taken, &shared, |done| teller.file(done)));
        let (batch, message) = (Batch::default(), Vec::new());
        Recorder { teller, batch, message, forms: 0, messages: 0, newest: 0, pending, batches, writer }
    }

    /// Reads until there is nothing more to read, or no more is wanted.
    fn read(&mut self, asked: &Record, following: &mut Following<'_>) -> Result<(), Failure> {
        let end = asked.duration.map(|duration| Instant::now() + duration);
        let is_enough = |recorder: &Recorder| {
            interrupt::came()
                || asked.count.is_some_and(|count| recorder.messages >= count)
                || end.is_some_and(|end| end <= Instant::now())
        };
        let mut news = Vec::new();
        let mut pause = BUSY;
        loop {
            let before = self.messages;
            for channel in &mut following.channels {
                let most = asked.count.map_or(TURN as u64, |count| (count - self.messages).min(TURN as u64));
                self.turn(channel, most as usize, &mut news);
                self.send_if(self.batch.size() >= BATCH_BYTES);
            }
            following.look(self.forms, &mut news)?;
            self.take(&mut news);
            self.send_if(true);
            if self.writer.is_finished() || following.is_over() {
                return Ok(());
            }
            if is_enough(self) {
                self.drain(asked, following);
                return Ok(());
            }
            while self.pending.load(Ordering::Relaxed) > MOST_PENDING
                && !is_enough(self)
                && !self.writer.is_finished()
            {
                std::thread::sleep(BUSY);
            }
            if self.messages > before {
                pause = BUSY;
            } else {
                std::thread::sleep(pause);
                pause = (pause * 2).min(IDLE);
            }
        }
    }

    /// Reads what is in the channels already, unless a number of messages was asked for. Ends after some time
    /// even if more comes.
    fn drain(&mut self, asked: &Record, following: &mut Following<'_>) {
        let end = Instant::now() + DRAIN;
        let mut before = None;
        while asked.count.is_none() && before != Some(self.messages) && Instant::now() < end {
            before = Some(self.messages);
            for channel in &mut following.channels {
                self.turn(channel, TURN, &mut Vec::new());
            }
            self.send_if(true);
        }
    }

    /// Reads some messages of a channel.
    fn turn(&mut self, channel: &mut Followed, most: usize, news: &mut Vec<News>) {
        let mut lost = 0_u64;
        for _ in 0..most {
            let Some(open) = &mut channel.open else { break };
            let form = open.form;
            match open.source.read(&mut self.message) {
                Ok(Read::Message { sequence, key, missed }) => {
                    self.put_missed(form, std::mem::take(&mut lost).saturating_add(missed));
                    let log_time = self.now();
                    let publish_time =
                        open.time.and_then(|time| time.read(&self.message)).unwrap_or(log_time);
                    let length = self.message.len();
                    let message = Entry::Message { form, key, sequence, log_time, publish_time, length };
                    self.put_payloads(open, &message);
                    self.batch.bytes.extend_from_slice(&self.message);
                    self.batch.entries.push(message);
                    self.messages += 1;
                    if self.batch.size() < BATCH_BYTES {
                        continue;
                    }
                }
                // Several times in a row where the ring is faster: one record.
                Ok(Read::Missed(count)) => {
                    lost = lost.saturating_add(count);
                    continue;
                }
                Ok(Read::Nothing) => {
                    self.put_missed_payloads(open);
                    channel.is_quiet(news);
                }
                Ok(Read::Over) => channel.close(),
                Err(reason) => {
                    channel.close();
                    let (domain, channel) = channel.names();
                    self.teller.broken(domain, channel, &reason);
                }
            }
            return self.put_missed(form, lost);
        }
        if let Some(open) = &mut channel.open {
            self.put_missed(open.form, lost);
            self.put_missed_payloads(open);
        }
    }

    /// Reads what the handles in a message name, before the blocks are lent again.
    fn put_payloads(&mut self, open: &mut Open, of: &Entry) {
        let Some(payloads) = &mut open.payloads else { return };
        let &Entry::Message { key, sequence, log_time, publish_time, .. } = of else { return };
        for field in 0..payloads.fields() {
            let Some(topic) = payloads.read(field, &self.message, self.forms) else { continue };
            let form = self.form_of(topic);
            if let Some((topic, count)) = payloads.missed(field, self.forms) {
                let form = self.form_of(topic);
                self.put_missed(form, count);
            }
            let length = payloads.bytes.len();
            self.batch.bytes.extend_from_slice(&payloads.bytes);
            let payload = Entry::Message { form, key, sequence, log_time, publish_time, length };
            self.batch.entries.push(payload);
        }
    }

    fn put_missed_payloads(&mut self, open: &mut Open) {
        let Some(payloads) = &mut open.payloads else { return };
        for field in 0..payloads.fields() {
            if let Some((topic, count)) = payloads.missed(field, self.forms) {
                let form = self.form_of(topic);
                self.put_missed(form, count);
            }
        }
    }

    /// The number of a topic of payloads, which is put into the recording if it is new.
    fn form_of(&mut self, topic: Topic) -> usize {
        match topic {
            Topic::Known(form) => form,
            Topic::New(form) => {
                self.open(form);
                self.forms - 1
            }
        }
    }

    fn open(&mut self, form: Box<Form>) {
        self.teller.opened(&form);
        self.batch.entries.push(Entry::Opened(form));
        self.forms += 1;
    }

    fn put_missed(&mut self, form: usize, count: u64) {
        if count > 0 {
            let log_time = self.now();
            self.batch.entries.push(Entry::Missed { form, count, log_time });
        }
    }

    fn now(&mut self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.newest = self.newest.max(since.as_nanos() as u64);
        self.newest
    }

    /// Tells of what is new, and puts it into the recording.
    fn take(&mut self, news: &mut Vec<News>) {
        for one in news.drain(..) {
            match one {
                News::Opened(form) => self.open(form),
                News::Refused { domain, channel, reason } => self.teller.refused(&domain, &channel, &reason),
                News::Over { domain, channel } => self.teller.over(&domain, &channel),
            }
        }
    }

    fn send_if(&mut self, is_time: bool) {
        if is_time && !self.batch.entries.is_empty() {
            let batch = std::mem::take(&mut self.batch);
            // Relaxed: a measure; the batches themselves come through the channel.
            self.pending.fetch_add(batch.size(), Ordering::Relaxed);
            // A writer that has failed takes no more; its end is noticed in the loop.
            let _ = self.batches.send(batch);
        }
    }

    /// Completes the files.
    fn finish(mut self) -> Written {
        self.send_if(true);
        drop(self.batches);
        match self.writer.join() {
            Ok(written) => written,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}
