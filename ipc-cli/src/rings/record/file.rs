//! One file of a recording.
//!
//! Chunks are collected in memory and written as a whole, so that a recorder that is killed leaves a file
//! that can be read up to its last chunk. If the disk is full, the file is cut behind its last complete chunk
//! and gets an end without an index there.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mcap::records::{MessageHeader, Metadata};
use mcap::write::NoSeek;
use mcap::{MAGIC, McapError, WriteOptions, Writer};

/// Bytes of messages that are collected for a chunk, and how long.
const CHUNK_BYTES: u64 = 1 << 20;
const CHUNK_TIME: Duration = Duration::from_secs(1);

/// The end of a file without an index: the records *data end* and *footer*, and the magic bytes.
const END: [u8; 50] = {
    let mut end = [0; 50];
    (end[0], end[1]) = (0x0f, 4);
    (end[13], end[14]) = (0x02, 20);
    let mut at = 0;
    while at < MAGIC.len() {
        end[42 + at] = MAGIC[at];
        at += 1;
    }
    end
};

/// Where the bytes go, and how many have gone there. The count is shared, since the writer owns the sink.
#[derive(Debug)]
struct Sink {
    to: To,
    bytes: Arc<AtomicU64>,
}

#[derive(Debug)]
enum To {
    File(File),
    Stdout(io::Stdout),
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.to {
            To::File(file) => file.write(bytes),
            To::Stdout(stdout) => stdout.write(bytes),
        }?;
        // Relaxed: one thread writes and reads it.
        self.bytes.fetch_add(written as u64, Ordering::Relaxed);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.to {
            To::File(file) => file.flush(),
            To::Stdout(stdout) => stdout.flush(),
        }
    }
}

/// A file that is being written.
pub(super) struct OneFile {
    path: PathBuf,
    writer: Writer<NoSeek<BufWriter<Sink>>>,
    /// Bytes of messages since the last chunk.
    collected: u64,
    written: Arc<AtomicU64>,
    chunk_begun: Option<Instant>,
    /// The length up to which it can be read.
    readable: u64,
}

/// Why a file could not be written.
#[derive(Debug)]
pub(super) struct WriteError {
    pub(super) path: PathBuf,
    pub(super) reason: String,
    /// The reader of standard output is gone.
    pub(super) is_closed_pipe: bool,
}

