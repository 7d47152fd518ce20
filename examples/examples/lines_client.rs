//! Sends its arguments to `lines_server`, a line each, and prints the answers.

use std::io::{BufRead, Write};
use std::net::Shutdown;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use examples::Outcome;
use ipc_ring::control::Builder;

fn main() -> ExitCode {
    examples::run("lines_client", ask)
}

fn ask() -> Outcome {
    // Waits for a server that is just being started.
    let patience = Duration::from_secs(10);
    let mut server = Builder::new(examples::LINES).connect_retrying(Instant::now() + patience)?;
    server.set_read_timeout(Some(patience))?;
    for line in std::env::args().skip(1) {
        writeln!(server, "{line}")?;
    }
    // No more requests; the answers still arrive.
    server.shutdown(Shutdown::Write);
    for answer in server.lines() {
        println!("{}", answer?);
    }
    Ok(())
}
