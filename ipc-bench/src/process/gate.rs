//! A member's side of starting and ending together.

use std::io::{self, BufRead, Write};
use std::sync::mpsc::Receiver;

use super::protocol::{Failure, Reply, Word};

/// A member's line to the parent: passed once, when everything is set up.
#[derive(Debug)]
pub(crate) struct Gate {
    member: usize,
    /// The source of the parent's messages, when this process holds several members.
    words: Option<Receiver<Word>>,
}

impl Gate {
    pub(super) fn new(member: usize, words: Option<Receiver<Word>>) -> Gate {
        Gate { member, words }
    }

    /// Reports that this member is ready and blocks until all are. Returns the common start time in ticks.
    ///
    /// # Errors
    /// The parent went away.
    pub(crate) fn pass(&mut self) -> Result<u64, Failure> {
        match self.ask(&Reply::Ready)? {
            Word::Go { start } => Ok(start),
            Word::Close { .. } => Err(Failure::Failed("the parent closed what it had not started".into())),
        }
    }

    /// Reports that this producer of a fan has sent everything and blocks until all have. Returns whether
    /// this one sends the end marks.
    ///
    /// # Errors
    /// The parent went away.
    pub(crate) fn is_last(&mut self) -> Result<bool, Failure> {
        match self.ask(&Reply::Sent)? {
            Word::Close { last } => Ok(last),
            Word::Go { .. } => Err(Failure::Failed("the parent started what had ended".into())),
        }
    }

    /// Reports to the parent how the job ended.
    ///
    /// # Errors
    /// The parent went away.
    pub(super) fn conclude(&self, reply: &Reply) -> Result<(), Failure> {
        say(self.member, reply)
    }

    fn ask(&mut self, reply: &Reply) -> Result<Word, Failure> {
        say(self.member, reply)?;
        match &self.words {
            None => hear::<(usize, Word)>().map(|(_, word)| word),
            Some(words) => words.recv().map_err(Failure::at("reading from the parent")),
        }
    }
}

/// Writes one line to the parent.
pub(super) fn say(member: usize, reply: &Reply) -> Result<(), Failure> {
    let mut line = serde_json::to_string(&(member, reply)).map_err(Failure::at("writing to the parent"))?;
    line.push('\n');
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes()).and_then(|()| out.flush()).map_err(Failure::at("writing to the parent"))
}

/// Reads one line from the parent.
pub(super) fn hear<T: serde::de::DeserializeOwned>() -> Result<T, Failure> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(Failure::at("reading from the parent"))?;
    serde_json::from_str(&line).map_err(Failure::at("reading from the parent"))
}
