//! Makes one call to `rpc_server`, which says how to run both.

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use examples::{Outcome, rpc};
use ipc_ring::control::{Answer, Builder, RequestError, Requester};

fn main() -> ExitCode {
    examples::run("rpc_client", ask)
}

fn ask() -> Outcome {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let call = match words[..] {
        ["set", key, value] => rpc::Call::Set(key, value),
        ["get", key] => rpc::Call::Get(key),
        ["list"] => rpc::Call::List,
        ["stop"] => rpc::Call::Stop,
        _ => return Err("say one of: set KEY VALUE, get KEY, list, stop".into()),
    };
    // Waits for a server that is just being started, with growing pauses.
    let patience = Duration::from_secs(10);
    let connection = Builder::new(rpc::NAME).connect_retrying(Instant::now() + patience)?;
    let mut server = Requester::new(connection);

    let ticket = server.start(&call.bytes(), patience)?;
    let mut out = std::io::stdout().lock();
    loop {
        match server.wait(&ticket) {
            Ok(Answer::Part(part)) => out.write_all(&part)?,
            Ok(Answer::Last(rest)) if rest.is_empty() => return Ok(()),
            Ok(Answer::Last(rest)) => {
                out.write_all(&rest)?;
                return Ok(writeln!(out)?);
            }
            Err(RequestError::Failed { code: rpc::NO_SUCH_KEY }) => return Err("there is no such key".into()),
            Err(error) => return Err(error.into()),
        }
    }
}
