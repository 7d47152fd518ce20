//! The worker's side of starting together.

use std::io::{self, BufRead, Write};

use super::protocol::{Failure, Go, Reply};

/// Passed once, when everything is set up: tells the parent and waits for the peer to be ready too.
#[derive(Debug)]
pub(crate) struct Gate(());

impl Gate {
    pub(super) fn new() -> Gate {
        Gate(())
    }

    /// Says that this worker is ready and blocks until both are. Gives the common start time in ticks.
    ///
    /// # Errors
    /// The parent went away.
    pub(crate) fn pass(&mut self) -> Result<u64, Failure> {
        say(&Reply::Ready)?;
        let go: Go = hear()?;
        Ok(go.start)
    }
}

/// Writes one line to the parent.
pub(super) fn say(reply: &Reply) -> Result<(), Failure> {
    let mut line = serde_json::to_string(reply).map_err(Failure::at("writing to the parent"))?;
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
