//! Recordings, read with the library that also writes them; `.ci/readers` has another one read them.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout};

use mcap::McapError;
use mcap::io::MessageReader;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Ended, command};

/// A recorded message.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub topic: String,
    pub encoding: String,
    /// Name and text.
    pub schema: Option<(String, String)>,
    pub metadata: BTreeMap<String, String>,
    pub sequence: u32,
    pub log_time: u64,
    pub publish_time: u64,
    pub data: Vec<u8>,
}

/// The messages, in the order of the file, and whether the file was completed.
pub fn read_from(source: impl Read) -> (Vec<Message>, bool) {
    let mut messages = Vec::new();
    for message in MessageReader::new(source) {
        let message = match message {
            Ok(message) => message,
            Err(McapError::UnexpectedEof) => return (messages, false),
            Err(error) => panic!("{error}"),
        };
        let channel = &message.channel;
        let schema = channel.schema.as_ref();
        messages.push(Message {
            topic: channel.topic.clone(),
            encoding: channel.message_encoding.clone(),
            schema: schema.map(|schema| {
                (schema.name.clone(), String::from_utf8(schema.data.to_vec()).expect("a text"))
            }),
            metadata: channel.metadata.clone(),
            sequence: message.sequence,
            log_time: message.log_time,
            publish_time: message.publish_time,
            data: message.data.into_owned(),
        });
    }
    (messages, true)
}

/// The messages of a file that was completed and has an index.
pub fn read(path: &Path) -> Vec<Message> {
    let bytes = std::fs::read(path).expect("a file");
    let (messages, is_complete) = read_from(&bytes[..]);
    assert!(is_complete, "{}", path.display());
    let summary = mcap::Summary::read(&bytes).expect("valid").expect("an index");
    assert_eq!(summary.stats.expect("statistics").message_count, messages.len() as u64);
    messages
}

/// The messages of a topic.
pub fn of<'a>(messages: &'a [Message], topic: &str) -> Vec<&'a Message> {
    messages.iter().filter(|message| message.topic == topic).collect()
}

/// How many messages were missed, by the recording itself.
pub fn missed(messages: &[Message]) -> u64 {
    let count = |message: &&Message| {
        let missed: serde_json::Value = serde_json::from_slice(&message.data).expect("JSON");
        missed["count"].as_u64().expect("a number")
    };
    of(messages, "ipcr/missed").iter().map(count).sum()
}

/// A directory of the test's own.
pub fn directory() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("run.mcap");
    (directory, file)
}

/// A recorder at work.
pub struct Recorder {
    child: Child,
    output: BufReader<ChildStdout>,
    said: String,
}

impl Recorder {
    /// Starts it, and waits until it records this number of channels.
    pub fn start(arguments: &str, file: &Path, channels: usize) -> Recorder {
        let mut child = command(&format!("record {arguments} --json"))
            .arg("--output")
            .arg(file)
            .spawn()
            .expect("it starts");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let mut recorder = Recorder { child, output, said: String::new() };
        for _ in 0..channels {
            recorder.until("\"recording\"");
        }
        recorder
    }

    /// Waits for a line with this word.
    pub fn until(&mut self, word: &str) -> String {
        loop {
            let mut line = String::new();
            let length = self.output.read_line(&mut line).expect("a line");
            assert!(length > 0, "it ended without {word}: {}", self.said);
            self.said.push_str(&line);
            if line.contains(word) {
                return line;
            }
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).expect("kill");
    }

    /// Waits for its end. The output is whole.
    pub fn end(mut self) -> Ended {
        self.output.read_to_string(&mut self.said).expect("text");
        let mut ended = super::end(self.child);
        ended.output = self.said;
        ended
    }

    /// Ctrl-C.
    pub fn interrupt(self) -> Ended {
        self.signal(Signal::SIGINT);
        let ended = self.end();
        assert_eq!(ended.code, Some(130), "{ended:?}");
        ended
    }
}
