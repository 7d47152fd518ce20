//! A server with a line protocol that uses only `std::io`: it would serve a `UnixStream` in the same way.
//!
//! ```text
//! cargo run --release -p examples --example lines_server
//! cargo run --release -p examples --example lines_client -- 'add 1 2' 'add 3 4' quit
//! ```
//!
//! A line is a request: `add` and numbers, `quit`, or `stop` for the server's end. A line answers each.

use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::process::ExitCode;

use examples::Outcome;
use ipc_ring::Listener;

fn main() -> ExitCode {
    examples::run("lines_server", serve)
}

fn serve() -> Outcome {
    let mut listener = Listener::bind(examples::LINES)?;
    eprintln!("listening as {}", examples::LINES);
    loop {
        let connection = listener.accept()?;
        let peer = connection.peer();
        let (reader, writer) = connection.into_split();
        // Answers are collected until the client has to wait for them.
        match converse(&mut BufReader::new(reader), &mut BufWriter::new(writer)) {
            Ok(Verdict::GoOn) => {}
            Ok(Verdict::Stop) => return Ok(()),
            Err(error) => eprintln!("{peer}: {:?}: {error}", error.kind()),
        }
    }
}

#[derive(PartialEq)]
enum Verdict {
    GoOn,
    Stop,
}

/// The protocol. Independent of rings and processes.
fn converse(client: &mut BufReader<impl io::Read>, answers: &mut impl Write) -> io::Result<Verdict> {
    let mut line = String::new();
    loop {
        line.clear();
        if client.read_line(&mut line)? == 0 {
            return Ok(Verdict::GoOn); // The client has shut its sending direction down.
        }
        let mut words = line.split_whitespace();
        match words.next() {
            Some("add") => match words.map(str::parse::<i64>).sum::<Result<i64, _>>() {
                Ok(sum) => writeln!(answers, "{sum}")?,
                Err(error) => writeln!(answers, "error: {error}")?,
            },
            Some(word @ ("quit" | "stop")) => {
                writeln!(answers, "bye")?;
                answers.flush()?;
                return Ok(if word == "stop" { Verdict::Stop } else { Verdict::GoOn });
            }
            _ => writeln!(answers, "error: say add and numbers, quit or stop")?,
        }
        if client.buffer().is_empty() {
            answers.flush()?;
        }
    }
}