impl OneFile {
    /// Makes the file, which must not exist; `-` is standard output.
    pub(super) fn create(path: &Path, compress: bool) -> Result<OneFile, WriteError> {
        let to = if path.as_os_str() == "-" {
            Ok(To::Stdout(io::stdout()))
        } else {
            OpenOptions::new().write(true).create_new(true).open(path).map(To::File)
        };
        let failed = |error: McapError| WriteError::of(path, &error);
        let to = to.map_err(|error| failed(error.into()))?;
        let options = WriteOptions::new()
            .library(concat!("ipcr/", env!("CARGO_PKG_VERSION")))
            .compression(compression(compress))
            // Chunks end at the calls of `flush`.
            .chunk_size(None)
            .disable_seeking(true)
            // Each chunk has a checksum of its own.
            .calculate_data_section_crc(false);
        let written = Arc::new(AtomicU64::new(0));
        let sink = BufWriter::new(Sink { to, bytes: Arc::clone(&written) });
        let writer = options.create(NoSeek::new(sink)).map_err(failed)?;
        let path = path.to_owned();
        let mut file = OneFile { path, writer, written, collected: 0, chunk_begun: None, readable: 0 };
        file.flush()?;
        Ok(file)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// About how many bytes it has, without the messages that a compressed chunk saves.
    pub(super) fn size(&self) -> u64 {
        self.readable + self.collected
    }

    /// Adds a topic. Its number is valid in this file only.
    pub(super) fn add(
        &mut self,
        topic: &str,
        schema: Option<(&str, &str, &str)>,
        encoding: &str,
        metadata: &BTreeMap<String, String>,
    ) -> Result<u16, WriteError> {
        let schema = match schema {
            Some((name, encoding, text)) => self.writer.add_schema(name, encoding, text.as_bytes()),
            None => Ok(0),
        };
        let added = schema.and_then(|schema| self.writer.add_channel(schema, topic, encoding, metadata));
        added.map_err(|error| WriteError::of(&self.path, &error))
    }

    /// Adds a message. Returns whether a chunk was completed: what came before it is in the file.
    pub(super) fn message(&mut self, header: &MessageHeader, data: &[u8]) -> Result<bool, WriteError> {
        let written = self.writer.write_to_known_channel(header, data);
        written.map_err(|error| WriteError::of(&self.path, &error))?;
        self.collected += data.len() as u64 + 31;
        self.chunk_begun.get_or_insert_with(Instant::now);
        if self.collected < CHUNK_BYTES { Ok(false) } else { self.flush().map(|()| true) }
    }

    /// When the chunk is old enough to be completed.
    pub(super) fn due(&self) -> Option<Instant> {
        self.chunk_begun.map(|begun| begun + CHUNK_TIME)
    }

    /// Completes the chunk, and hands it to the kernel.
    pub(super) fn flush(&mut self) -> Result<(), WriteError> {
        self.writer.flush().map_err(|error| WriteError::of(&self.path, &error))?;
        (self.collected, self.chunk_begun) = (0, None);
        self.readable = self.written.load(Ordering::Relaxed);
        Ok(())
    }

    /// Completes the last chunk, writes the index, and tells of the recording as a whole. Returns the length
    /// of the file in bytes.
    pub(super) fn finish(mut self, about: &[Metadata]) -> Result<u64, (WriteError, Remains)> {
        if let Err(error) = self.flush() {
            return Err((error, self.into_remains()));
        }
        let indexed = about.iter().try_for_each(|metadata| self.writer.write_metadata(metadata));
        let indexed = indexed.and_then(|()| self.writer.finish().map(|_| ()));
        let OneFile { path, writer, written, readable, .. } = self;
        let mut sink = writer.into_inner().into_inner();
        match indexed.and_then(|()| Ok(sink.flush()?)) {
            Ok(()) => Ok(written.load(Ordering::Relaxed)),
            Err(error) => {
                Err((WriteError::of(&path, &error), Remains { sink: sink.into_parts().0, readable }))
            }
        }
    }

    /// What is left after an error.
    pub(super) fn into_remains(self) -> Remains {
        let sink = self.writer.into_inner().into_inner();
        Remains { sink: sink.into_parts().0, readable: self.readable }
    }
}

/// A file that could not be written any further.
#[derive(Debug)]
pub(super) struct Remains {
    sink: Sink,
    readable: u64,
}

impl Remains {
    /// The length up to which the file can be read, in bytes.
    pub(super) fn readable(&self) -> u64 {
        self.readable
    }

    /// Cuts the file behind its last complete chunk, and ends it there. Returns its length in bytes.
    ///
    /// # Errors
    /// If it could not be ended: as after a kill, it can still be read up to there.
    pub(super) fn salvage(self) -> io::Result<u64> {
        let To::File(mut file) = self.sink.to else { return Ok(self.readable) };
        file.set_len(self.readable)?;
        file.seek(SeekFrom::Start(self.readable))?;
        if let Err(error) = file.write_all(&END) {
            file.set_len(self.readable)?;
            return Err(error);
        }
        Ok(self.readable + END.len() as u64)
    }
}

impl WriteError {
    fn of(path: &Path, error: &McapError) -> WriteError {
        let (reason, is_closed_pipe) = match error {
            McapError::Io(error) => (error.to_string(), error.kind() == io::ErrorKind::BrokenPipe),
            error => (error.to_string(), false),
        };
        WriteError { path: path.to_owned(), reason, is_closed_pipe }
    }
}

#[cfg(feature = "lz4")]
fn compression(compress: bool) -> Option<mcap::Compression> {
    compress.then_some(mcap::Compression::Lz4)
}

#[cfg(not(feature = "lz4"))]
fn compression(_: bool) -> Option<mcap::Compression> {
    None
}

/// Whether files can be compressed.
pub(super) const CAN_COMPRESS: bool = cfg!(feature = "lz4");
